"""
A keeper that is told to stop leaves at once, with its summary, whatever it was about.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.execution.operation import HALTED_FILE
from localnet import Localnet
from tests.faults.cables import Cable
from tests.keeper_process import PATIENCE_SECONDS, KeeperProcess, opened, wait_for

#: What has begun has three seconds to end; the rest is for Python, on a busy machine.
PROMPTLY_SECONDS = 12.0

SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


@pytest.fixture
def cable(net: Localnet) -> Iterator[Cable]:
    with Cable(int(net.url.rpartition(":")[2].strip("/"))) as cable:
        yield cable


def over(cable: Cable) -> dict[str, str]:
    """The settings of a keeper that has this way to its node and no other."""
    return {"KEEPER_RPC_URL": f"http://127.0.0.1:{cable.port}", "KEEPER_WS_URL": f"ws://127.0.0.1:{cable.port}"}


def told_to_stop(process: "subprocess.Popen[str]", number: int, report: Path | None = None) -> str:
    """Tell a keeper to stop, which it must do at once and as one that was asked to; return what it said."""
    began = time.monotonic()
    process.send_signal(number)
    try:
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert time.monotonic() - began < PROMPTLY_SECONDS
    assert "Traceback" not in errors
    assert "Stopped when told to after" in output
    return output


@SIGNALS
def test_keeper__told_to_stop_before_a_node_answered__leaves_at_once(keeper: KeeperProcess, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_SECONDS)
        process = keeper.start(KEEPER_RPC_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
        asking, _ = silent.accept()

        output = told_to_stop(process, number)

        asking.close()
    assert "after 0 blocks" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])
def test_keeper__signal_while_it_is_being_loaded__is_heeded(keeper: KeeperProcess, tmp_path: Path, number: int) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # What it loads early waits here.
    (tmp_path / "aiohttp.py").write_text(f"open({str(pipe)!r}).read(); raise ImportError('by now it is all the same')")
    process = keeper.start(PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="")
    writers: list[int] = []
    wait_for(lambda: opened(pipe, writers), process)

    process.send_signal(number)
    if number == signal.SIGUSR1:
        os.close(writers.pop())  # it is still there, and goes on
    code = process.wait(PROMPTLY_SECONDS)
    _, errors = process.communicate()

    if number == signal.SIGINT:
        assert (code, errors.strip()) == (130, "Aborted!")
    else:
        assert (code, "by now it is all the same" in errors) == (1, True)
    for writer in writers:
        os.close(writer)


def test_keeper__killed_by_its_signal_before_a_node_answered__is_halted(keeper: KeeperProcess, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_SECONDS)
        nowhere = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = keeper.start(KEEPER_RPC_URL=nowhere, KEEPER_STATE_DIR=str(tmp_path))
        asking, _ = silent.accept()

        process.send_signal(signal.SIGUSR1)
        wait_for((tmp_path / HALTED_FILE).exists, process)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)

        asking.close()
    assert process.returncode == 1
    assert "Stopped when told to after 0 blocks" in output
    assert "SIGUSR1 was received" in errors.splitlines()[-1]


@SIGNALS
def test_keeper__told_to_stop_while_it_reads_the_market__leaves_at_once(
    keeper: KeeperProcess, cable: Cable, tmp_path: Path, number: int
) -> None:
    (tmp_path / "deployment.json").write_bytes((keeper.state_dir / "deployment.json").read_bytes())
    report = tmp_path / "report.json"
    process = keeper.start("--report", str(report), KEEPER_STATE_DIR=str(tmp_path), **over(cable))
    # The journal is opened last of all, before anything is read.
    wait_for((tmp_path / "journal.sqlite").exists, process)
    cable.go_dark()

    output = told_to_stop(process, number)

    assert "after 0 blocks" in output
    assert report.exists()


@pytest.mark.parametrize("way", ["cut", "go_dark"])
def test_keeper__told_to_stop_while_its_node_is_out__leaves_at_once(
    keeper: KeeperProcess, cable: Cable, way: str
) -> None:
    before = keeper.nonce()
    process = keeper.start(**over(cable))
    wait_for(lambda: keeper.nonce() > before, process)
    getattr(cable, way)()

    output = told_to_stop(process, signal.SIGTERM)

    assert "Net profit" in output
