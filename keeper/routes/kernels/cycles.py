"""
The cycles of a ring, one for each choice of a pool for each of its arcs: those that may earn nearly as much as the
best.
"""

from math import exp, inf
from typing import NamedTuple

import numpy as np

from keeper.routes.kernels.moebius import input_for, level_of, most_of
from keeper.routes.kernels.optimum import size_one
from keeper.routes.kernels.tables import MAX_HOPS, SAMPLED, Array, Best, Curves, Topology, Worth, makes_arrays

#: By how much a gain may be more than floats say: relative to it, and to the input that it is a difference with.
_FLOAT_ERROR, _INPUT_ERROR = 1e-9, 1e-13

#: By how much it may be more than samples say, which are the wider apart where the optimum lies the more a cycle's rate
#: is above one: twice what random markets show.
_SAMPLE_ERROR, _SAMPLE_ERROR_PER_LOG_RATE, _MOST_SAMPLE_ERROR = 0.02, 20.0, 0.3

#: The input of a cycle that was not sized.
UNKNOWN = -1.0

#: Edges of a ring that there is room for at first.
_CHOICES = 256


@makes_arrays
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
    order: Array,
    start: int,
    floor: float,
    share: float,
    cycles: Array,
    figures: Array,
) -> tuple[int, int, float, bool]:
    """
    List the cycles of rings from *start* on that gain more than the threshold and may earn what is wanted in the end,
    each once; return the place in *order* that is next, how many cycles were written, what was wanted in the end, and
    whether all were listed.

    At first the *floor* is wanted, then a *share* of what the best cycle earns, once that is more.

    Args:
        changed: Which edges did; a cycle counts where the ring says that the first of them is.
        bounds, told_above: Of each ring, what those of its cycles earn at most that are not listed yet, and the bound
            from which on its cycles are. Written over in the end, where rings were opened.
        order: The rings by their bounds, the highest first.
        cycles: Rows of (ring, edges), -1 beyond the last edge. A ring that has no room is the next one.
        figures: Rows of (log-rate, bound, the most that it earns, input, gain, depth). Cycles that cannot raise what is
            wanted are only bounded: their input is ``UNKNOWN``.
    """
    n, place, room, choice, is_whole = 0, start, _room(), np.empty(_CHOICES, np.int64), True
    while place < order.size and bounds[order[place]] >= floor:
        ring = order[place]
        edges = _edges(topology, rings[ring])
        if edges > choice.size:
            choice = np.empty(2 * edges, np.int64)
        written, floor = _open(
            topology, best, curves, changed, worth, threshold, rings[ring], told_above[ring], floor, share, ring,
            cycles[n:], figures[n:], room, choice,
        )  # fmt: skip
        if written < 0:
            is_whole = False
            break
        n += written
        place += 1
    kept = 0
    for i in range(n):
        if figures[i, 1] >= floor and bounds[cycles[i, 0]] >= floor:
            if kept < i:
                cycles[kept], figures[kept] = cycles[i], figures[i]
            kept += 1
    if is_whole:
        place = _close(bounds, told_above, order, floor)
    return place, kept, floor, is_whole


def _close(bounds: Array, told_above: Array, order: Array, floor: float) -> int:
    """Note that all cycles are listed that may earn so much, and return how many rings had to be opened for that."""
    place, left = 0, np.nextafter(floor, -inf) if floor > 0.0 else -inf
    while place < order.size and bounds[order[place]] >= floor:
        told_above[order[place]] = min(told_above[order[place]], floor)
        bounds[order[place]] = left
        place += 1
    return place


class _Room(NamedTuple):
    """
    Room for what the hops of a ring have: before each hop, or from it on.

    Attributes:
        rest: The log-rate of the best edges from a hop on, their rate, and the bend of their maps.
        sofar: The log-rate of what was chosen before a hop, its rate, its bend, its limit, and its cost.
        ends: Where the choice for each hop ends.
        cursor: Where in it the walk is.
        pick: What was chosen.
        scratch, row: As ``size_one`` takes them.
    """

    rest: Array
    sofar: Array
    ends: Array
    cursor: Array
    pick: Array
    scratch: Array
    row: Array


