"""
A journal and a screen that tell when something happened, so that whoever waits for that need not look all the time.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from keeper.journal import Journal, SignedTransaction, State
from keeper.market import Market
from keeper.monitor.report import Report
from keeper.monitor.table import Screen

#: How often is looked for what does not ring.
_LOOK_SECONDS = 0.05


class Bell:
    """Rings whenever something happened."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    async def until(self, what: Callable[[], bool], seconds: float) -> None:
        """
        Return when *what* holds, looking each time that it rings, and now and then; TimeoutError after so many seconds.
        """
        async with asyncio.timeout(seconds):
            while not what():
                self._event.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._event.wait()


class TellingJournal(Journal):
    """A journal that rings."""

    bell: Bell | None = None

    def signed(self, transaction: SignedTransaction) -> int:
        entry_id = super().signed(transaction)
        self._ring()
        return entry_id

    def step(self, entry_id: int, state: State, **detail: Any) -> None:
        super().step(entry_id, state, **detail)
        self._ring()

    def _ring(self) -> None:
        if self.bell is not None:
            self.bell.ring()


@dataclass(slots=True)
class TellingScreen(Screen):
    """
    A screen that nobody sees, and that rings once a block.

    Attributes:
        drawn: For how many blocks it was drawn, when all was done that the keeper does after a block.
    """

    bell: Bell | None = None
    drawn: int = 0

    def draw(self, market: Market, report: Report, in_flight: int, state: str = "") -> None:
        self.drawn += 1
        if self.bell is not None:
            self.bell.ring()
