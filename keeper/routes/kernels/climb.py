"""
The input of a cycle that gains most, where a hop's curve is no Moebius map.
"""

from math import inf, sqrt

from keeper.routes.kernels.smooth import value
from keeper.routes.kernels.tables import WEIGHTED, Array, Curves
from keeper.routes.kernels.walk import enter_next

#: How much of the gain may be missing, and the part of an input beside which the other side of the optimum is looked
#: at.
_MISSING, _BESIDE = 1e-10, 1e-6

#: Steps that are all Newton's; of those that follow, one in three is, and one leads to where a range ends, and a little
#: farther. Steps in all.
_NEWTON, _BEYOND, _STEPS = 4, 1 + 1e-9, 120


def climb(curves: Curves, cycle: Array, hops: int, scratch: Array, row: Array) -> tuple[float, float, float]:
    """
    Return the input that gains most, what no input gains more than, and the cycle's depth there.

    The curves are concave, so that a gain is at most that of one input and the marginal gain there times the way to
    another where it is negative. The inverse root of the marginal rate is straight for a Moebius map: Newton's method
    on it needs few steps.

    Args:
        scratch, row: Room for three figures and an index of each hop.
    """
    _, slope, bend, end = _paid(curves, cycle, hops, scratch, row, 0.0)
    if slope <= 1.0:
        return 0.0, 0.0, 0.0
    at, low, low_gain, low_slope, low_end, high = 0.0, 0.0, 0.0, slope, end, inf
    for n in range(_STEPS):
        kind = n % 3 if n >= _NEWTON else 0
        following = (low + high) / 2.0 if high < inf else 2.0 * low + 1.0
        if kind == 1 and low_end < inf:
            following = low + low_end * _BEYOND
        elif kind == 0 and slope > 0.0 and bend > 0.0:
            following = at + (sqrt(slope) - 1.0) / bend
            if abs(following - at) < _BESIDE * at:
                following = at * (1.0 + _BESIDE if slope > 1.0 else 1.0 - _BESIDE)
        if not low < following < high:
            following = (low + high) / 2.0 if high < inf else 2.0 * low + 1.0
        at = following
        paid, slope, bend, end = _paid(curves, cycle, hops, scratch, row, at)
        if slope >= 1.0:
            low, low_gain, low_slope, low_end = at, paid - at, slope, end
        else:
            high = at
        if high < inf and ((low_slope - 1.0) * (high - low) <= _MISSING * low_gain or high - low <= 2e-9 * high):
            break
    return low, low_gain + (low_slope - 1.0) * (high - low), 1.0 / bend if bend > 0.0 else high


def _paid(
    curves: Curves, cycle: Array, hops: int, scratch: Array, row: Array, amount_in: float
) -> tuple[float, float, float, float]:
    """
    What a cycle pays, its marginal rate, how fast the inverse root of that grows relative to itself, and what may go in
    beside before any hop's range ends.
    """
    amount, slope, bend, end = amount_in, 1.0, 0.0, inf
    for i in range(hops):
        edge = cycle[i]
        kind = curves.kind[edge]
        if kind >= WEIGHTED:
            amount, steep, bent, left = value(kind, curves.shapes, curves.row[edge], amount)
        else:
            amount, steep, bent, left = _walk(curves, edge, scratch, row, amount)
        if slope > 0.0:
            end = min(end, left / slope)
        bend += slope * bent
        slope *= steep
    return amount, slope, bend, end


def _walk(curves: Curves, edge: int, scratch: Array, row: Array, amount_in: float) -> tuple[float, float, float, float]:
    """The same of one hop of Moebius maps, from range to range."""
    if amount_in <= curves.cap[edge]:
        grown, full = 1.0 + amount_in / curves.depth[edge], curves.rate[edge]
        bent = 1.0 / (curves.depth[edge] + amount_in)
        return full * amount_in / grown, full / (grown * grown), bent, curves.cap[edge] - amount_in
    rate, depth, cap = scratch[0], scratch[1], scratch[2]
    rate[0], depth[0], cap[0], row[0] = curves.rate[edge], curves.depth[edge], curves.cap[edge], curves.row[edge]
    rest, paid = amount_in, 0.0
    while rest > cap[0]:
        rest -= cap[0]
        paid += rate[0] * cap[0] / (1.0 + cap[0] / depth[0])
        if not enter_next(curves.kind[edge], curves.keep[edge], curves.rows, rate, depth, cap, row, 0):
            return paid, 0.0, 0.0, inf
    grown = 1.0 + rest / depth[0]
    return paid + rate[0] * rest / grown, rate[0] / (grown * grown), 1.0 / (depth[0] + rest), cap[0] - rest
