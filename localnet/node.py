"""
anvil as a child process: started, waited for, and ended by its process id.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localnet.errors import NodeError
from localnet.paths import program

CHAIN_ID = 42161
GAS_LIMIT = 1 << 50
#: Arbitrum's floor since ArbOS 51: 0.02 gwei.
BASE_FEE_WEI = 20_000_000
#: Arbitrum charges no calldata floor (EIP-7623), so gas is measured under Cancun's rules.
HARDFORK = "cancun"

_START_SECONDS = 20
_STOP_SECONDS = 5
_PORT_ATTEMPTS = 5
#: A socket's state in /proc/net/tcp.
_LISTEN = "0A"

#: Becomes anvil, after it has asked the kernel (PR_SET_PDEATHSIG) for a SIGKILL when its parent dies. A `preexec_fn`
#: would run Python between fork and exec, which is unsafe beside threads.
_TRAMPOLINE = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None)
if hasattr(libc, "prctl"):
    libc.prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A running anvil."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def pid(self) -> int:
        """The process id of anvil itself."""
        return self.process.pid

    def stop(self) -> None:
        """End anvil and wait until it is gone."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(port: int, arguments: Sequence[str], log: Path, hardfork: str = HARDFORK) -> Node:
    """
    Start anvil on *port* of the loopback interface (0: a free one) and return when it listens.

    It is ended by the kernel when the thread that called this dies, so no anvil survives a killed localnet.

    Raises:
        NodeError: The port is taken, or anvil ended; its last words are in the message.
    """
    arguments = [*_RULES, "--hardfork", hardfork, *arguments]
    if port:
        _require_free(port)
        return _start(port, arguments, log)
    for _ in range(_PORT_ATTEMPTS):
        try:
            return _start(free_port(), arguments, log)
        except NodeError as error:
            # Somebody else was faster.
            if "already in use" not in str(error):
                raise
    raise NodeError(f"{_PORT_ATTEMPTS} free ports were taken by others at once")


def _start(port: int, arguments: Sequence[str], log: Path) -> Node:
    binary = program("anvil", "run npm ci in the checkout")
    log.parent.mkdir(parents=True, exist_ok=True)
    place = ["--host", "127.0.0.1", "--port", str(port)]
    command = [binary, *place, "--quiet", "--no-request-size-limit", *arguments]
    trampoline = [sys.executable, "-I", "-S", "-c", _TRAMPOLINE, str(os.getpid())]
    with log.open("wb") as output:
        # A group of its own: an interrupt at the terminal reaches the localnet only, which then ends anvil in order.
        process = subprocess.Popen(
            trampoline + command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        )
    node = Node(process, f"http://127.0.0.1:{port}")
    try:
        _wait_until_it_listens(process, port, log)
    except BaseException:
        node.stop()
        raise
    return node


_RULES = ("--chain-id", str(CHAIN_ID), "--gas-limit", str(GAS_LIMIT))


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise NodeError(f"port {port} is in use") from error


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _listens(process.pid, port):
        if process.poll() is not None:
            raise NodeError(f"anvil ended at once: {log.read_text(errors='replace').strip()[-300:]}")
        if time.monotonic() > deadline:
            raise NodeError(f"anvil did not listen within {_START_SECONDS} seconds")
        time.sleep(0.005)


def _listens(pid: int, port: int) -> bool:
    """
    Return whether it is *pid* that listens: an answer from the port could be somebody else's.
    """
    local = f":{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(local) and row[3] == _LISTEN}
    return any(_target(link) in sockets for link in Path(f"/proc/{pid}/fd").glob("*"))


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
