"""
What the cycles of a ring can earn at most, and which rings that leaves.
"""

from math import exp, inf

import numpy as np

from keeper.routes.kernels.moebius import input_for, level_of, most_of
from keeper.routes.kernels.tables import MAX_HOPS, Array, Best, Worth, makes_arrays

#: A log-rate that is none, whatever rounding adds.
_NO_GAIN = -1e-9

#: Column of a ring that tells the place of the first changed edge.
_CHANGED_AT = 2


@makes_arrays
def rank(best: Best, changed: Array, worth: Worth, rings: Array, bounds: Array) -> tuple[Array, Array]:
    """
    Write the bound of each ring as ``bound`` does, and return the rings that may pay with their bounds, the highest
    first.
    """
    bound(best, changed, worth, rings, bounds)
    at = np.empty(rings.shape[0], np.int64)
    n = 0
    for i in range(rings.shape[0]):
        if bounds[i] >= 0.0:
            at[n] = i
            n += 1
    keys = np.empty(n)
    for i in range(n):
        keys[i] = -bounds[at[i]]
    order = np.argsort(keys, kind="mergesort")
    paying, highest = np.empty((n, rings.shape[1]), np.int64), np.empty(n)
    for i in range(n):
        highest[i] = bounds[at[order[i]]]
        for j in range(rings.shape[1]):
            paying[i, j] = rings[at[order[i]], j]
    return paying, highest


def bound(best: Best, changed: Array, worth: Worth, rings: Array, bounds: Array) -> None:
    """
    Write the most that any cycle of each ring can earn: worth of its gain less all costs.

    No edge of an arc pays more than the Moebius map of the best rate, the deepest reach and the highest limit of all.

    Args:
        rings: As ``rings.search`` writes them; where no arc is the changed one, any of its edges may be taken.
    """
    least_opening, least_toll = _least_costs(worth)
    for i in range(rings.shape[0]):
        hops, changed_at = rings[i, 1], rings[i, 2]
        rate, bend, limit, total = 1.0, 0.0, inf, 0.0
        for j in range(hops):
            total += changed[rings[i, 3 + j]] if j == changed_at else best.out[rings[i, 3 + j]]
        if not total > _NO_GAIN:
            bounds[i] = -inf
            continue
        level = level_of(total)
        for j in range(hops):
            arc = rings[i, 3 + j]
            limit = min(limit, input_for(best.limit[arc], rate, bend))
            bend += rate / best.reach[arc, level]
            rate *= exp(changed[arc] if j == changed_at else best.out[arc])
        gain = most_of(rate, bend, limit)
        cost = least_opening + hops * least_toll
        bounds[i] = gain * worth.values[rings[i, 0]] - cost if gain >= 1.0 and cost < inf else -inf


def _least_costs(worth: Worth) -> tuple[float, float]:
    """What any route costs beside its hops, and what each of them adds, at least."""
    opening, toll = inf, inf
    for family in range(worth.tolls.size):
        toll = min(toll, worth.tolls[family])
        opening = min(opening, worth.openings[family])
    return opening, toll


@makes_arrays
def distinct(worth: Worth, rings: Array, bounds: Array, least: float) -> Array:
    """
    Return the first row of each ring whose gain may be worth so much.

    Rows of one ring differ in the place of the first changed edge; in what is returned there is none.

    Args:
        bounds: What each earns at most, as ``bound`` writes it with the same *worth*.
    """
    opening, toll = _least_costs(worth)
    size = 16
    while size < 2 * rings.shape[0]:
        size *= 2
    kept = np.empty(rings.shape, np.int64)
    return kept[: _keep(rings, bounds, opening, toll, least, kept, np.full(size, -1, np.int64))]


def _keep(rings: Array, bounds: Array, opening: float, toll: float, least: float, kept: Array, at: Array) -> int:
    n, size = 0, at.size
    for i in range(rings.shape[0]):
        if bounds[i] + (opening + rings[i, 1] * toll) >= least:
            slot = 0
            for j in range(rings.shape[1]):
                if j != _CHANGED_AT:
                    slot = (slot * 1_000_003 + rings[i, j] + 1) & (size - 1)
            while at[slot] >= 0 and not _are_one(kept[at[slot]], rings[i]):
                slot = (slot + 1) & (size - 1)
            if at[slot] < 0:
                at[slot] = n
                for j in range(rings.shape[1]):
                    kept[n, j] = MAX_HOPS if j == _CHANGED_AT else rings[i, j]
                n += 1
    return n


def _are_one(one: Array, other: Array) -> bool:
    for j in range(one.size):  # noqa: SIM110 - numba compiles no generators
        if j != _CHANGED_AT and one[j] != other[j]:
            return False
    return True
