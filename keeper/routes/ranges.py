"""
Price ranges of Uniswap V3 pools as rows of floats, kept up to date tick by tick.

A row is (square root of the range's lower price, liquidity, -). A pool's rows, from the first tick that is known to the
last, stand between two that end the walk. They do not depend on the price: a swap only moves the pool's place in them,
and a mint or burn rewrites the rows between its two ticks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import log1p

import numpy as np

from keeper.math.tick import Ticks
from keeper.routes.kernels.tables import Array

_LOG_SQRT_10001 = log1p(0.0001) / 2
_END = -1.0
COLUMNS = 3

#: Room for ticks to come, when a pool's rows are placed.
_SPARE = 8


@dataclass(slots=True)
class _Block:
    """
    Attributes:
        start: The row before the pool's first.
        liquidity: Exact, of each range: one more than there are ticks.
    """

    start: int
    capacity: int
    ticks: Ticks
    liquidity: list[int]


class Ranges:
    """
    The rows of all pools, and of sampled curves, in one array.
    """

    def __init__(self) -> None:
        self.rows: Array = np.zeros((1024, COLUMNS))
        self._used = 0
        self._blocks: dict[int, _Block] = {}
        self._placed: dict[int, int] = {}

    def follow(self, key: int, ticks: Ticks, position: int, liquidity: int) -> int:
        """
        Return the row of the present range of pool *key*, after its ticks and the liquidity in range.

        Args:
            position: How many ticks are at or below the present one.
        """
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = _Block(0, 0, Ticks(), [0])
        if ticks is not block.ticks or block.liquidity[position] != liquidity:
            self._rewrite(block, ticks, position, liquidity)
        return block.start + 1 + position

    def place(self, key: int, rows: Array) -> int:
        """
        Return where the sampled pieces of edge *key*, (rate, depth, cap) each and always as many, now stand.
        """
        if key not in self._placed:
            self._placed[key] = self._reserve(len(rows))
        start = self._placed[key]
        self.rows[start : start + len(rows)] = rows
        return start

    def _rewrite(self, block: _Block, ticks: Ticks, position: int, liquidity: int) -> None:
        """Write the rows that differ; all, where the liquidity at the ends does."""
        below = liquidity - sum(ticks.net[:position])
        old = block.ticks
        same_below = min(_common(old.indices, ticks.indices), _common(old.net, ticks.net))
        same_above = min(
            _common(old.indices[same_below:][::-1], ticks.indices[same_below:][::-1]),
            _common(old.net[same_below:][::-1], ticks.net[same_below:][::-1]),
        )
        moved = len(ticks) - len(old)
        if len(ticks) + 3 > block.capacity or below != block.liquidity[0] or ticks.known != old.known:
            self._write_all(block, ticks, below)
            return
        first, end = same_below, len(ticks) - same_above
        changed = list(accumulate(ticks.net[first:end], initial=block.liquidity[first]))
        above = block.liquidity[end - moved + 1 :]
        if changed[-1] != block.liquidity[end - moved]:
            self._write_all(block, ticks, below)
            return
        if moved:
            stop = block.start + len(old) + 3
            source = block.start + 2 + end - moved
            self.rows[source + moved : stop + moved] = self.rows[source:stop].copy()
        block.liquidity[first:] = changed + above
        block.ticks = ticks
        self._write(block, first, end)

    def _write_all(self, block: _Block, ticks: Ticks, below: int) -> None:
        if len(ticks) + 3 > block.capacity:
            block.capacity = len(ticks) + len(ticks) // 2 + 3 + _SPARE
            block.start = self._reserve(block.capacity)
        block.ticks = ticks
        block.liquidity = list(accumulate(ticks.net, initial=below))
        lowest, highest = np.exp(np.array(ticks.known) * _LOG_SQRT_10001)
        self.rows[block.start] = (lowest, _END, 0.0)
        self.rows[block.start + 1] = (lowest, below, 0.0)
        self.rows[block.start + len(ticks) + 2] = (highest, _END, 0.0)
        self._write(block, 0, len(ticks))

    def _write(self, block: _Block, first: int, end: int) -> None:
        """Write the ranges that begin at the ticks *first* to *end*."""
        rows = self.rows[block.start + 2 + first : block.start + 2 + end]
        rows[:, 0] = np.exp(np.array(block.ticks.indices[first:end], dtype=np.float64) * _LOG_SQRT_10001)
        rows[:, 1] = np.array(block.liquidity[first + 1 : end + 1], dtype=np.float64)

    def _reserve(self, n: int) -> int:
        start, self._used = self._used, self._used + n
        if self._used > len(self.rows):
            self.rows = np.concatenate((self.rows, np.zeros((max(len(self.rows), n), COLUMNS))))
        return start


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many items both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
