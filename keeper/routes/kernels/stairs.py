"""
What rounding does to a cycle, near an amount.

Floats throughout: numba's ``math.floor`` gives 64-bit integers, which are too short.
"""

from math import inf

import numpy as np

from keeper.routes.kernels.tables import Array

#: What leaves so much less than a whole number when a fee is taken from it is whole: fees are millionths at the finest,
#: and floats end beside them.
_WHOLE = 1e-7


def look(stairs: Array, coarsest: int, first: float, stride: float, n: int, units: Array, promises: Array) -> None:
    """
    Merge the numbers of units *first*, *first* + *stride* and so on, of which the least input gains most, into those
    that are given, the best first.

    Args:
        stairs: Of each hop, rows of ranges: input and output at the start and at the end, the output with the fraction
            that rounding hides; the rate at the start and the depth, both without the fee, and the part that the fee
            leaves; 1 where the fee is rounded first, as by Uniswap V3 and Balancer. A row whose end lies before its
            start is none.
        coarsest: The hop that the units go into.
        promises: What the units gain; minus infinity where that leaves the ranges that are given.
    """
    last = units.size - 1
    for j in range(n):
        amount = first + stride * j
        if amount < 1.0:
            continue
        promise = gain(stairs, coarsest, amount)
        if promise > promises[last]:
            k = last
            while k > 0 and promise > promises[k - 1]:
                units[k], promises[k] = units[k - 1], promises[k - 1]
                k -= 1
            units[k], promises[k] = amount, promise


def look_around(stairs: Array, coarsest: int, centres: Array, wide: int, units: Array, promises: Array) -> None:
    """
    The same of so many units in a row around each centre.
    """
    for centre in centres:
        look(stairs, coarsest, centre - wide // 2, 1.0, wide, units, promises)


def gain(stairs: Array, coarsest: int, units: float) -> float:
    """
    Return what the least input for a number of units of the coarsest token gains.
    """
    amount_in = units
    for i in range(coarsest - 1, -1, -1):
        amount_in = _least_in(stairs[i], amount_in)
    amount = units
    for i in range(coarsest, stairs.shape[0]):
        amount = _out(stairs[i], amount)
    return amount - amount_in if amount_in < inf else -inf


def _out(ranges: Array, amount_in: float) -> float:
    """What a hop gives for an input; minus infinity beyond its ranges."""
    for i in range(ranges.shape[0]):
        start_in, start_out, end_in = ranges[i, 0], ranges[i, 1], ranges[i, 2]
        if start_in <= amount_in <= end_in:
            kept = (amount_in - start_in) * ranges[i, 6]
            if ranges[i, 7] == 1.0:
                kept = np.floor(kept + _WHOLE)
            return float(np.floor(start_out + ranges[i, 4] * kept / (1.0 + kept / ranges[i, 5])))
    return -inf


def _least_in(ranges: Array, amount_out: float) -> float:
    """What a hop takes for an output; infinity beyond its ranges."""
    for i in range(ranges.shape[0]):
        start_in, start_out, end_out = ranges[i, 0], ranges[i, 1], ranges[i, 3]
        if start_out <= amount_out <= end_out:
            wanted = amount_out - start_out
            kept = wanted / (ranges[i, 4] - wanted / ranges[i, 5])
            if ranges[i, 7] == 1.0:
                kept = np.ceil(kept - _WHOLE)
            return float(np.ceil(start_in + kept / ranges[i, 6] - _WHOLE))
    return inf
