"""
What every pool does at given prices, and what that is worth: the dual function and its slope.
"""

from math import expm1, log

import numpy as np

from keeper.convex.kernels.baskets import WIDEST, blurred, trade
from keeper.convex.kernels.tables import Baskets, Edges, Flow
from keeper.routes.kernels.tables import Array
from keeper.routes.kernels.walk import enter_next


def evaluate(edges: Edges, baskets: Baskets, price: Array, blur: float, flow: Flow) -> tuple[float, float, float]:
    """
    Write what the pools do at logarithms of prices, and return the value that they yield together, the value that
    moves for it, and what the stable pools that trade hold.

    Args:
        blur: If above zero, pools trade a little before it pays, so that what they do is smooth in prices. The value
            then is too high by about so much for each pool, and its slope is still that of the value.
    """
    value, moved, at_stake = 0.0, 0.0, 0.0
    flow.slope[:] = 0.0
    worth = np.exp(price)
    rate, depth, cap, row = np.empty(1), np.empty(1), np.empty(1), np.empty(1, np.int64)
    for e in range(edges.tail.size):
        a, b = edges.tail[e], edges.head[e]
        shift = price[b] - price[a]
        lead = edges.lead[e] + shift
        part, bent, deep = 1.0, 0.0, edges.depth[e]
        if blur > 0.0:
            lead, over, part, bent = blurred(lead, min(blur / deep, WIDEST))
            shift += over
        elif lead <= 0.0:
            flow.x[e], flow.y[e], flow.spring[e] = 0.0, 0.0, 0.0
            continue
        grown = _grown(lead)
        if deep * grown <= edges.cap[e]:
            x, gain, spring = deep * grown, deep * grown * grown, 0.5 * deep * (1.0 + grown)
        else:
            x, gain, spring = _walk(edges, e, shift, rate, depth, cap, row)
        x, gain, spring = x * worth[a], gain * worth[a], spring * worth[a]
        out = x + gain
        flow.x[e], flow.y[e] = x, out
        flow.spring[e] = spring * part * part + out * bent
        flow.slope[b] += out * part
        flow.slope[a] += gain - out * part
        value += gain
        moved += out
    for p in range(baskets.bend.size):
        gain, through = trade(baskets, p, price, worth, blur, flow, edges.tail.size)
        value += gain
        moved += through
        if through > 0.0 and baskets.bend[p] > 0.0:
            for k in range(baskets.first[p], baskets.first[p + 1]):
                at_stake += baskets.held[k] * baskets.worth[k] * worth[baskets.token[k]]
    return value, moved, at_stake


def _grown(lead: float) -> float:
    """By which part the depth grows until the rate has fallen by its lead: ``exp(lead / 2) - 1``."""
    half = 0.5 * lead
    if half < 1e-3:
        return half * (1.0 + half * (1 / 2 + half * (1 / 6 + half * (1 / 24 + half / 120))))
    return expm1(half)


def _walk(
    edges: Edges, e: int, shift: float, rate: Array, depth: Array, cap: Array, row: Array
) -> tuple[float, float, float]:
    """
    What goes in range by range until the marginal rate has fallen to one, what that gains, and the spring there.

    Args:
        shift: What prices add to the logarithm of the rate.
    """
    deep, most, lead = edges.depth[e], edges.cap[e], edges.lead[e] + shift
    x, gain = 0.0, 0.0
    row[0] = edges.row[e]
    while True:
        grown = _grown(lead)
        if deep * grown <= most:
            return x + deep * grown, gain + deep * grown * grown, 0.5 * deep * (1.0 + grown)
        x += most
        gain += (expm1(lead) - most / deep) / (1.0 + most / deep) * most
        if not enter_next(edges.kind[e], edges.keep[e], edges.rows, rate, depth, cap, row, 0):
            return x, gain, 0.0
        deep, most = depth[0] * edges.unit[e], cap[0] * edges.unit[e]
        lead = log(rate[0]) + edges.lift[e] + shift
        if lead <= 0.0:
            return x, gain, 0.0
