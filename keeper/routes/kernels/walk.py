"""
From range to range along a curve.
"""

from keeper.routes.kernels.tables import FALLING, SAMPLED, WHOLE, Array


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
