"""
Pools as curves: what each edge pays, in floats, from the state of its pool.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, log, sqrt

import numpy as np

from keeper.errors import PoolError
from keeper.pools.pool import Pool
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.pools.uniswap_v4 import UniswapV4Pool
from keeper.routes.kernels.tables import FALLING, RISING, SAMPLED, WHOLE, Array, Curves
from keeper.routes.ranges import COLUMNS, Ranges
from keeper.types import Address

FEE_DENOMINATOR = 1_000_000

#: Samples begin at this part of the depth and double, until the rate has fallen by the second figure or there are
#: enough. Each step gives so many units at least that rounding does not count.
_FIRST_SAMPLE, _LAST_FALL, _SAMPLES = 2.0**-13, 0.7, 26
_LEAST_STEP, _MOST = 1_000, 1 << 112

#: Where samples around an amount are taken, as parts of it; their steps are small parts, and so give more units.
_LEAST_STEP_AROUND = 100_000
_AROUND = (0.25, 0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.15, 1.4, 2.0, 4.0)

#: How much less than the curve its samples may say.
_REACH_MARGIN = 1.25

_FLOATS = ("log_rate", "rate", "depth", "reach", "cap", "keep")
_INTEGERS = ("kind", "row", "pool", "family")


@dataclass(frozen=True, slots=True)
class Optimum:
    """
    Where a cycle gains most, in floats and smallest units.

    Attributes:
        gain: Of *amount_in*, rounding aside.
        depth: An input that is off by d gains less by the square of d over this.
        closed: Whether all curves are in closed form, so that nothing gains more; samples are off by a few percent.
    """

    amount_in: float
    gain: float
    depth: float
    closed: bool


def directions(pool: Pool) -> list[tuple[Address, Address]]:
    """
    Return the tokens in and out of each edge of a pool.
    """
    return [(one, other) for one in pool.tokens for other in pool.tokens if one != other]


_Point = tuple[float, float]


class CurveTable:
    """
    The curves of all edges, numbered in the order in which they were added.
    """

    def __init__(self) -> None:
        self._n = 0
        self._columns: dict[str, Array] = {name: np.empty(256) for name in _FLOATS}
        self._columns |= {name: np.empty(256, np.int64) for name in _INTEGERS}
        self._ranges = Ranges()

    def __len__(self) -> int:
        return self._n

    @property
    def arrays(self) -> Curves:
        """The curves as kernels take them."""
        return Curves(**{name: column[: self._n] for name, column in self._columns.items()}, rows=self._ranges.rows)

    def add(self, pool: int, family: int, edges: int) -> int:
        """
        Return the first of so many new edges, which cannot trade yet.
        """
        first, self._n = self._n, self._n + edges
        if self._n > len(self._columns["rate"]):
            for name, column in self._columns.items():
                self._columns[name] = np.concatenate((column, np.empty(max(len(column), edges), column.dtype)))
        self._columns["pool"][first : self._n] = pool
        self._columns["family"][first : self._n] = family
        self.forget(first, edges)
        return first

    def forget(self, first: int, edges: int) -> None:
        """
        Let these edges not trade.
        """
        self._columns["log_rate"][first : first + edges] = -inf

    def follow(self, first: int, pool: Pool) -> bool:
        """
        Take the curves of *pool* as it now is, and return whether they are closed: others may be wanted as samples.

        Args:
            first: Number of its first edge; the others follow in the order of :func:`directions`.
        """
        if isinstance(pool, UniswapV2Pool):
            self._follow_v2(first, pool)
        elif isinstance(pool, UniswapV3Pool | UniswapV4Pool):
            self._follow_ranges(first, pool)
        else:
            self._follow_any(first, pool)
            return False
        return True

    def sample(self, edge: int, pool: Pool, token_in: Address, token_out: Address, around: float | None = None) -> None:
        """
        Take pieces of an edge's curve from the exact model: small ones around an input, if it is given.
        """
        if around is None:
            points = _points(pool, token_in, token_out, _inputs(pool.depth(token_in, token_out)), _LEAST_STEP, 1.0)
        else:
            inputs = (int(around * part) for part in _AROUND)
            points = _points(pool, token_in, token_out, inputs, _LEAST_STEP_AROUND, 0.5)
        rows = _pieces(pool.rate(token_in, token_out), points) or [_tangent(pool, token_in, token_out)]
        table = np.zeros((_SAMPLES + 1, COLUMNS))
        table[:, 1] = -1.0
        table[: len(rows), :3] = rows
        rate, depth, cap = rows[0]
        self._set(edge, rate, depth, _reach(rows), cap, 1.0, SAMPLED, self._ranges.place(edge, table))

    def _follow_v2(self, first: int, pool: UniswapV2Pool) -> None:
        keep = 1 - pool.info.fee_pips / FEE_DENOMINATOR
        reserve0, reserve1 = float(pool.reserve0), float(pool.reserve1)
        if not reserve0 or not reserve1:
            self.forget(first, 2)
            return
        self._set(first, reserve1 / reserve0 * keep, reserve0 / keep, reserve0 / keep, inf, keep, WHOLE, -1)
        self._set(first + 1, reserve0 / reserve1 * keep, reserve1 / keep, reserve1 / keep, inf, keep, WHOLE, -1)

    def _follow_ranges(self, first: int, pool: UniswapV3Pool | UniswapV4Pool) -> None:
        if not pool.sqrt_price_x96:
            self.forget(first, 2)
            return
        row = self._ranges.follow(first, pool.ticks, pool.ticks.position(pool.tick), pool.liquidity)
        price, liquidity = pool.sqrt_price_x96 / 2**96, float(pool.liquidity)
        for edge, kind, tokens in ((first, FALLING, pool.tokens), (first + 1, RISING, pool.tokens[::-1])):
            self._set_range(edge, kind, row, price, liquidity, pool.rate(*tokens))

    def _set_range(self, edge: int, kind: int, row: int, sqrt_price: float, liquidity: float, rate: float) -> None:
        """The range that an edge trades in first, which is a later one where the present has no liquidity."""
        rows = self._ranges.rows
        while not liquidity:
            row += kind
            sqrt_price = float(rows[row + 1 if kind == FALLING else row, 0])
            liquidity = float(rows[row, 1])
        if liquidity < 0 or not rate:
            self.forget(edge, 1)
            return
        if kind == FALLING:
            end, most, deep, price = rows[row, 0], rows[row, 2], 1 / sqrt_price, sqrt_price**2
            cap = sqrt_price / end - 1
        else:
            end, most, deep, price = rows[row + 1, 0], rows[row, 3], sqrt_price, 1 / sqrt_price**2
            cap = end / sqrt_price - 1
        keep = rate / price
        depth = liquidity * deep / keep
        self._set(edge, rate, depth, max(most, liquidity) * deep / keep, depth * max(cap, 0.0), keep, kind, row)

    def _follow_any(self, first: int, pool: Pool) -> None:
        keep = 1 - pool.info.fee_pips / FEE_DENOMINATOR
        for edge, (token_in, token_out) in enumerate(directions(pool), first):
            rate, depth = pool.rate(token_in, token_out), pool.depth(token_in, token_out)
            if rate > 0 and depth > 0:
                self._set(edge, rate, depth / keep, inf, inf, keep, SAMPLED, -1)
            else:
                self.forget(edge, 1)

    def _set(
        self, edge: int, rate: float, depth: float, reach: float, cap: float, keep: float, kind: int, row: int
    ) -> None:
        columns = self._columns
        columns["log_rate"][edge] = log(rate)
        columns["rate"][edge] = rate
        columns["depth"][edge] = depth
        columns["reach"][edge] = reach
        columns["cap"][edge] = cap
        columns["keep"][edge] = keep
        columns["kind"][edge] = kind
        columns["row"][edge] = row


def moebius(near_in: float, near_out: float, far_in: float, far_out: float) -> tuple[float, float]:
    """
    Return rate and depth of the Moebius map through nothing and two points; depth is infinite where they lie straight.
    """
    bent = far_in / near_in * near_out - far_out
    depth = far_in * (far_out - near_out) / bent if bent > 0 and far_out > near_out else inf
    return near_out * (1 + near_in / depth) / near_in, depth


def _pieces(start: float, points: Iterable[tuple[_Point, _Point, _Point]]) -> list[tuple[float, float, float]]:
    """
    Pieces (rate, depth, cap) through points of the curve.

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
        if rate < start * (1 - _LAST_FALL) or len(rows) == _SAMPLES:
            break
    return rows


