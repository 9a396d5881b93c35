"""
Something starts a keeper again and again that ends at once.
"""

import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from keeper.restarts import STARTS_FILE
from localnet import accounts, node
from tests.keeper_process import KeeperProcess, wait_for, write_keystore


@pytest.fixture
def keeper(tmp_path: Path) -> KeeperProcess:
    """One whose node is not there."""
    (tmp_path / "state").mkdir()
    keystore = write_keystore(tmp_path / "operator.json", accounts.public(0))
    nowhere = f"127.0.0.1:{node.free_port()}"
    net = SimpleNamespace(url=f"http://{nowhere}", ws_url=f"ws://{nowhere}")
    return KeeperProcess(net, tmp_path / "state", keystore, "")  # type: ignore[arg-type]


def start(keeper: KeeperProcess, **environment: str) -> "subprocess.Popen[str]":
    return keeper.start(KEEPER_MAX_QUICK_FAILURES="2", **environment)


def test_keeper__ends_at_once_again_and_again__waits_and_tells(
    keeper: KeeperProcess, posted: tuple[str, list[dict[str, Any]]]
) -> None:
    url, taken = posted
    for _ in range(2):
        _, errors = (process := start(keeper)).communicate()
        assert process.returncode == 1
        assert "restart_loop" not in errors

    process = start(keeper, KEEPER_WEBHOOK_URLS=f'["{url}"]')
    wait_for(lambda: bool(taken), process)  # it would have ended at once
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate()

    assert [(told["severity"], told["name"]) for told in taken] == [("page", "restart_loop")]
    assert taken[0]["text"] == "the keeper was started 2 times and ended at once: it waits for 5 s"
    assert process.returncode == 0, errors
    assert "Stopped when told to" in output
    # Whoever tells it to stop knows.
    assert not (keeper.state_dir / STARTS_FILE).exists()
