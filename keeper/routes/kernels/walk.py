"""
From range to range along a curve.
"""

from math import inf, sqrt

from keeper.routes.kernels.tables import FALLING, SAMPLED, WHOLE, Array

#: What rounding in floats is given room for: the depth is of a small difference.
_ROOM = 1.0 - 1e-6


def extent(kind: int, keep: float, rows: Array, state: Array, row: Array) -> tuple[float, float]:
    """
    Return the depth k of one Moebius map ``start * x / (1 + x / k)`` above the whole curve, and the input at its end.

    1 / k is the least that ``start / y - 1 / x`` is, where y is paid for x: in each range it has one extreme, where ``x *
    sqrt(start * marginal rate) = y``.

    Args:
        state: Rate, depth and cap of the present range, a row each; with *row* it is moved to the last.
    """
    rate, depth, cap = state[0], state[1], state[2]
    start, x, y, least, is_first = rate[0], 0.0, 0.0, 1.0 / depth[0], True
    while cap[0] < inf:
        if not is_first:
            root = sqrt(start * rate[0])
            denominator = root - y / depth[0] - rate[0]
            step = (y - x * root) / denominator if denominator != 0.0 else 0.0
            if 0.0 < step < cap[0]:
                paid = y + rate[0] * step / (1.0 + step / depth[0])
                least = min(least, start / paid - 1.0 / (x + step))
        x += cap[0]
        y += rate[0] * cap[0] / (1.0 + cap[0] / depth[0])
        if not is_first:
            least = min(least, start / y - 1.0 / x)
        if not enter_next(kind, keep, rows, rate, depth, cap, row, 0):
            break
        is_first = False
    return 1.0 / (least * _ROOM) if least > 0.0 else inf, x if cap[0] < inf else inf


def enter_next(kind: int, keep: float, rows: Array, rate: Array, depth: Array, cap: Array, row: Array, i: int) -> bool:
    """
    Let hop i go on with the next range that has liquidity; return False if there is none.
    """
    while kind != WHOLE and row[i] >= 0:
        row[i] += -1 if kind == FALLING else 1
        here = row[i]
        if rows[here, 1] < 0.0:
            return False
        if kind == SAMPLED:
            rate[i], depth[i], cap[i] = rows[here, 0], rows[here, 1], rows[here, 2]
            return True
        if rows[here, 1] > 0.0:
            low, high, liquidity = rows[here, 0], rows[here + 1, 0], rows[here, 1]
            if kind == FALLING:
                rate[i], depth[i] = high * high * keep, liquidity / (high * keep)
            else:
                rate[i], depth[i] = keep / (low * low), liquidity * low / keep
            cap[i] = depth[i] * (high / low - 1.0)
            return True
    return False