def _tangent(pool: Pool, token_in: Address, token_out: Address) -> tuple[float, float, float]:
    """The one piece of a curve whose amounts are too small to be sampled."""
    depth = pool.depth(token_in, token_out)
    return pool.rate(token_in, token_out), depth, depth


def _points(
    pool: Pool, token_in: Address, token_out: Address, inputs: Iterable[int], least_step: int, rounding: float
) -> Iterator[tuple[_Point, _Point, _Point]]:
    """
    Inputs and outputs, each with the two before, while the contract takes the input and gives enough more.

    Args:
        rounding: What is added to each output: one unit is more than any that rounding took.
    """
    before, here = (0.0, 0.0), (0.0, 0.0)
    for amount_in in inputs:
        try:
            amount_out = pool.amount_out(token_in, token_out, amount_in) + rounding
        except PoolError:
            if here[0]:
                return
            continue
        if amount_out - here[1] >= least_step:
            point = float(amount_in), amount_out
            yield before, here, point
            before, here = here, point


def _inputs(depth: float) -> Iterator[int]:
    amount_in = max(int(depth * _FIRST_SAMPLE), 1)
    while amount_in < _MOST:
        yield amount_in
        amount_in *= 2


def _reach(rows: Sequence[tuple[float, float, float]]) -> float:
    """The depth at which one Moebius map is above all samples, and a little more for what is between them."""
    reach, amount, start = 0.0, 0.0, rows[0][0]
    for (_, _, cap), (rate, _, _) in pairwise(rows):
        amount += cap
        fallen = sqrt(start / rate) - 1 if rate > 0 else inf
        reach = max(reach, amount / fallen) if fallen > 0 else inf
    return _REACH_MARGIN * reach if reach else inf
