"""
From one life of the keeper to the next: its market is on disk, and a restart replays only what it missed.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from keeper.chain.follower import Follower, NewBlock, Unwound
from keeper.errors import ChainError
from keeper.market import Memory
from keeper.snapshot import SnapshotFile
from keeper.types import Block
from keeper.upkeep import Upkeep

_log = structlog.get_logger("keeper")


class Resumption:
    """
    Saves the market now and then, and goes on from what was saved.
    """

    def __init__(self, file: SnapshotFile, upkeep: Upkeep, follower: Follower, blocks: int, seconds: float) -> None:
        """
        Args:
            blocks: As many missed blocks are replayed at most; 0 neither saves nor resumes.
            seconds: Between two saves.
        """
        self._file = file
        self._upkeep = upkeep
        self._follower = follower
        self._blocks = blocks
        self._seconds = seconds
        self._saved_at = time.monotonic()
        self._saving: asyncio.Task[bool] | None = None

    async def resume(self, latest: Block, advance: Callable[[NewBlock], None]) -> bool:
        """
        Bring the market from where it was saved to *latest*, and return whether that was possible. The follower's head
        is the market's then; else it is one to read all pools at.
        """
        loaded = self._file.load(time.time()) if self._blocks else None
        if loaded is None:
            return False
        memory, poor = loaded
        try:
            base = await self._base(memory, latest)
            if base is not None:
                self._upkeep.resume(memory, base, poor)
                await self._replay(latest, advance)
                missed = self._follower.head.number - base.number
                _log.info("keeper_resumed", block=base.number, missed=missed, pools=len(memory.pools))
                return True
        except ChainError as error:
            self._file.refuse(f"what came after it cannot be had: {error}")
        await self._follower.start_settled()
        return False

    async def _base(self, memory: Memory, latest: Block) -> Block | None:
        """The youngest block of the memory's that is still part of the chain, if it is near enough."""
        missed = latest.number - memory.block.number
        if missed > self._blocks:
            self._file.refuse(f"it is {missed} blocks old, and {self._blocks} are replayed at most")
            return None
        if -missed > len(memory.steps):
            self._file.refuse(f"it is of block {memory.block.number}, and the node is at {latest.number}")
            return None
        for block, _ in memory.steps:
            if (base := await self._follower.start_at(block.number, block.hash)) is not None:
                return base
        self._file.refuse("its blocks are not part of the chain any more")
        return None

    async def _replay(self, latest: Block, advance: Callable[[NewBlock], None]) -> None:
        async for news in self._follower.catch_up(latest):
            if isinstance(news, Unwound):
                self._upkeep.market.unwind(news.head.hash)
            else:
                advance(news)

    def save_if_due(self) -> None:
        """Save in the background, if it is time to; pools are values, so that what is written is of this block."""
        due = self._blocks and time.monotonic() - self._saved_at >= self._seconds
        if due and (self._saving is None or self._saving.done()):
            self._saved_at = time.monotonic()
            memory = self._upkeep.market.memory(self._saved_at)
            self._saving = asyncio.create_task(
                asyncio.to_thread(self._file.save, memory, self._upkeep.poor, time.time())
            )

    async def save(self) -> None:
        """Save for the next life."""
        if self._saving is not None:
            await asyncio.wait({self._saving})
        if self._blocks:
            self._file.save(self._upkeep.market.memory(time.monotonic()), self._upkeep.poor, time.time())
