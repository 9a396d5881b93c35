"""
One bounded queue between whoever follows the chain and whoever decides.

The chain is followed while a decision waits for a node. Where decisions fall behind, news wait; where the queue is
full, the following waits, and what it has not fetched it fetches later: state is never dropped. Whoever decides sees
how much is waiting, and drops opportunities.
"""

import asyncio
from typing import Self

import structlog

from keeper.chain.follower import ChainNews, Follower
from keeper.chain.heads import Heads
from keeper.errors import ChainError, RateLimited, ReorgError
from keeper.types import Block

_log = structlog.get_logger("feed")

#: Sixteen seconds of Arbitrum's blocks.
QUEUE_BLOCKS = 64

#: How long the caller is kept waiting where nothing happens.
_SILENCE_SECONDS = 1.0

#: The pause after a node's failure, doubled with each one that follows, up to the second figure.
_BACK_OFF_SECONDS = (0.1, 5.0)


class Feed:
    """
    Follows the chain in a task of its own.
    """

    def __init__(self, follower: Follower, heads: Heads, size: int = QUEUE_BLOCKS) -> None:
        self._follower = follower
        self._heads = heads
        self._news: asyncio.Queue[ChainNews | ChainError] = asyncio.Queue(size)
        self._task: asyncio.Task[None] | None = None
        self._pause = _BACK_OFF_SECONDS[0]

    async def __aenter__(self) -> Self:
        await self.restart()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def waiting(self) -> int:
        """How much news the caller has not taken yet."""
        return self._news.qsize()

    async def next(self) -> ChainNews | None:
        """
        Return the next news in chain order, or None if there is none for a while.

        Raises:
            ReorgError: The chain left the follower's memory; nothing is followed until a restart.
            ChainError: A node failed; what it did not tell comes later.
        """
        try:
            async with asyncio.timeout(_SILENCE_SECONDS):
                news = await self._news.get()
        except TimeoutError:
            if self._task is not None and self._task.done():
                self._task.result()  # what nobody expected is not kept secret
            return None
        if isinstance(news, ChainError):
            raise news
        return news

    async def restart(self) -> None:
        """Follow from the follower's head, and forget what waited."""
        await self.stop()
        self._news = asyncio.Queue(self._news.maxsize)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            # How it ended has been told, or is of no interest any more.
            await asyncio.wait({self._task})
            self._task = None

    async def _run(self) -> None:
        while True:
            latest = await self._heads.next()
            try:
                news = await self._look(latest)
            except ReorgError as error:
                await self._news.put(error)
                return
            except ChainError as error:
                await self._news.put(error)
                await self._back_off(error)
                continue
            self._pause = _BACK_OFF_SECONDS[0]
            for item in news:
                await self._news.put(item)

    async def _look(self, told: Block | None) -> list[ChainNews]:
        """
        What happened up to the head that was told; a head that leads nowhere is a tale until HTTP says the same.
        """
        if told is not None:
            try:
                return await self._follower.news(told, hearsay=True)
            except RateLimited:
                raise
            except ChainError as error:
                _log.debug("told_head_leads_nowhere", block=told.number, reason=str(error))
        return await self._follower.news()

    async def _back_off(self, error: ChainError) -> None:
        asked_for = error.retry_after if isinstance(error, RateLimited) else None
        await asyncio.sleep(self._pause if asked_for is None else max(asked_for, self._pause))
        self._pause = min(2 * self._pause, _BACK_OFF_SECONDS[1])
