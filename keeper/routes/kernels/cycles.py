"""
The cycles of a ring: one for each choice of a pool for each of its arcs.
"""

from math import exp, sqrt

import numpy as np

from keeper.routes.kernels.tables import MAX_HOPS, Array, Best, Curves, Topology


def open_rings(
    topology: Topology,
    best: Best,
    curves: Curves,
    changed: Array,
    values: Array,
    tolls: Array,
    base: float,
    threshold: float,
    rings: Array,
    between: Array,
    start: int,
    cycles: Array,
    figures: Array,
) -> tuple[int, int]:
    """
    Write the cycles of rings from *start* on that gain more than the threshold and may earn what is wanted, each once,
    as long as there surely is room; return the ring that is next and how many cycles were written.

    A cycle of Moebius maps that reach as deep as any part of its curves gains no less than it does: that bounds what it
    earns, worth of the gain less all costs, and even before all its edges are chosen.

    Args:
        changed: Which edges did; a cycle counts where the ring says that the first of them is.
        values: Worth of the smallest unit of each profit token.
        tolls: Cost of a hop through each family; beside them a route costs *base*.
        between: Of each ring, the lowest bound that is wanted, and the one that is too high; the first is raised to the
            second where no cycle is below it.
        cycles: Rows of (the ring's profit token, edges), -1 beyond the last edge.
        figures: Rows of (log-rate, bound).
    """
    edge_first, edge_at, n = topology.edge_first, topology.edge_at, 0
    log_rate, rate, reach, pool, family = curves.log_rate, curves.rate, curves.reach, curves.pool, curves.family
    cursor, pick = np.empty(MAX_HOPS, np.int64), np.empty(MAX_HOPS, np.int64)
    total, rest, rates = np.zeros(MAX_HOPS + 1), np.zeros(MAX_HOPS + 1), np.ones(MAX_HOPS + 1)
    rest_rates, bend, cost = np.ones(MAX_HOPS + 1), np.zeros(MAX_HOPS + 1), np.full(MAX_HOPS + 1, base)
    for ring in range(start, rings.shape[0]):
        number, hops, changed_at, path = rings[ring, 0], rings[ring, 1], rings[ring, 2], rings[ring, 3:]
        most = 1
        rest[hops], rest_rates[hops] = 0.0, 1.0
        for i in range(hops - 1, -1, -1):
            most *= edge_first[path[i] + 1] - edge_first[path[i]]
            rest[i] = rest[i + 1] + best.out[path[i]]
            rest_rates[i] = exp(rest[i])
        if n + most > cycles.shape[0]:
            return ring, n
        lowest, too_high, is_whole = between[ring, 0], between[ring, 1], True
        at, cursor[0] = 0, edge_first[path[0]]
        while at >= 0:
            if cursor[at] == edge_first[path[at] + 1]:
                at -= 1
                continue
            edge = edge_at[cursor[at]]
            cursor[at] += 1
            if at <= changed_at and changed[edge] != (at == changed_at):
                continue
            total[at + 1] = total[at] + log_rate[edge]
            if not total[at + 1] + rest[at + 1] > threshold or _is_used(pool, pick, at, edge):
                continue
            rates[at + 1] = rates[at] * rate[edge]
            bend[at + 1] = bend[at] + rates[at] / reach[edge]
            cost[at + 1] = cost[at] + tolls[family[edge]]
            gain = _most(rates[at + 1] * rest_rates[at + 1], bend[at + 1])
            earned = gain * values[number] - cost[at + 1]
            if gain < 1.0 or earned < lowest:
                is_whole = is_whole and (gain < 1.0 or earned < 0.0)
                continue
            pick[at] = edge
            if at + 1 < hops:
                at += 1
                cursor[at] = edge_first[path[at]]
            elif earned < too_high:
                cycles[n, 0], cycles[n, 1:] = number, -1
                cycles[n, 1 : hops + 1] = pick[:hops]
                figures[n, 0], figures[n, 1] = total[hops], earned
                n += 1
        if is_whole:
            between[ring, 0] = too_high
    return rings.shape[0], n


def most_cycles(topology: Topology, rings: Array) -> int:
    """
    Return how many cycles the ring with the most pools has at most.
    """
    most = 1
    for ring in range(rings.shape[0]):
        here = 1
        for i in range(rings[ring, 1]):
            arc = rings[ring, 3 + i]
            here *= topology.edge_first[arc + 1] - topology.edge_first[arc]
        most = max(most, here)
    return most


def _most(rate: float, bend: float) -> float:
    """The most that ``rate * x / (1 + bend * x) - x`` can be, and a billionth more for rounding."""
    if rate <= 1.0:
        return 0.0
    if bend == 0.0:
        return np.inf
    step = sqrt(rate) - 1.0
    return step * step / bend * (1.0 + 1e-9)


def _is_used(pool: Array, pick: Array, n: int, edge: int) -> bool:
    """Whether one of the first n hops goes through the edge's pool."""
    for i in range(n):  # noqa: SIM110 - numba compiles no generators
        if pool[pick[i]] == pool[edge]:
            return True
    return False
