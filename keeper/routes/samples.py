"""
Curves without a closed form, as pieces of Moebius maps through points that the exact models give.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, sqrt

from keeper.errors import PoolError
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool
from keeper.types import Address

#: How many pieces a curve has at most.
MOST = 26

#: Samples begin at this part of the depth and double, until the rate has fallen by the second figure.
_FIRST, _LAST_FALL = 2.0**-13, 0.7
_END = float(1 << 112)

#: Where samples around an amount are taken, as parts of it: at first widely, then as it is known better.
AROUND = (
    (0.25, 0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.15, 1.4, 2.0, 4.0),
    (0.85, 0.93, 0.97, 0.99, 1.0, 1.01, 1.03, 1.07, 1.15),
    (0.98, 0.99, 0.997, 0.999, 1.0, 1.001, 1.003, 1.01, 1.02),
)

#: Units of the smoothed output that a step between samples gives at least, so that rounding does not count.
_LEAST_STEP = 1_000

#: How much less than the curve its samples may say.
_REACH_MARGIN = 1.25

#: Digits of what makes a balance one of 18 decimals, where a token has 18 decimals itself.
_DIGITS = 19

Piece = tuple[float, float, float]
_Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Smooth:
    """
    One direction of a pool whose tokens have more decimals: it pays the same, but for what rounding hides.

    Attributes:
        scale_in, scale_out: How many units of the smooth pool one of the true pool is.
    """

    pool: Pool
    token_in: Address
    token_out: Address
    scale_in: int
    scale_out: int

    @classmethod
    def of(cls, pool: Pool, token_in: Address, token_out: Address) -> "Smooth":
        """
        Return a direction of a pool; of a family that is not known here, as it is.
        """
        scales = [1] * len(pool.tokens)
        match pool:
            case CurveStableSwapPool():
                scales = [_scale(rate) for rate in pool.rates]
                pool = replace(pool, balances=_times(pool.balances, scales), rates=_parts(pool.rates, scales))
            case BalancerStablePool() | BalancerWeightedPool():
                scales = [_scale(factor) for factor in pool.scaling_factors]
                factors = _parts(pool.scaling_factors, scales)
                pool = replace(pool, balances=_times(pool.balances, scales), scaling_factors=factors)
        of_token = dict(zip(pool.tokens, scales, strict=True))
        return cls(pool, token_in, token_out, of_token[token_in], of_token[token_out])

    def out(self, amount_in: float) -> float:
        """
        Return what the true pool pays, and the fraction of a unit that it keeps.

        Raises:
            PoolError: It pays nothing for so much.
        """
        return self.pool.amount_out(self.token_in, self.token_out, int(amount_in * self.scale_in)) / self.scale_out

    def pieces(self, around: float | None, width: int) -> list[Piece]:
        """
        Return pieces (rate, depth, cap) of the curve.

        Args:
            around: An input near which they are small, if it is given.
            width: Which of ``AROUND`` they then are.
        """
        rate, depth = self.pool.rate(self.token_in, self.token_out), self.pool.depth(self.token_in, self.token_out)
        rate, depth = rate * self.scale_in / self.scale_out, depth / self.scale_in
        inputs = _doubling(depth) if around is None else (around * part for part in AROUND[width])
        return _pieces(rate, self._points(inputs)) or [(rate, depth, depth)]

    def _points(self, inputs: Iterable[float]) -> Iterator[tuple[_Point, _Point, _Point]]:
        """Inputs and outputs, each with the two before, while the pool takes the input and gives enough more."""
        before, here = (0.0, 0.0), (0.0, 0.0)
        for amount_in in inputs:
            try:
                amount_out = self.out(amount_in)
            except PoolError:
                if here[0]:
                    return
                continue
            if (amount_out - here[1]) * self.scale_out >= _LEAST_STEP:
                point = amount_in, amount_out
                yield before, here, point
                before, here = here, point


def reach(pieces: Sequence[Piece]) -> float:
    """
    Return the depth at which one Moebius map is above all samples, and a little more for what is between them.
    """
    most, amount, start = 0.0, 0.0, pieces[0][0]
    for (_, _, cap), (rate, _, _) in pairwise(pieces):
        amount += cap
        fallen = sqrt(start / rate) - 1 if rate > 0 else inf
        most = max(most, amount / fallen) if fallen > 0 else inf
    return _REACH_MARGIN * most if most else inf


def moebius(near_in: float, near_out: float, far_in: float, far_out: float) -> tuple[float, float]:
    """
    Return rate and depth of the Moebius map through nothing and two points; depth is infinite where they lie straight.
    """
    bent = far_in / near_in * near_out - far_out
    depth = far_in * (far_out - near_out) / bent if bent > 0 and far_out > near_out else inf
    return near_out * (1 + near_in / depth) / near_in, depth


def _pieces(start: float, points: Iterable[tuple[_Point, _Point, _Point]]) -> list[Piece]:
    """
    Pieces through points of the curve.

    A piece begins with the rate of the map through its two points and the one before, and ends at the second.
    """
    rate, rows = start, []
    for (before_in, before_out), (here_in, here_out), (next_in, next_out) in points:
        step_in, step_out = next_in - here_in, next_out - here_out
        if here_in > before_in:
            near, far = (here_in - before_in, here_out - before_out), (next_in - before_in, next_out - before_out)
            rate, deep = moebius(*near, *far)
            rate /= (1 + near[0] / deep) ** 2
        bent = rate * step_in - step_out
        rows.append((rate, step_in * step_out / bent if bent > 0 else inf, step_in))
        if rate < start * (1 - _LAST_FALL) or len(rows) == MOST:
            break
    return rows


def _doubling(depth: float) -> Iterator[float]:
    amount_in = depth * _FIRST
    while amount_in < _END:
        yield amount_in
        amount_in *= 2


def _scale(factor: int) -> int:
    """The power of ten by which a factor exceeds the one of 18 decimals."""
    return int(10 ** max(len(str(factor)) - _DIGITS, 0))


def _times(values: Sequence[int], scales: Sequence[int]) -> tuple[int, ...]:
    return tuple(value * scale for value, scale in zip(values, scales, strict=True))


def _parts(values: Sequence[int], scales: Sequence[int]) -> tuple[int, ...]:
    return tuple(value // scale for value, scale in zip(values, scales, strict=True))
