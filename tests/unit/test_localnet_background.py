import os
import subprocess
import sys
from pathlib import Path

import pytest

from localnet import background
from localnet.background import State
from localnet.errors import LocalnetError


def state_of(pid: int) -> State:
    return State(pid, "http://127.0.0.1:1", "ws://127.0.0.1:1", 42161, "0x00", "test")


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    return tmp_path / "var" / "localnet.json"


def test_read__no_file__is_nothing(state_file: Path) -> None:
    assert background.read(state_file) is None


def test_read__process_lives_and_is_a_localnet__is_its_state(state_file: Path) -> None:
    # Only the command line tells what a process is.
    idle = [sys.executable, "-c", "import sys; sys.stdin.read()", "localnet"]
    with subprocess.Popen(idle, stdin=subprocess.PIPE) as process:
        state_of(process.pid).write(state_file)

        assert background.read(state_file) == state_of(process.pid)

        process.terminate()


def test_read__process_is_something_else__is_nothing(state_file: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        state_of(process.pid).write(state_file)

        assert background.read(state_file) is None

        process.terminate()


def test_read__process_gone__is_nothing(state_file: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    state_of(process.pid).write(state_file)

    assert background.read(state_file) is None


def test_read__file_is_something_else__is_one_sentence(state_file: Path) -> None:
    state_file.parent.mkdir()
    state_file.write_text('{"pid": 1}')

    with pytest.raises(LocalnetError, match="is not a state file of a localnet"):
        background.read(state_file)


def test_stop__nothing_runs__says_so_and_removes_the_file(state_file: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    state_of(process.pid).write(state_file)

    assert background.stop(state_file) is False
    assert not state_file.exists()


def test_write__file__is_never_half_written(state_file: Path) -> None:
    state_of(os.getpid()).write(state_file)

    assert [path.name for path in state_file.parent.iterdir()] == ["localnet.json"]
