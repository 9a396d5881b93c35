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
MOST = 48

#: Samples begin at this part of the depth and double, until the rate has fallen by the second figure. Where it falls by
#: the third from one step to the next, as where a stable pool runs dry, steps are smaller, down to a part of the input.
_FIRST, _LAST_FALL, _FALL, _LEAST_GROWTH = 2.0**-12, 0.7, 0.03, 1.15
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
        points = self._points(depth) if around is None else self._points_at([around * part for part in AROUND[width]])
        return _pieces(rate, points) or [(rate, depth, depth)]

    def _points(self, depth: float) -> Iterator[_Point]:
        """Inputs and outputs, closer where the curve bends, while the pool takes the input."""
        here, slope, growth, amount_in = (0.0, 0.0), 0.0, 2.0, depth * _FIRST
        while amount_in < _END:
            try:
                point = amount_in, self.out(amount_in)
            except PoolError:
                point = amount_in, 0.0
            falls = here[0] > 0 and (point[1] - here[1]) / (amount_in - here[0]) < (1 - _FALL) * slope
            if falls and growth > _LEAST_GROWTH:
                growth = max(sqrt(growth), _LEAST_GROWTH)
            elif self._tells(here, point):
                yield point
                slope, here = (point[1] - here[1]) / (amount_in - here[0]), point
            elif here[0]:
                return
            amount_in = max(here[0], amount_in if not here[0] else 0.0) * growth

    def _points_at(self, inputs: Iterable[float]) -> Iterator[_Point]:
        """These inputs and their outputs, while the pool takes them."""
        here = (0.0, 0.0)
        for amount_in in inputs:
            try:
                point = amount_in, self.out(amount_in)
            except PoolError:
                continue
            if self._tells(here, point):
                yield point
                here = point

    def _tells(self, here: _Point, point: _Point) -> bool:
        """Whether a step gives so much that rounding does not count."""
        return (point[1] - here[1]) * self.scale_out >= _LEAST_STEP


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


def _pieces(start: float, points: Iterable[_Point]) -> list[Piece]:
    """
    Pieces through points of the curve.

    A piece begins with the rate of the map through its two points and the one before, and ends at the second.
    """
    rate = start
    rows: list[Piece] = []
    before, here = (0.0, 0.0), (0.0, 0.0)
    for point in points:
        step_in, step_out = point[0] - here[0], point[1] - here[1]
        if rows:
            near, far = (here[0] - before[0], here[1] - before[1]), (point[0] - before[0], point[1] - before[1])
            rate, deep = moebius(*near, *far)
            rate /= (1 + near[0] / deep) ** 2
        bent = rate * step_in - step_out
        rows.append((rate, step_in * step_out / bent if bent > 0 else inf, step_in))
        if rate < start * (1 - _LAST_FALL) or len(rows) == MOST:
            break
        before, here = here, point
    return rows


def _scale(factor: int) -> int:
    """The power of ten by which a factor exceeds the one of 18 decimals."""
    return int(10 ** max(len(str(factor)) - _DIGITS, 0))


def _times(values: Sequence[int], scales: Sequence[int]) -> tuple[int, ...]:
    return tuple(value * scale for value, scale in zip(values, scales, strict=True))


def _parts(values: Sequence[int], scales: Sequence[int]) -> tuple[int, ...]:
    return tuple(value // scale for value, scale in zip(values, scales, strict=True))
