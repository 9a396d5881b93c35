"""
Every shell block of the documentation that is not marked, run in a copy of the checkout, beside one localnet.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.shell_blocks import ROOT, Block, blocks

RUN = [block for block in blocks() if block.reason is None]

#: As the pages say it; the copy's localnet has a port of its own.
URL = "http://127.0.0.1:8545"
#: What was installed stays as it is: `make` in the copy would make it anew.
MAKE = '#!/bin/sh\nexec {make} -o setup -o .venv/.ready -o node_modules/.ready "$@"\n'


@dataclass(frozen=True, slots=True)
class Checkout:
    """
    Attributes:
        folder: With all files of the checkout, and what they write.
        url: Of its localnet.
    """

    folder: Path
    url: str

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        return _run(self.folder, text.replace(URL, self.url), KEEPER_RPC_URL=self.url)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in (".venv", ".cache", "node_modules"):
        (folder / name).symlink_to(ROOT / name)
    tools = folder / "tools"
    tools.mkdir()
    (tools / "make").write_text(MAKE.format(make=shutil.which("make")))
    (tools / "make").chmod(0o755)
    started = _run(folder, ".venv/bin/python -m localnet run --detach --port 0")
    assert started.returncode == 0, started.stderr
    yield Checkout(folder, started.stdout.split()[2].rstrip(","))
    assert _run(folder, ".venv/bin/python -m localnet stop").returncode == 0


@pytest.mark.parametrize("block", RUN, ids=[block.place for block in RUN])
def test_block__as_it_is_written__works(checkout: Checkout, block: Block) -> None:
    done = checkout.run(block.text)

    assert done.returncode == 0, f"{block.place}: {(done.stdout + done.stderr)[-2_000:]}"


def _run(folder: Path, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run commands as a shell does that stops at the first which fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APE_", "KEEPER_", "PYTEST_"))}
    path = os.pathsep.join([str(folder / "tools"), str(Path(sys.base_prefix) / "bin"), "/usr/local/bin:/usr/bin:/bin"])
    home = {"HOME": str(folder / "home"), "APE_DATA_FOLDER": str(folder / "home" / "ape"), "PATH": path}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=clean | home | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )
