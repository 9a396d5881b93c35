"""
Ape as its users type it, and a chain that it can fork.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import localnet
from localnet import Localnet, TraderSettings

ROOT = Path(__file__).parents[1]
APE = Path(sys.executable).with_name("ape")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Localnet]:
    with serving() as net:
        yield net


@contextmanager
def serving(groups: Sequence[str] = ()) -> Iterator[Localnet]:
    """
    Serve a chain as an archive node would: a block that others build on, and whose state does not go away.

    Args:
        groups: Optional protocols that it has.
    """
    settings = TraderSettings(seed=5)
    with localnet.start(sequencer=False, traders=settings, like_production=True, groups=groups) as net:
        assert net.traders is not None
        for _ in range(40):
            net.traders.step()
            net.mine()
        yield net


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Whoever runs Ape here leaves nothing in the user's own folder."""
    return tmp_path


def ape(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """
    Run Ape to its end.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APE_", "KEEPER_"))}
    return subprocess.run(
        [str(APE), *arguments],
        cwd=ROOT,
        env=clean | {"APE_DATA_FOLDER": str(home / "ape"), "HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )
