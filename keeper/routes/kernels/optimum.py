"""
The input of a cycle that gains most, in floats.
"""

from math import inf, sqrt

import numpy as np

from keeper.routes.kernels.climb import climb
from keeper.routes.kernels.tables import MAX_HOPS, WEIGHTED, Array, Curves, makes_arrays
from keeper.routes.kernels.walk import enter_next


@makes_arrays
def size(curves: Curves, cycles: Array, figures: Array) -> None:
    """
    Write, for each cycle, the input that gains most, what none gains more than, and the cycle's depth there.

    Args:
        cycles: Rows of (-, edges), -1 beyond the last edge.
    """
    scratch, row = np.empty((3, MAX_HOPS)), np.empty(MAX_HOPS, np.int64)
    for c in range(cycles.shape[0]):
        figures[c, 0], figures[c, 1], figures[c, 2] = size_one(curves, cycles[c, 1:], scratch, row)


def size_one(curves: Curves, cycle: Array, scratch: Array, row: Array) -> tuple[float, float, float]:
    """
    Return the input that gains most, what none gains more than, and the cycle's depth there.

    Beside the optimum by an input of d, the gain is less by the square of d over that depth. Cycles of Moebius maps are
    walked from range to range; others are climbed.

    Args:
        scratch, row: Room for three figures and an index of each hop.
    """
    rate, depth, cap = scratch[0], scratch[1], scratch[2]
    hops = 0
    while hops < MAX_HOPS and cycle[hops] >= 0:
        edge = cycle[hops]
        if curves.kind[edge] >= WEIGHTED:
            while hops < MAX_HOPS and cycle[hops] >= 0:
                hops += 1
            return climb(curves, cycle, hops, scratch, row)
        rate[hops], depth[hops], cap[hops] = curves.rate[edge], curves.depth[edge], curves.cap[edge]
        row[hops] = curves.row[edge]
        hops += 1
    amount, gain, steepness, going = 0.0, 0.0, 0.0, True
    while going:
        step, gained, steepness, ending = _step(rate, depth, cap, hops, steepness)
        amount += step
        gain += gained
        going = ending >= 0
        if going:
            _advance(rate, depth, cap, hops, step)
            edge = cycle[ending]
            going = enter_next(curves.kind[edge], curves.keep[edge], curves.rows, rate, depth, cap, row, ending)
    return amount, gain, steepness


def _step(rate: Array, depth: Array, cap: Array, hops: int, before: float) -> tuple[float, float, float, int]:
    """
    Return the input that gains most within the hops' present ranges, its gain, the cycle's depth there, and the hop
    whose range ends with it, -1 if none does.

    Within ranges the cycle is one Moebius map, ``total * x / (1 + bend * x)``, whose optimum is closed.
    """
    total, bend, limit, ending = 1.0, 0.0, inf, -1
    for i in range(hops):
        if cap[i] < inf and total > cap[i] * bend:
            reach = cap[i] / (total - cap[i] * bend)
            if reach < limit:
                limit, ending = reach, i
        bend += total / depth[i]
        total *= rate[i]
    if total <= 1.0 or bend <= 0.0:
        return 0.0, 0.0, before, -1
    step = (sqrt(total) - 1.0) / bend
    if step <= limit:
        ending = -1
    else:
        step = limit
    return step, step * (total - 1.0 - bend * step) / (1.0 + bend * step), 1.0 / bend + step, ending


def _advance(rate: Array, depth: Array, cap: Array, hops: int, step: float) -> None:
    """Move every hop by what *step* puts into it."""
    x = step
    for i in range(hops):
        grown = 1.0 + x / depth[i]
        y = rate[i] * x / grown
        rate[i] /= grown * grown
        depth[i] += x
        cap[i] = max(cap[i] - x, 0.0)
        x = y