@makes_arrays
def _room() -> _Room:
    return _Room(
        np.zeros((3, MAX_HOPS + 1)),
        np.zeros((5, MAX_HOPS + 1)),
        np.zeros(MAX_HOPS + 1, np.int64),
        np.zeros(MAX_HOPS, np.int64),
        np.zeros(MAX_HOPS, np.int64),
        np.empty((3, MAX_HOPS)),
        np.empty(MAX_HOPS, np.int64),
    )


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
    room: _Room,
    choice: Array,
) -> tuple[int, float]:
    """
    The cycles of one ring, and what is wanted then; minus one cycle if there is no room for all.

    A cycle of Moebius maps that reach as deep as its curves do gains no less than it does: that bounds what it earns,
    even before all its edges are chosen.
    """
    n, value, hops, path = 0, worth.values[ring[0]], ring[1], ring[3:]
    log_rate, rate, pool, family = curves.log_rate, curves.rate, curves.pool, curves.family
    most_in, deepest, tolls, openings = curves.limit, curves.reach, worth.tolls, worth.openings
    best_out, best_reach = best.out, best.reach
    rest, rest_rates, rest_bend = room.rest[0], room.rest[1], room.rest[2]
    ends, pick, cursor = room.ends, room.pick, room.cursor
    rest[hops], rest_rates[hops], rest_bend[hops] = 0.0, 1.0, 0.0
    for i in range(hops - 1, -1, -1):
        rest[i] = rest[i + 1] + best_out[path[i]]
    level = level_of(rest[0])
    for i in range(hops - 1, -1, -1):
        rest_rates[i] = exp(rest[i])
        rest_bend[i] = 1.0 / best_reach[path[i], level] + exp(best_out[path[i]]) * rest_bend[i + 1]
    pick[:] = -1
    if not _choose(
        topology, best, curves, changed, worth, ring, level, floor, rest_rates, rest_bend, choice, ends, pick
    ):
        return 0, floor
    if pick[hops - 1] >= 0 and cycles.shape[0] > 0:
        earned = _bound(curves, worth, ring, level, pick)
        if floor < share * earned and earned < too_high:
            _note(cycles[0], number, pick)
            figures[0, 0] = 0.0
            floor = max(floor, share * size_cycle(curves, worth, ring, cycles[0], figures[0], room.scratch, room.row))
    total, rates, bend, limit, cost = room.sofar[0], room.sofar[1], room.sofar[2], room.sofar[3], room.sofar[4]
    total[0], rates[0], bend[0], limit[0], cost[0] = 0.0, 1.0, 0.0, inf, 0.0
    pick[:] = -1
    cursor[0] = 0
    at = 0
    while at >= 0:
        if cursor[at] == ends[at + 1]:
            at -= 1
            continue
        edge, after = choice[cursor[at]], at + 1
        cursor[at] += 1
        total[after] = total[at] + log_rate[edge]
        if not total[after] + rest[after] > threshold or _is_used(pool, pick, at, edge):
            continue
        limit[after] = min(limit[at], input_for(most_in[edge], rates[at], bend[at]))
        rates[after], bend[after] = rates[at] * rate[edge], bend[at] + rates[at] / deepest[edge, level]
        cost[after] = cost[at] + tolls[family[edge]] + (openings[family[edge]] if at == 0 else 0.0)
        gain = most_of(rates[after] * rest_rates[after], bend[after] + rates[after] * rest_bend[after], limit[after])
        earned = gain * value - cost[after]
        if gain < 1.0 or not earned >= floor:
            continue
        pick[at] = edge
        if after < hops:
            at = after
            cursor[at] = ends[at]
        elif earned < too_high:
            if n == cycles.shape[0]:
                return -1, floor
            _note(cycles[n], number, pick)
            figures[n, 0], figures[n, 1], figures[n, 2], figures[n, 3] = total[hops], earned, earned, UNKNOWN
            if floor < share * earned:
                sized = size_cycle(curves, worth, ring, cycles[n], figures[n], room.scratch, room.row)
                floor = max(floor, share * sized)
            n += 1
    return n, floor


def _note(cycle: Array, number: int, pick: Array) -> None:
    cycle[0] = number
    for i in range(pick.size):
        cycle[1 + i] = pick[i]


def _edges(topology: Topology, ring: Array) -> int:
    """How many edges the arcs of a ring have."""
    n, edge_first = 0, topology.edge_first
    for i in range(ring[1]):
        n += edge_first[ring[3 + i] + 1] - edge_first[ring[3 + i]]
    return n


