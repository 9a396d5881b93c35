"""
Whether the market is what the chain is: a few pools at a time, all of them in turn.
"""

import random
from collections.abc import Iterable

from keeper.market.policy import ANNOUNCED
from keeper.math.tick import Ticks
from keeper.pools.pool import Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.pools.uniswap_v4 import UniswapV4Pool
from keeper.types import Address

_MINUTE = 60.0


class Audit:
    """
    Chooses which pools are compared with the chain, and when.

    Attributes:
        compared: How many were.
        mismatched: How many were not what the chain said.
        drifted: Of those whose state may move unannounced, how many had.
    """

    def __init__(self, share: float, seed: int = 0) -> None:
        """
        Args:
            share: Which part of the pools is due every minute.
        """
        self.compared = self.mismatched = self.drifted = 0
        self._share = share
        self._random = random.Random(seed)  # noqa: S311 - nobody gains by guessing
        self._queue: list[Address] = []
        self._owed = 0.0
        self._last: float | None = None

    def due(self, addresses: Iterable[Address], now: float) -> list[Address]:
        """
        Return the pools of *addresses* that are due now, at most once a minute; each comes before one comes again.
        """
        if self._last is not None and now - self._last < _MINUTE:
            return []
        present = set(addresses)
        minutes = 0.0 if self._last is None else (now - self._last) / _MINUTE
        self._last = now
        self._owed = min(self._owed + minutes * self._share * len(present), float(len(present)))
        chosen = [self._next(present) for _ in range(int(self._owed))]
        self._owed -= len(chosen)
        return chosen

    def judge(self, kept: Pool, read: Pool) -> bool:
        """
        Count a comparison, and return whether the pool is to be trusted no longer.
        """
        self.compared += 1
        if same(kept, read):
            return False
        announced = kept.info.family in ANNOUNCED
        self.mismatched += announced
        self.drifted += not announced
        return announced

    def _next(self, present: set[Address]) -> Address:
        while True:
            if not self._queue:
                self._queue = sorted(present)
                self._random.shuffle(self._queue)
            if (address := self._queue.pop()) in present:
                return address


def same(kept: Pool, read: Pool) -> bool:
    """
    Whether two states of a pool are the same as far as both know it: of one that has ticks, both may know other ones.
    """
    if kept == read:
        return True
    if not isinstance(kept, UniswapV3Pool | UniswapV4Pool) or not isinstance(read, UniswapV3Pool | UniswapV4Pool):
        return False
    first = max(kept.ticks.known[0], read.ticks.known[0])
    last = min(kept.ticks.known[1], read.ticks.known[1])
    same_ticks = _between(kept.ticks, first, last) == _between(read.ticks, first, last)
    return same_ticks and _without_ticks(kept) == _without_ticks(read)


def _between(ticks: Ticks, first: int, last: int) -> dict[int, tuple[int, int]]:
    return {tick: liquidity for tick, liquidity in ticks.items() if first <= tick <= last}


def _without_ticks(pool: UniswapV3Pool | UniswapV4Pool) -> dict[str, object]:
    return {key: value for key, value in pool.snapshot().items() if key not in ("ticks", "known_ticks")}
