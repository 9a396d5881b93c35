"""
From range to range along a curve.
"""

from math import exp, inf, log, sqrt

from keeper.routes.kernels.tables import FALLING, FALLS, RISING, SAMPLED, WHOLE, Array, Curves

#: What rounding in floats is given room for: the depth is of a small difference.
_ROOM = 1.0 - 1e-6


def follow_product(curves: Curves, first: int, reserve0: float, reserve1: float, keep0: float, keep1: float) -> None:
    """
    Let both edges of a pool pay what its constant product does.

    Args:
        first: The edge of what goes in for reserve 0; the other one follows.
        keep0, keep1: What the fee leaves of an input of each token.
    """
    _pay_product(curves, first, reserve0, reserve1, keep0)
    _pay_product(curves, first + 1, reserve1, reserve0, keep1)


def _pay_product(curves: Curves, edge: int, held: float, other: float, keep: float) -> None:
    rate, depth = other / held * keep, held / keep
    curves.log_rate[edge], curves.rate[edge], curves.depth[edge] = log(rate), rate, depth
    curves.reach[edge] = depth
    curves.limit[edge], curves.cap[edge], curves.keep[edge] = inf, inf, keep
    curves.kind[edge], curves.row[edge] = WHOLE, -1


def follow_all(curves: Curves, told: Array, state: Array, at: Array) -> None:
    """
    Do ``follow``, or where there are no ranges ``follow_product``, for many pools.

    Args:
        told: Of each pool the first edge and the range that the price is in, negative where there are none; then what
            they take besides.
    """
    for i in range(told.shape[0]):
        first, row = int(told[i, 0]), int(told[i, 1])
        if row < 0:
            follow_product(curves, first, told[i, 2], told[i, 3], told[i, 4], told[i, 5])
        else:
            follow(curves, first, row, told[i, 2], told[i, 3], told[i, 4], told[i, 5], state, at)


def follow(
    curves: Curves,
    first: int,
    row: int,
    sqrt_price: float,
    liquidity: float,
    falling: float,
    rising: float,
    state: Array,
    at: Array,
) -> None:
    """
    Let both edges of a pool of ranges pay what they do from a price on.

    Args:
        first: The edge along which the price falls; the other one follows.
        row: Of the range that the price is in.
        liquidity: Of that range.
        falling, rising: Marginal rate after fees of each edge; 0 of one that cannot trade.
        state, at: Room for three figures and an index.
    """
    _begin(curves, first, FALLING, row, sqrt_price, liquidity, falling, state, at)
    _begin(curves, first + 1, RISING, row, sqrt_price, liquidity, rising, state, at)


def _begin(
    curves: Curves,
    edge: int,
    kind: int,
    row: int,
    sqrt_price: float,
    liquidity: float,
    rate: float,
    state: Array,
    at: Array,
) -> None:
    """The range that an edge trades in first is a later one where the present has no liquidity."""
    rows = curves.rows
    while liquidity == 0.0:
        row += kind
        sqrt_price = rows[row + 1 if kind == FALLING else row, 0]
        liquidity = rows[row, 1]
    if liquidity < 0.0 or rate == 0.0:
        curves.log_rate[edge] = -inf
        return
    if kind == FALLING:
        deep, price, cap = 1.0 / sqrt_price, sqrt_price * sqrt_price, sqrt_price / rows[row, 0] - 1.0
    else:
        deep, price, cap = sqrt_price, 1.0 / (sqrt_price * sqrt_price), rows[row + 1, 0] / sqrt_price - 1.0
    keep = rate / price
    depth = liquidity * deep / keep
    cap = depth * max(cap, 0.0)
    curves.log_rate[edge], curves.rate[edge], curves.depth[edge] = log(rate), rate, depth
    curves.cap[edge], curves.keep[edge], curves.kind[edge], curves.row[edge] = cap, keep, kind, row
    state[0, 0], state[1, 0], state[2, 0], at[0] = rate, depth, cap, row
    curves.limit[edge] = extent(kind, keep, rows, state, at, curves.reach[edge])


def extent(kind: int, keep: float, rows: Array, state: Array, row: Array, reach: Array) -> float:
    """
    Write the reaches of a curve of ranges, and return the input at its end.

    A Moebius map ``start * x / (1 + x / k)`` is above all y that are paid for x if 1 / k is the least that ``start / y
    - 1 / x`` is: in each range that has one extreme, where ``x * sqrt(start * marginal rate) = y``.

    Args:
        state: Rate, depth and cap of the present range, a row each; with *row* it is moved to the last.
    """
    rate, depth, cap = state[0], state[1], state[2]
    start, x, y, least, level = rate[0], 0.0, 0.0, 1.0 / depth[0], 0
    while cap[0] < inf:
        # of the first range, the depth is the reach
        step = _extreme(start, x, y, rate[0], depth[0]) if x > 0.0 else -1.0
        fallen = rate[0] / (1.0 + cap[0] / depth[0]) ** 2
        while level < len(FALLS) and fallen < start * exp(-FALLS[level]):
            end = depth[0] * (sqrt(max(rate[0] / (start * exp(-FALLS[level])), 1.0)) - 1.0)
            here = least
            if x > 0.0:
                here = min(here, _bend(start, x, y, rate[0], depth[0], end))
                if 0.0 < step < end:
                    here = min(here, _bend(start, x, y, rate[0], depth[0], step))
            reach[level] = 1.0 / (here * _ROOM) if here > 0.0 else inf
            level += 1
        if x > 0.0:
            least = min(least, _bend(start, x, y, rate[0], depth[0], cap[0]))
            if 0.0 < step < cap[0]:
                least = min(least, _bend(start, x, y, rate[0], depth[0], step))
        x += cap[0]
        y += rate[0] * cap[0] / (1.0 + cap[0] / depth[0])
        if not enter_next(kind, keep, rows, rate, depth, cap, row, 0):
            break
    reach[level:] = 1.0 / (least * _ROOM) if least > 0.0 else inf
    return x if cap[0] < inf else inf


def _bend(start: float, x: float, y: float, rate: float, depth: float, step: float) -> float:
    """What the inverse of the reach is at most, a step into a range that begins at x and y."""
    return start / (y + rate * step / (1.0 + step / depth)) - 1.0 / (x + step)


def _extreme(start: float, x: float, y: float, rate: float, depth: float) -> float:
    """The step into a range at which that is an extreme; what lies outside the range is none."""
    root = sqrt(start * rate)
    denominator = root - y / depth - rate
    return (y - x * root) / denominator if denominator != 0.0 else -1.0


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