def _choose(
    topology: Topology,
    best: Best,
    curves: Curves,
    changed: Array,
    worth: Worth,
    ring: Array,
    level: int,
    floor: float,
    rest_rates: Array,
    rest_bend: Array,
    choice: Array,
    ends: Array,
    pick: Array,
) -> bool:
    """
    Write the edges of each arc that may earn what is wanted beside the best of the others, and pick the one of each
    that promises most; return whether each arc has one.
    """
    log_rate, rates, limit, reach = curves.log_rate, curves.rate, curves.limit, curves.reach
    pool, family, tolls, openings = curves.pool, curves.family, worth.tolls, worth.openings
    edge_first, edge_at, best_out, best_reach = topology.edge_first, topology.edge_at, best.out, best.reach
    n, rate, bend, value = 0, 1.0, 0.0, worth.values[ring[0]]
    for i in range(ring[1]):
        arc, most = ring[3 + i], 0.0
        for k in range(edge_first[arc], edge_first[arc + 1]):
            edge = edge_at[k]
            if log_rate[edge] == -inf or (i <= ring[2] and changed[edge] != (i == ring[2])):
                continue
            after = rate * rates[edge]
            bent = bend + rate / reach[edge, level] + after * rest_bend[i + 1]
            gain = most_of(after * rest_rates[i + 1], bent, input_for(limit[edge], rate, bend))
            cost = tolls[family[edge]] + (openings[family[edge]] if i == 0 else 0.0)
            if gain * value - cost >= floor:
                choice[n] = edge
                n += 1
                if gain > most and not _is_used(pool, pick, i, edge):
                    most, pick[i] = gain, edge
        ends[i + 1] = n
        if ends[i + 1] == ends[i]:
            return False
        bend += rate / best_reach[arc, level]
        rate *= exp(best_out[arc])
    for i in range(ring[1]):
        if pick[i] < 0:
            pick[ring[1] - 1] = -1
    return True


def _bound(curves: Curves, worth: Worth, ring: Array, level: int, pick: Array) -> float:
    """What a cycle earns at most, by its Moebius maps alone."""
    rate, bend, limit, cost = 1.0, 0.0, inf, worth.openings[curves.family[pick[0]]]
    for i in range(ring[1]):
        limit = min(limit, input_for(curves.limit[pick[i]], rate, bend))
        bend += rate / curves.reach[pick[i], level]
        rate *= curves.rate[pick[i]]
        cost += worth.tolls[curves.family[pick[i]]]
    return float(most_of(rate, bend, limit) * worth.values[ring[0]] - cost)


@makes_arrays
def size_cycles(curves: Curves, worth: Worth, rings: Array, cycles: Array, figures: Array) -> None:
    """
    Write what ``open_rings`` left out of cycles that it only bounded.
    """
    scratch, row = np.empty((3, MAX_HOPS)), np.empty(MAX_HOPS, np.int64)
    for i in range(cycles.shape[0]):
        size_cycle(curves, worth, rings[cycles[i, 0]], cycles[i], figures[i], scratch, row)


def size_cycle(
    curves: Curves, worth: Worth, ring: Array, cycle: Array, figures: Array, scratch: Array, row: Array
) -> float:
    """
    Write what the most is that a cycle earns, its best input, gain and depth, and return what it does earn.
    """
    amount_in, gain, depth = size_one(curves, cycle[1:], scratch, row)
    value, cost, off = worth.values[ring[0]], worth.openings[curves.family[cycle[1]]], _FLOAT_ERROR
    for i in range(1, ring[1] + 1):
        cost += worth.tolls[curves.family[cycle[i]]]
        if curves.kind[cycle[i]] == SAMPLED:
            off = min(_SAMPLE_ERROR + _SAMPLE_ERROR_PER_LOG_RATE * figures[0], _MOST_SAMPLE_ERROR)
    most = gain * (1.0 + off) + amount_in * _INPUT_ERROR
    figures[2] = most * value - cost if most >= 1.0 else -inf
    figures[3], figures[4], figures[5] = amount_in, gain, depth
    return float(gain / (1.0 + off) * value - cost)


def _is_used(pool: Array, pick: Array, n: int, edge: int) -> bool:
    """Whether one of the first n hops goes through the edge's pool."""
    for i in range(n):  # noqa: SIM110 - numba compiles no generators
        if pool[pick[i]] == pool[edge]:
            return True
    return False
