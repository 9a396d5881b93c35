"""
The cycles of a ring, one for each choice of a pool for each of its arcs: those that may earn nearly as much as the best.
"""

from math import exp, inf

import numpy as np

from keeper.routes.kernels.moebius import input_for, most_of
from keeper.routes.kernels.optimum import size_one
from keeper.routes.kernels.tables import MAX_HOPS, SAMPLED, Array, Best, Curves, Topology, Worth

#: By how much a gain may be more than floats say: relative to it, and to the input that it is a difference with.
_FLOAT_ERROR, _INPUT_ERROR = 1e-9, 1e-13

#: By how much it may be more than samples say, which are the wider apart where the optimum lies the more a cycle's rate
#: is above one: twice what random markets show.
_SAMPLE_ERROR, _SAMPLE_ERROR_PER_LOG_RATE, _MOST_SAMPLE_ERROR = 0.02, 20.0, 0.3

#: The input of a cycle that was not sized.
UNKNOWN = -1.0


def open_rings(
    topology: Topology,
    best: Best,
    curves: Curves,
    changed: Array,
    worth: Worth,
    threshold: float,
    rings: Array,
    bounds: Array,
    told_above: Array,
    start: int,
    floor: float,
    share: float,
    cycles: Array,
    figures: Array,
) -> tuple[int, int, float]:
    """
    List the cycles of rings from *start* on that gain more than the threshold and may earn what is wanted, each once;
    return the ring that is next, how many cycles were written, and what was wanted in the end.

    At first the *floor* is wanted, then a *share* of what the best cycle earns, once that is more.

    Args:
        changed: Which edges did; a cycle counts where the ring says that the first of them is.
        rings: By their bounds, the highest first.
        told_above: Of each ring, the bound from which on its cycles are known.
        cycles: Rows of (ring, edges), -1 beyond the last edge. A ring that has no room is the next one.
        figures: Rows of (log-rate, bound, the most that it earns, input, gain, depth). Cycles that cannot raise what is
            wanted are only bounded: their input is ``UNKNOWN``.
    """
    n, ring = 0, start
    pick = np.empty(MAX_HOPS, np.int64)
    while ring < rings.shape[0] and bounds[ring] >= floor:
        if n < cycles.shape[0] and _choose(topology, best, curves, changed, rings[ring], pick):
            cycles[n, 0], cycles[n, 1:] = ring, pick
            earned = _bound(curves, worth, rings[ring], pick)
            if floor < share * earned and earned < told_above[ring]:
                floor = max(floor, share * size_cycle(curves, worth, rings[ring], cycles[n], figures[n]))
        written, floor = _open(
            topology, best, curves, changed, worth, threshold, rings[ring], told_above[ring], floor, share, ring,
            cycles[n:], figures[n:],
        )  # fmt: skip
        if written < 0:
            break
        n += written
        ring += 1
    return ring, n, floor


def _open(
    topology: Topology,
    best: Best,
    curves: Curves,
    changed: Array,
    worth: Worth,
    threshold: float,
    ring: Array,
    too_high: float,
    floor: float,
    share: float,
    number: int,
    cycles: Array,
    figures: Array,
) -> tuple[int, float]:
    """
    The cycles of one ring, and what is wanted then; minus one cycle if there is no room for all.

    A cycle of Moebius maps that reach as deep as any part of its curves gains no less than it does: that bounds what it
    earns, even before all its edges are chosen.
    """
    edge_first, edge_at, n = topology.edge_first, topology.edge_at, 0
    log_rate, rate, reach, pool, family = curves.log_rate, curves.rate, curves.reach, curves.pool, curves.family
    cursor, pick = np.empty(MAX_HOPS, np.int64), np.full(MAX_HOPS, -1, np.int64)
    total, rates, bend = np.zeros(MAX_HOPS + 1), np.ones(MAX_HOPS + 1), np.zeros(MAX_HOPS + 1)
    limit, cost = np.full(MAX_HOPS + 1, inf), np.zeros(MAX_HOPS + 1)
    rest, rest_rates, rest_bend = np.zeros(MAX_HOPS + 1), np.ones(MAX_HOPS + 1), np.zeros(MAX_HOPS + 1)
    value, hops, changed_at, path = worth.values[ring[0]], ring[1], ring[2], ring[3:]
    for i in range(hops - 1, -1, -1):
        rest[i] = rest[i + 1] + best.out[path[i]]
        rest_rates[i] = exp(rest[i])
        rest_bend[i] = 1.0 / best.reach[path[i]] + exp(best.out[path[i]]) * rest_bend[i + 1]
    at, cursor[0] = 0, edge_first[path[0]]
    while at >= 0:
        if cursor[at] == edge_first[path[at] + 1]:
            at -= 1
            continue
        edge, after = edge_at[cursor[at]], at + 1
        cursor[at] += 1
        if at <= changed_at and changed[edge] != (at == changed_at):
            continue
        total[after] = total[at] + log_rate[edge]
        if not total[after] + rest[after] > threshold or _is_used(pool, pick, at, edge):
            continue
        limit[after] = min(limit[at], input_for(curves.limit[edge], rates[at], bend[at]))
        rates[after], bend[after] = rates[at] * rate[edge], bend[at] + rates[at] / reach[edge]
        cost[after] = cost[at] + worth.tolls[family[edge]] + (worth.openings[family[edge]] if at == 0 else 0.0)
        gain = most_of(rates[after] * rest_rates[after], bend[after] + rates[after] * rest_bend[after], limit[after])
        earned = gain * value - cost[after]
        if gain < 1.0 or not earned >= floor:
            continue
        pick[at] = edge
        if after < hops:
            at = after
            cursor[at] = edge_first[path[at]]
        elif earned < too_high:
            if n == cycles.shape[0]:
                return -1, floor
            cycles[n, 0], cycles[n, 1:] = number, pick
            figures[n, 0], figures[n, 1], figures[n, 2], figures[n, 3] = total[hops], earned, earned, UNKNOWN
            if floor < share * earned:
                floor = max(floor, share * size_cycle(curves, worth, ring, cycles[n], figures[n]))
            n += 1
    return n, floor


