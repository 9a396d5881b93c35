import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import localnet
from localnet import background
from localnet.errors import NodeError
from localnet.paths import ROOT
from localnet.rpc import Rpc

SILENT = ["--port", "0", "--no-traders"]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "localnet", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def exists(pid: int) -> bool:
    """Whether a process lives; one that ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def wait_until_gone(pid: int) -> None:
    handle = os.pidfd_open(pid)
    try:
        assert select.select([handle], [], [], 10)[0], f"process {pid} lives on"
    finally:
        os.close(handle)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def state_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "localnet.json"
    yield path
    background.stop(path)


@pytest.fixture
def running(state_file: Path) -> Iterator[subprocess.Popen[str]]:
    """A localnet in the foreground of another process, which has announced itself."""
    arguments = [sys.executable, "-m", "localnet", "run", *SILENT, "--state-file", str(state_file)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("localnet at http://127.0.0.1:")
        yield process
        process.kill()


def test_stop__context_left__leaves_no_process_and_no_file() -> None:
    with localnet.start() as net:
        pid = net.pid
        scratch = Path(next(word for word in command_line(pid) if word.endswith("genesis.json"))).parent
        assert scratch.exists()

    assert not exists(pid)
    assert not scratch.exists()


def test_stop__body_raises__leaves_no_process() -> None:
    with pytest.raises(ZeroDivisionError), localnet.start() as net:
        pid = net.pid
        raise ZeroDivisionError

    assert not exists(pid)


def test_start__port_in_use__is_one_sentence_and_leaves_nothing() -> None:
    before = children(os.getpid())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        for like_production in (False, True):
            with pytest.raises(NodeError, match=f"^port {port} is in use$"):
                localnet.start(port, like_production=like_production)

    assert children(os.getpid()) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run__asked_to_end__ends_in_order(running: subprocess.Popen[str], state_file: Path, number: int) -> None:
    (anvil,) = children(running.pid)
    assert json.loads(state_file.read_text())["pid"] == running.pid

    running.send_signal(number)

    assert running.wait(10) == 0
    assert not exists(anvil)
    assert not state_file.exists()


def test_run__killed__takes_anvil_with_it(running: subprocess.Popen[str]) -> None:
    (anvil,) = children(running.pid)

    running.kill()
    running.wait(10)

    if exists(anvil):
        wait_until_gone(anvil)


def test_run__anvil_killed__ends_with_one_sentence(running: subprocess.Popen[str], state_file: Path) -> None:
    (anvil,) = children(running.pid)

    os.kill(anvil, signal.SIGKILL)

    assert running.wait(10) == 1
    assert not state_file.exists()


def test_run_detached__until_stopped__is_found_by_its_state_file(state_file: Path) -> None:
    where = ["--state-file", str(state_file)]

    started = command("run", "--detach", *SILENT, *where, "--started-by", "a test")
    state = background.read(state_file)
    assert started.returncode == 0, started.stderr
    assert state is not None
    assert state.url in started.stdout
    assert state.started_by == "a test"
    rpc = Rpc(state.url)
    assert rpc("eth_getBlockByNumber", "0x0", False)["hash"] == state.genesis_hash
    rpc.close()

    assert "already running" in command("run", "--detach", *SILENT, *where).stderr
    assert state.url in command("status", *where).stdout
    assert command("stop", *where).stdout == "localnet stopped\n"
    assert not exists(state.pid)
    assert command("status", *where).returncode == 1
    assert command("stop", *where).stdout == "no localnet was running\n"


def test_run_detached__cannot_start__tells_the_reason(state_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        failed = command("run", "--detach", "--port", port, "--state-file", str(state_file))

    assert failed.returncode == 1
    assert failed.stderr == f"localnet: the localnet did not start: port {port} is in use\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["overlay", "http://127.0.0.1:1"], "anvil_setCode: the node does not answer (ConnectionRefusedError)"),
        (["overlay", "ftp://127.0.0.1"], "not an http(s) URL of a node: ftp://127.0.0.1"),
    ],
)
def test_overlay__no_node__is_one_sentence(arguments: list[str], sentence: str) -> None:
    failed = command(*arguments)

    assert (failed.returncode, failed.stderr) == (1, f"localnet: {sentence}\n")


def test_run__port_in_use__is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        failed = command("run", "--port", port)

    assert (failed.returncode, failed.stderr) == (1, f"localnet: port {port} is in use\n")
