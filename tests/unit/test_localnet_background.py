import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localnet import background
from localnet.background import State
from localnet.errors import LocalnetError


@contextmanager
def idle(*arguments: str) -> Iterator[int]:
    """A process that waits, started completely: before that it has no command line."""
    program = [sys.executable, "-c", "print(flush=True); input()", *arguments]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def state_of(pid: int) -> State:
    return State(pid, "http://127.0.0.1:1", "ws://127.0.0.1:1", 42161, "0x00", "test")


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    return tmp_path / "var" / "localnet.json"


def test_read__no_file__is_nothing(state_file: Path) -> None:
    assert background.read(state_file) is None


def test_read__process_lives_and_is_a_localnet__is_its_state(state_file: Path) -> None:
    # Only the command line tells what a process is.
    with idle("localnet") as pid:
        state_of(pid).write(state_file)

        assert background.read(state_file) == state_of(pid)


def test_read__process_is_something_else__is_nothing(state_file: Path) -> None:
    with idle() as pid:
        state_of(pid).write(state_file)

        assert background.read(state_file) is None


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
