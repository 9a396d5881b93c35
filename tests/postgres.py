"""
A PostgreSQL server of the test's own, from the machine's binaries, in a directory that goes with the test.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest


@dataclass(frozen=True, slots=True)
class Server:
    """
    A running server, whose superuser needs no password on loopback.
    """

    port: int
    process: "subprocess.Popen[bytes]"

    def url(self, database: str, port: int | None = None) -> str:
        return f"postgresql://keeper:unused@127.0.0.1:{port or self.port}/{database}"

    def create(self, database: str) -> str:
        """Make an empty database and return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"')  # type: ignore[arg-type]
        return self.url(database)


@contextmanager
def server() -> Iterator[Server]:
    """Start a server; the test is skipped where there is none to start."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("needs PostgreSQL's initdb and postgres (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = _unprivileged(folder)
    data, port = folder / "data", _free_port()
    try:
        initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "keeper", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **user)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "shared_buffers": "16MB",
            "autovacuum": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            command = [str(binaries / "postgres"), "-D", str(data), *options]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **user)
        try:
            _wait_until_ready(binaries, port, process, folder)
            yield Server(port, process)
        finally:
            process.send_signal(signal.SIGQUIT)  # nobody needs what it holds
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path | None:
    candidates = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    if found := shutil.which("initdb"):
        candidates.append(Path(found).resolve().parent)
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


def _unprivileged(folder: Path) -> Mapping[str, Any]:
    """PostgreSQL refuses to be root: then it is somebody else, who gets the folder."""
    if os.getuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = known.get("postgres") or known.get("nobody")
    if user is None:
        pytest.skip("needs a user that is not root: PostgreSQL does not run as root")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _wait_until_ready(binaries: Path, port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    ready = [str(binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "1", "-q"]
    for _ in range(200):
        assert process.poll() is None, (folder / "log").read_text()
        if subprocess.run(ready, check=False).returncode == 0:
            return
    raise AssertionError((folder / "log").read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
