"""
The one clock of these tests: their event loop's, which can be put forward.

Everything in keeper/chain that waits, times out or remembers when, does so by it: a timeout of fifteen seconds takes a
test no time.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class SteppedLoop(asyncio.SelectorEventLoop):
    """
    An event loop whose time is the real one and what it was put forward by.

    Attributes:
        name_asked: Set once a name was to be resolved that cannot be.
    """

    def __init__(self) -> None:
        self._ahead = 0.0
        self._names: bool | None = None
        self.name_asked = asyncio.Event()
        super().__init__()

    def time(self) -> float:
        return super().time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let everything be due that would be so many seconds from now."""
        self._ahead += seconds

    @contextmanager
    def names_fail(self, slowly: bool) -> Iterator[None]:
        """Know no name of a host, at once or after a minute."""
        self._names = slowly
        self.name_asked = asyncio.Event()
        try:
            yield
        finally:
            self._names = None

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        if self._names is not None and str(host).endswith(".invalid"):
            self.name_asked.set()
            await asyncio.sleep(60.0 if self._names else 0.0)
            raise socket.gaierror(socket.EAI_NONAME, "name or service not known")
        return await super().getaddrinfo(host, port, **options)


class SteppedPolicy(asyncio.DefaultEventLoopPolicy):
    """Makes such loops."""

    def new_event_loop(self) -> SteppedLoop:
        return SteppedLoop()


def advance(seconds: float) -> None:
    """Put the running loop's clock forward."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppedLoop)
    loop.advance(seconds)
