"""
Tick of v3-core: the liquidity that begins and ends at each initialised tick of a pool.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Self


class Ticks(Mapping[int, tuple[int, int]]):
    """
    Initialised tick -> (liquidity_gross, liquidity_net), immutable and in order: the ``ticks`` and ``tickBitmap`` of a
    pool.

    Attributes:
        indices: The initialised ticks, ascending.
        gross: Liquidity that refers to each of them.
        net: Liquidity that comes into range as the price rises over each of them.
    """

    __slots__ = ("gross", "indices", "net")

    def __init__(self, indices: tuple[int, ...] = (), gross: tuple[int, ...] = (), net: tuple[int, ...] = ()) -> None:
        self.indices = indices
        self.gross = gross
        self.net = net

    @classmethod
    def of(cls, ticks: Mapping[int, tuple[int, int]]) -> Self:
        """
        Return *ticks* in order.
        """
        ordered = sorted(ticks)
        return cls(tuple(ordered), tuple(ticks[t][0] for t in ordered), tuple(ticks[t][1] for t in ordered))

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

    def update(self, tick: int, liquidity_delta: int, upper: bool) -> Self:
        """
        Return the ticks after a position that begins (or, *upper*, ends) at *tick* changed by *liquidity_delta*.

        Liquidity that was known only in part heals: the gross is never below the net's magnitude, and what is removed
        from a tick that is not known leaves it unknown.
        """
        i = bisect_left(self.indices, tick)
        net_delta = -liquidity_delta if upper else liquidity_delta
        if i == len(self.indices) or self.indices[i] != tick:
            return self if liquidity_delta <= 0 else self._replaced(i, i, (tick,), (liquidity_delta,), (net_delta,))
        net = self.net[i] + net_delta
        gross = max(self.gross[i] + liquidity_delta, abs(net))
        if gross == 0:
            return self._replaced(i, i + 1, (), (), ())
        return self._replaced(i, i + 1, (tick,), (gross,), (net,))

    def _replaced(
        self, start: int, stop: int, indices: tuple[int, ...], gross: tuple[int, ...], net: tuple[int, ...]
    ) -> Self:
        return type(self)(
            self.indices[:start] + indices + self.indices[stop:],
            self.gross[:start] + gross + self.gross[stop:],
            self.net[:start] + net + self.net[stop:],
        )
