"""
Tick of v3-core: the liquidity that begins and ends at each initialised tick of a pool.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from keeper.math.tick_math import MAX_TICK, MIN_TICK

#: Every tick that a pool can have.
ALL_TICKS = (MIN_TICK, MAX_TICK)


class Ticks(Mapping[int, tuple[int, int]]):
    """
    Initialised tick -> (liquidity_gross, liquidity_net), immutable and in order: the ``ticks`` and ``tickBitmap`` of a
    pool.

    Attributes:
        indices: The initialised ticks, ascending.
        gross: Liquidity that refers to each of them.
        net: Liquidity that comes into range as the price rises over each of them.
        known: The first and the last tick of which it is known whether they are initialised.
    """

    __slots__ = ("_inner", "gross", "indices", "known", "net")

    def __init__(
        self,
        indices: Sequence[int] = (),
        gross: Sequence[int] = (),
        net: Sequence[int] = (),
        known: tuple[int, int] = ALL_TICKS,
    ) -> None:
        self.indices = indices
        self.gross = gross
        self.net = net
        self.known = known
        self._inner = ALL_TICKS if known is ALL_TICKS else _inner(*known)

    @classmethod
    def of(cls, ticks: Mapping[int, tuple[int, int]], known: tuple[int, int] = ALL_TICKS) -> Self:
        """
        Return *ticks* in order.
        """
        indices = sorted(ticks)
        return cls(indices, [ticks[tick][0] for tick in indices], [ticks[tick][1] for tick in indices], known)

    @property
    def whole(self) -> bool:
        """Whether every tick is known."""
        return self.known == ALL_TICKS

    def __getitem__(self, tick: int) -> tuple[int, int]:
        i = bisect_left(self.indices, tick)
        if i == len(self.indices) or self.indices[i] != tick:
            raise KeyError(tick)
        return self.gross[i], self.net[i]

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def position(self, tick: int) -> int:
        """
        Return how many initialised ticks are at or below *tick*.
        """
        return bisect_right(self.indices, tick)

    def suffice(self, tick: int) -> bool:
        """
        Return whether so much is known around *tick* that a pool whose price is there need not be read again.
        """
        first, last = self._inner
        return first <= tick <= last

    def modified(self, tick_lower: int, tick_upper: int, liquidity_delta: int) -> Self:
        """
        Return the ticks after the liquidity of a position between two ticks changed.

        Liquidity that was known only in part heals: the gross is never below the net's magnitude, and what is removed
        from a tick that is not known leaves it unknown.
        """
        indices, gross, net = list(self.indices), list(self.gross), list(self.net)
        first, last = self.known
        if first <= tick_lower <= last:
            _update(indices, gross, net, tick_lower, liquidity_delta, liquidity_delta)
        if first <= tick_upper <= last:
            _update(indices, gross, net, tick_upper, liquidity_delta, -liquidity_delta)
        return type(self)(indices, gross, net, self.known)


def _inner(first: int, last: int) -> tuple[int, int]:
    """Ticks by an eighth of all that are known away from those that are not."""
    margin = (last - first) // 8
    return MIN_TICK if first <= MIN_TICK else first + margin, MAX_TICK if last >= MAX_TICK else last - margin


def _update(indices: list[int], gross: list[int], net: list[int], tick: int, gross_delta: int, net_delta: int) -> None:
    """``Tick.update`` and ``Tick.clear``, in place."""
    i = bisect_left(indices, tick)
    if i == len(indices) or indices[i] != tick:
        if gross_delta <= 0:
            return
        indices.insert(i, tick)
        gross.insert(i, 0)
        net.insert(i, 0)
    net[i] += net_delta
    gross[i] = max(gross[i] + gross_delta, abs(net[i]))
    if gross[i] == 0:
        del indices[i], gross[i], net[i]
