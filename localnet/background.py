"""
A localnet that other processes find: its state file, detaching it, and ending it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from localnet.errors import LocalnetError, NodeError
from localnet.paths import ROOT

_READY_SECONDS = 180
_STOP_SECONDS = 15
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class State:
    """
    What the state file says of a running localnet.

    Attributes:
        pid: Of the process that owns it; SIGTERM ends everything.
        started_by: Who asked for it, so that whoever started it can also end it.
    """

    pid: int
    url: str
    ws_url: str
    chain_id: int
    genesis_hash: str
    started_by: str

    @property
    def alive(self) -> bool:
        """Whether the process is still there and is a localnet, not another that got its number."""
        try:
            return b"localnet" in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return False

    def write(self, path: Path) -> None:
        """Write the file so that nobody can read half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(json.dumps(asdict(self), indent=1) + "\n")
        partial.replace(path)


def read(path: Path) -> State | None:
    """
    Return what the state file at *path* says if that localnet lives, else None.
    """
    try:
        state = State(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LocalnetError(f"{path} is not a state file of a localnet") from error
    return state if state.alive else None


def detach(arguments: Sequence[str], state_file: Path) -> State:
    """
    Start ``python -m localnet run`` with *arguments* in the background, and return when it is ready.
    """
    running = read(state_file)
    if running is not None:
        raise LocalnetError(f"a localnet is already running at {running.url}; python -m localnet stop ends it")
    state_file.unlink(missing_ok=True)
    log = state_file.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    # The last one of an option counts, and the person's own state file may be relative to another folder.
    command = [sys.executable, "-m", "localnet", "run", *arguments, "--state-file", str(state_file)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if (state := read(state_file)) is not None:
            return state
        if process.poll() is not None:
            raise NodeError(f"the localnet did not start: {_last_line(log)}")
        time.sleep(_POLL_SECONDS)
    process.terminate()
    raise NodeError(f"the localnet was not ready within {_READY_SECONDS} seconds, see {log}")


def stop(state_file: Path) -> bool:
    """
    End the localnet of *state_file* and wait for it; return False if none was running.
    """
    state = read(state_file)
    if state is None:
        state_file.unlink(missing_ok=True)
        return False
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while state.alive:
        if time.monotonic() > deadline:
            raise NodeError(f"process {state.pid} did not end within {_STOP_SECONDS} seconds")
        time.sleep(_POLL_SECONDS)
    return True


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("localnet: ") if lines else "it said nothing"
