"""
Routes that share pools, sized in turn on what all others leave behind, until none moves.
"""

from math import inf

import numpy as np

from keeper.routes.kernels.optimum import size_one
from keeper.routes.kernels.tables import FALLING, MAX_HOPS, WHOLE, Array, Curves, makes_arrays
from keeper.routes.kernels.walk import enter_next

#: Where steps shrink by less than to this part of the one before, their end is guessed.
_SLOW = 0.1

#: That is done again where steps have shrunk to this part of what they were then: guesses may go around in circles.
_NEARER = 0.5

#: What part of the gain may be missing there: fees that stay in pools have it depend on the order of routes a little.
_LOSS = 1e-6


@makes_arrays
def settle(
    curves: Curves,
    twin: Array,
    routes: Array,
    worths: Array,
    amounts: Array,
    figures: Array,
    gains: Array,
    most_runs: int,
    still: float,
) -> bool:
    """
    Write the input that each route has when no input that is changed alone gains more, and how it gains beside the
    others; return whether each gains something.

    Args:
        curves: Of constant products and of ranges alone, before any route; what they are worth is written over.
        twin: The other edge of each edge's pool.
        routes: Rows of edges, -1 beyond the last.
        worths: Of a unit of what each route starts with.
        amounts: What goes into each route, to begin with.
        figures: Rows of (input, gain, depth), beside all others.
        gains: What each gains as they run one after another.
        most_runs: Routes that are run at most.
        still: The relative change of an input that is none.
    """
    scratch, at, first = np.empty((3, MAX_HOPS)), np.empty(MAX_HOPS, np.int64), curves.row.copy()
    before = np.empty((3, twin.size))
    before[0] = curves.rate
    before[1] = curves.depth
    before[2] = curves.cap
    n, stepped, leapt = routes.shape[0], False, inf
    step, last = np.zeros(n), np.zeros(n)
    for _ in range(max(most_runs // (n * n), 1)):
        moved = False
        for i in range(n):
            _reset(curves, before, first)
            for j in range(n):
                if j != i and _run(curves, twin, routes[j], amounts[j], scratch, at) < 0.0:
                    return False
            amount, gain, depth = size_one(curves, routes[i], scratch, at)
            if gain <= 0.0 or amount < 1.0:
                return False
            moved = moved or abs(amount - amounts[i]) > still * amounts[i]
            step[i], amounts[i] = amount - amounts[i], amount
            figures[i, 0], figures[i, 1], figures[i, 2] = amount, gain, depth
        if not moved:
            break
        leap, size = _leap(step, last) if stepped else 0.0, np.abs(step).max()
        stepped = True
        if leap > 0.0 and size < _NEARER * leapt:
            leapt = size
            here = _total(curves, before, first, twin, routes, worths, amounts, scratch, at)
            last[:] = amounts
            amounts += leap * step
            if _total(curves, before, first, twin, routes, worths, amounts, scratch, at) > here - _LOSS * abs(here):
                stepped = False
            else:
                amounts[:] = last
        last[:] = step
    _reset(curves, before, first)
    for i in range(n):
        paid = _run(curves, twin, routes[i], amounts[i], scratch, at)
        if paid < 0.0:
            return False
        gains[i] = paid - amounts[i]
    return True


def _leap(step: Array, last: Array) -> float:
    """
    How many times the last step leads to where steps end that go on to shrink by the same ratio (Aitken); none where
    they shrink fast, or do not.
    """
    product, square = 0.0, 0.0
    for i in range(step.size):
        product += step[i] * last[i]
        square += last[i] * last[i]
    if not _SLOW * square < product < square:
        return 0.0
    return product / (square - product)


def _total(
    curves: Curves,
    before: Array,
    first: Array,
    twin: Array,
    routes: Array,
    worths: Array,
    amounts: Array,
    scratch: Array,
    at: Array,
) -> float:
    """Worth of what the routes gain as they run one after another; minus infinity if one cannot."""
    _reset(curves, before, first)
    gain = 0.0
    for i in range(routes.shape[0]):
        paid = _run(curves, twin, routes[i], amounts[i], scratch, at) if amounts[i] >= 1.0 else -1.0
        if paid < 0.0:
            return -inf
        gain += (paid - amounts[i]) * worths[i]
    return gain


def _reset(curves: Curves, before: Array, first: Array) -> None:
    """Have the curves be as they were."""
    for i in range(first.size):
        curves.rate[i], curves.depth[i], curves.cap[i] = before[0, i], before[1, i], before[2, i]
        curves.row[i] = first[i]


def _run(curves: Curves, twin: Array, route: Array, amount_in: float, scratch: Array, at: Array) -> float:
    """Move the pools of a route by what it puts into them, and return what it pays; -1 if a pool has no room."""
    amount = amount_in
    for i in range(route.size):
        if route[i] < 0:
            break
        amount = _swap(curves, route[i], twin[route[i]], amount, scratch, at)
        if amount < 0.0:
            return -1.0
    return amount


def _swap(curves: Curves, edge: int, back: int, amount_in: float, scratch: Array, at: Array) -> float:
    """Move a pool along its edge, and the edge back with it; return what it pays, -1 if it has no room for so much."""
    kind = curves.kind[edge]
    if kind == WHOLE:
        held, other = curves.depth[edge] * curves.keep[edge], curves.rate[edge] * curves.depth[edge]
        paid = curves.rate[edge] * amount_in / (1.0 + amount_in / curves.depth[edge])
        held, other = held + amount_in, other - paid
        curves.rate[edge], curves.depth[edge] = other / held * curves.keep[edge], held / curves.keep[edge]
        curves.rate[back], curves.depth[back] = held / other * curves.keep[back], other / curves.keep[back]
        return float(paid)
    rate, depth, cap = scratch[0], scratch[1], scratch[2]
    rate[0], depth[0], cap[0], at[0] = curves.rate[edge], curves.depth[edge], curves.cap[edge], curves.row[edge]
    rest, paid = amount_in, 0.0
    while rest > cap[0]:
        rest -= cap[0]
        paid += rate[0] * cap[0] / (1.0 + cap[0] / depth[0])
        if not enter_next(kind, curves.keep[edge], curves.rows, rate, depth, cap, at, 0):
            return -1.0
    grown = 1.0 + rest / depth[0]
    paid += rate[0] * rest / grown
    rate[0] /= grown * grown
    curves.rate[edge], curves.depth[edge], curves.cap[edge] = rate[0], depth[0] + rest, cap[0] - rest
    # both prices are of one square root, and both depths of one liquidity
    keep, home, row = curves.keep[edge], curves.keep[back], at[0]
    low, high, liquidity = curves.rows[row, 0], curves.rows[row + 1, 0], curves.rows[row, 1]
    curves.row[edge] = curves.row[back] = row
    curves.rate[back] = keep * home / rate[0]
    if kind == FALLING:
        price = (rate[0] / keep) ** 0.5
        curves.depth[back] = liquidity * price / home
        curves.cap[back] = curves.depth[back] * max(high / price - 1.0, 0.0)
    else:
        price = (keep / rate[0]) ** 0.5
        curves.depth[back] = liquidity / (price * home)
        curves.cap[back] = curves.depth[back] * max(price / low - 1.0, 0.0)
    return float(paid)
