"""
Forks of a warmed process: they inherit all that was imported and compiled, and whatever they spoil ends with them.
"""

import io
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


class CrashError(Exception):
    """A fork ended without an answer."""


@dataclass(frozen=True, slots=True)
class Job:
    """
    Work for a fork.

    Attributes:
        work: Returns the answer, anything that JSON can tell.
        seconds: How long it may take.
    """

    subject: Any
    work: Callable[[], Any]
    seconds: float


@dataclass(slots=True)
class Fork:
    """
    A process that does some work and tells the answer through a pipe.
    """

    pid: int
    pipe: int
    answer: bytearray = field(default_factory=bytearray)

    def read(self) -> bool:
        """
        Take what the pipe has, and tell whether that was all.
        """
        chunk = os.read(self.pipe, 1 << 16)
        self.answer += chunk
        return not chunk

    def finish(self) -> Any:
        """
        Return the answer once the pipe is empty.

        Raises:
            CrashError: There is none.
        """
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        if status or not self.answer:
            raise CrashError(self.answer.decode() or f"a test process ended with status {status}")
        return json.loads(self.answer)

    def kill(self) -> None:
        """
        End the process and its own forks.
        """
        os.killpg(self.pid, signal.SIGKILL)
        os.close(self.pipe)
        os.waitpid(self.pid, 0)


def start(work: Callable[[], Any], leads_group: bool = False) -> Fork:
    """
    Fork a process that does the work.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_end)
        if leads_group:
            os.setpgid(pid, pid)
        return Fork(pid, read_end)
    os.close(read_end)
    status = 1
    try:
        if leads_group:
            os.setpgid(0, 0)
        sys.stdout = sys.stderr = io.StringIO()
        answer = json.dumps(work()).encode()
        status = 0
    except BaseException as error:  # noqa: BLE001 - a fork must never return into its parent's code
        answer = f"{type(error).__name__}: {error}".encode()
    try:
        while answer:
            answer = answer[os.write(write_end, answer) :]
    finally:
        os._exit(status)


def call(work: Callable[[], Any]) -> Any:
    """
    Do the work in a fork and return its answer.

    Raises:
        CrashError: The fork has none.
    """
    fork = start(work)
    while not fork.read():
        pass
    return fork.finish()


def run(jobs: Iterable[Job], processes: int) -> Iterator[tuple[Job, Any]]:
    """
    Yield each job with its answer as it ends, or with None if it did not end in time.

    The next job is taken only when a process is free, so that it may depend on the answers before.

    Raises:
        CrashError: A job has no answer.
    """
    waiting = iter(jobs)
    running: dict[int, tuple[Job, Fork, float]] = {}
    try:
        while True:
            while len(running) < processes and (job := next(waiting, None)) is not None:
                fork = start(job.work, leads_group=True)
                running[fork.pipe] = job, fork, time.monotonic() + job.seconds
            if not running:
                return
            ready, _, _ = select.select(list(running), [], [], 1.0)
            for pipe in list(running):
                job, fork, deadline = running[pipe]
                if pipe in ready:
                    if fork.read():
                        del running[pipe]
                        yield job, fork.finish()
                elif time.monotonic() > deadline:
                    del running[pipe]
                    fork.kill()
                    yield job, None
    finally:
        for _, fork, _ in running.values():
            fork.kill()
