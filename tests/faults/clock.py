"""
The one clock of these tests: their event loop's, which can be put forward.

Everything in keeper/chain that waits, times out or remembers when, does so by it: a timeout of fifteen seconds takes a
test no time.
"""

import asyncio


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the real one and what it was put forward by."""

    def __init__(self) -> None:
        self._ahead = 0.0
        super().__init__()

    def time(self) -> float:
        return super().time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let everything be due that would be so many seconds from now."""
        self._ahead += seconds


class SteppedPolicy(asyncio.DefaultEventLoopPolicy):
    """Makes such loops."""

    def new_event_loop(self) -> SteppedLoop:
        return SteppedLoop()


def advance(seconds: float) -> None:
    """Put the running loop's clock forward."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppedLoop)
    loop.advance(seconds)
