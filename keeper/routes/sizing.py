"""
The amount that maximizes a cycle's gain: floats say where it lies, exact integers decide.
"""

from collections.abc import Sequence
from math import inf

import numpy as np

from keeper.pools.pool import Pool
from keeper.routes.curves import CurveTable, Optimum, directions
from keeper.routes.graph import Edge
from keeper.routes.kernels import optimum
from keeper.routes.kernels.tables import MAX_HOPS
from keeper.routes.rounding import Trial, amounts_near, swapped
from keeper.routes.samples import AROUND
from keeper.types import value

#: Relative error of a gain in floats: it is a difference of amounts that may be 10**4 times larger; samples are joined
#: by maps that are not quite the curve.
_FLOAT_ERROR, _SAMPLE_ERROR = 1e-9, 1e-7


@value
class Sized:
    """
    A cycle with its amounts.

    Attributes:
        amounts: What goes into each hop and what comes out of the last, in smallest units.
        ceiling: No input is known to gain more than this; infinite if nothing is known.
    """

    edges: tuple[Edge, ...]
    amounts: tuple[int, ...]
    ceiling: float = inf

    @property
    def gain(self) -> int:
        """What comes out beyond what went in, before lender and gas."""
        return self.amounts[-1] - self.amounts[0]


def size(edges: tuple[Edge, ...], pools: Sequence[Pool], near: Optimum | None = None) -> Sized | None:
    """
    Return the cycle with the input that gains most, or None if no input gains.

    The gain is within a millionth or one smallest unit of the best of all integers, unless the ceiling says otherwise.

    Args:
        pools: The pool of each edge, in the state that the route meets.
        near: The optimum of the pools' curves, if it is known.
    """
    near = near or estimate(edges, pools)
    if near is not None and not near.closed:
        near = _nearer(edges, pools, near)
    if near is None or near.gain <= 0:
        return None
    trial = Trial(edges, pools, near)
    trial.run()
    if trial.gain <= 0:
        return None
    return Sized(edges, trial.amounts, near.gain * (1 + (_FLOAT_ERROR if near.closed else _SAMPLE_ERROR)) + 1)


def quote(edges: tuple[Edge, ...], pools: Sequence[Pool], amount_in: int) -> Sized | None:
    """
    Return the cycle with exactly this input, or None where a contract would revert.
    """
    amounts = swapped(zip(edges, pools, strict=True), amount_in)
    return Sized(edges, tuple(amounts)) if amounts is not None else None


def estimate(
    edges: tuple[Edge, ...], pools: Sequence[Pool], around: Sequence[float] = (), width: int = 0
) -> Optimum | None:
    """
    Return the optimum of the pools' curves, or None if one of them cannot trade.

    Args:
        around: What goes into each hop, roughly: where curves without a closed form are best known.
        width: How roughly: an index of ``samples.AROUND``.
    """
    table, numbers, closed = CurveTable(), [0], True
    for i, (edge, pool) in enumerate(zip(edges, pools, strict=True)):
        ways = directions(pool)
        first = table.add(i, 0, len(ways))
        numbers.append(first + ways.index((edge.token_in, edge.token_out)))
        if not table.follow(first, pool):
            closed = False
            table.sample(numbers[-1], pool, edge.token_in, edge.token_out, around[i] if around else None, width)
    if table.arrays.log_rate[numbers[1:]].min() == -inf:
        return None
    figures = np.empty((1, 3))
    cycle = np.full((1, max(len(numbers), MAX_HOPS + 1)), -1)
    cycle[0, : len(numbers)] = numbers
    optimum.size(table.arrays, cycle, figures)
    amount_in, gain, depth = figures[0].tolist()
    return Optimum(amount_in, gain, depth, closed)


def _nearer(edges: tuple[Edge, ...], pools: Sequence[Pool], near: Optimum) -> Optimum:
    """
    The optimum over curves without a closed form, sampled again around it, each time closer.
    """
    for width in range(len(AROUND)):
        again = estimate(edges, pools, amounts_near(edges, pools, near.amount_in)[:-1], width)
        if again is None or again.gain <= 0:
            break
        near = again
    return near
