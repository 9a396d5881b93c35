"""
What the dashboard does in the keeper's event loop while a block is handled: where the keeper waits, others run.
"""

import asyncio
import time
from asyncio.events import Handle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

import keeper.monitor.dashboard

#: Whose code the dashboard is.
_FOLDERS = tuple(str(Path(module.__file__ or "").parent) for module in (aiohttp, keeper.monitor.dashboard))


class Meanwhile:
    """
    Attributes:
        seconds: Of the processor, that the dashboard's tasks took since ``begin``: no other process blurs them.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._watching = False

    def begin(self) -> None:
        """From now on it counts."""
        self.seconds, self._watching = 0.0, True

    def take(self) -> float:
        """Return what it came to, and count no more."""
        self._watching = False
        return self.seconds

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See every callback that the event loop runs."""
        plain = Handle._run

        def run(handle: Handle) -> Any:
            if not self._watching or not _is_dashboards(handle):
                return plain(handle)
            began = time.thread_time()
            try:
                return plain(handle)
            finally:
                self.seconds += time.thread_time() - began

        Handle._run = run  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            Handle._run = plain  # type: ignore[method-assign]


def _is_dashboards(handle: Handle) -> bool:
    """Whether it is the next step of a task of the server's, or of what is served."""
    owner = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]
    if not isinstance(owner, asyncio.Task):
        return False
    code = getattr(owner.get_coro(), "cr_code", None)
    return code is not None and code.co_filename.startswith(_FOLDERS)