def _choose(topology: Topology, best: Best, curves: Curves, changed: Array, ring: Array, pick: Array) -> bool:
    """
    Pick a cycle of the ring that promises much: for each arc the edge that is best beside the best of the others; return
    whether there is one.
    """
    hops, changed_at, path = ring[1], ring[2], ring[3:]
    pick[:] = -1
    rate, bend = 1.0, 0.0
    for i in range(hops):
        bend += rate / best.reach[path[i]]
        rate *= exp(best.out[path[i]])
    before = 1.0
    for i in range(hops):
        here, most = exp(best.out[path[i]]), 0.0
        others = bend - before / best.reach[path[i]]
        for k in range(topology.edge_first[path[i]], topology.edge_first[path[i] + 1]):
            edge = topology.edge_at[k]
            if (i <= changed_at and changed[edge] != (i == changed_at)) or _is_used(curves.pool, pick, i, edge):
                continue
            if curves.log_rate[edge] > -inf:
                limit = input_for(curves.limit[edge], before, 0.0)
                gain = most_of(rate / here * curves.rate[edge], others + before / curves.reach[edge], limit)
                if gain > most:
                    most, pick[i] = gain, edge
        if pick[i] < 0:
            return False
        before *= here
    return True


def _bound(curves: Curves, worth: Worth, ring: Array, pick: Array) -> float:
    """What a cycle earns at most, by its Moebius maps alone."""
    rate, bend, limit, cost = 1.0, 0.0, inf, worth.openings[curves.family[pick[0]]]
    for i in range(ring[1]):
        limit = min(limit, input_for(curves.limit[pick[i]], rate, bend))
        bend += rate / curves.reach[pick[i]]
        rate *= curves.rate[pick[i]]
        cost += worth.tolls[curves.family[pick[i]]]
    return most_of(rate, bend, limit) * worth.values[ring[0]] - cost


def size_cycles(curves: Curves, worth: Worth, rings: Array, cycles: Array, figures: Array) -> None:
    """
    Write what ``open_rings`` left out of cycles that it only bounded.
    """
    for i in range(cycles.shape[0]):
        size_cycle(curves, worth, rings[cycles[i, 0]], cycles[i], figures[i])


def size_cycle(curves: Curves, worth: Worth, ring: Array, cycle: Array, figures: Array) -> float:
    """
    Write what the most is that a cycle earns, its best input, gain and depth, and return what it does earn.
    """
    scratch, row = np.empty((3, MAX_HOPS)), np.empty(MAX_HOPS, np.int64)
    amount_in, gain, depth = size_one(curves, cycle[1:], scratch, row)
    value, cost, off = worth.values[ring[0]], worth.openings[curves.family[cycle[1]]], _FLOAT_ERROR
    for i in range(1, ring[1] + 1):
        cost += worth.tolls[curves.family[cycle[i]]]
        if curves.kind[cycle[i]] == SAMPLED:
            off = min(_SAMPLE_ERROR + _SAMPLE_ERROR_PER_LOG_RATE * figures[0], _MOST_SAMPLE_ERROR)
    most = gain * (1.0 + off) + amount_in * _INPUT_ERROR
    figures[2] = most * value - cost if most >= 1.0 else -inf
    figures[3], figures[4], figures[5] = amount_in, gain, depth
    return gain / (1.0 + off) * value - cost


def _is_used(pool: Array, pick: Array, n: int, edge: int) -> bool:
    """Whether one of the first n hops goes through the edge's pool."""
    for i in range(n):  # noqa: SIM110 - numba compiles no generators
        if pool[pick[i]] == pool[edge]:
            return True
    return False
