"""
Every ring of up to four arcs that may gain by what changed.

A search meets in the middle. From a profit token t it takes, for every token w, the best rate of two hops t -> v -> w
and of two hops w -> x -> t over the best edge of each arc; with them every ring through a changed arc is either told or
proved to hold no cycle that gains. Nothing is sampled.
"""

from math import inf
from typing import NamedTuple

import numpy as np

from keeper.routes.kernels.bounds import rank
from keeper.routes.kernels.tables import Array, Best, Curves, Topology, Worth, makes_arrays


def refresh(topology: Topology, best: Best, curves: Curves, edges: Array) -> None:
    """
    Find the best again of every arc that has one of *edges*.
    """
    edge_first, edge_at = topology.edge_first, topology.edge_at
    for edge in edges:
        arc = topology.arc_of[edge]
        highest, widest = -inf, 0.0
        best.reach[arc] = 0.0
        for i in range(edge_first[arc], edge_first[arc + 1]):
            at = edge_at[i]
            if curves.log_rate[at] > -inf:
                highest = max(highest, curves.log_rate[at])
                for level in range(best.reach.shape[1]):
                    best.reach[arc, level] = max(best.reach[arc, level], curves.reach[at, level])
                widest = max(widest, curves.limit[at])
        best.out[arc] = highest
        best.back[topology.reverse[arc]] = highest
        best.limit[arc] = widest


@makes_arrays
def mark(topology: Topology, log_rate: Array, edges: Array, changed: Array) -> Array:
    """
    Write the best log-rate of each arc's changed edges, and return the arcs that have one which can trade.
    """
    arcs = np.empty(edges.size, np.int64)
    return np.sort(arcs[: _mark(topology, log_rate, edges, changed, arcs)])


def _mark(topology: Topology, log_rate: Array, edges: Array, changed: Array, arcs: Array) -> int:
    n = 0
    for edge in edges:
        arc = topology.arc_of[edge]
        if log_rate[edge] > -inf:
            if changed[arc] == -inf:
                arcs[n] = arc
                n += 1
            changed[arc] = max(changed[arc], log_rate[edge])
    return n


class Ways(NamedTuple):
    """
    How each profit token t is joined to every token of the core, a row each.

    Attributes:
        arc: The arc from t, or -1; that too where it leads to a profit token before t.
        forward: The best log-rate of two hops from t, or more.
        backward: The best log-rate of two hops to t, or more.
    """

    arc: Array
    forward: Array
    backward: Array


def reach(topology: Topology, best: Best, tokens: Array, max_hops: int, ways: Ways) -> None:
    """
    Write how the profit tokens are joined to all others.
    """
    first, core_end, head = topology.first, topology.core_end, topology.head
    ways.arc[:] = -1
    ways.forward[:] = -inf
    ways.backward[:] = -inf
    for number in range(tokens.size):
        t, arc, forward, backward = tokens[number], ways.arc[number], ways.forward[number], ways.backward[number]
        if t < 0:
            continue
        for i in range(first[t], core_end[t]):
            v = head[i]
            if _is_before(tokens, number, v):
                continue
            arc[v] = i
            if max_hops < 4:
                continue
            there, home = best.out[i], best.back[i]
            for j in range(first[v], core_end[v]):
                w = head[j]
                forward[w] = max(forward[w], there + best.out[j])
                backward[w] = max(backward[w], best.back[j] + home)


def _is_before(tokens: Array, number: int, v: int) -> bool:
    for i in range(number):  # noqa: SIM110 - numba compiles no generators
        if tokens[i] == v:
            return True
    return False


def raise_ways(topology: Topology, best: Best, tokens: Array, arcs: Array, ways: Ways) -> None:
    """
    Have the best log-rates of two hops be no less than they are, now that these arcs have others.
    """
    first, core_end, tail, head = topology.first, topology.core_end, topology.tail, topology.head
    for number in range(tokens.size):
        t, way, forward, backward = tokens[number], ways.arc[number], ways.forward[number], ways.backward[number]
        for arc in arcs:
            a, b, rate = tail[arc], head[arc], best.out[arc]
            if t < 0 or arc >= core_end[a]:
                continue
            there, home = way[a], way[b]
            if a == t and home >= 0:
                for j in range(first[b], core_end[b]):
                    forward[head[j]] = max(forward[head[j]], rate + best.out[j])
            elif there >= 0:
                forward[b] = max(forward[b], best.out[there] + rate)
            if b == t and there >= 0:
                for j in range(first[a], core_end[a]):
                    backward[head[j]] = max(backward[head[j]], best.back[j] + rate)
            elif home >= 0:
                backward[a] = max(backward[a], rate + best.back[home])


@makes_arrays
def survey(
    topology: Topology,
    best: Best,
    log_rate: Array,
    edges: Array,
    changed: Array,
    marked: Array,
    tokens: Array,
    max_hops: int,
    threshold: float,
    ways: Ways,
    is_new: bool,
    worth: Worth,
    known: int,
    rings: Array,
    bounds: Array,
) -> tuple[int, Array, Array]:
    """
    Search for rings through these edges as ``search`` does, bound what their cycles earn, and return how many there are
    and those that may pay, as ``rank`` does; none of these where there was no room for all.

    Args:
        changed: Written: the best log-rate of each arc's changed edges.
        marked: Written: whether each edge is changed.
        ways: Written, if they are new; else those that were before only these edges changed.
        known: So many rows of *rings* are written already: those found go on from there.
    """
    changed[:] = -inf
    marked[:] = False
    for edge in edges:
        marked[edge] = True
    arcs = mark(topology, log_rate, edges, changed)
    if is_new:
        reach(topology, best, tokens, max_hops, ways)
    elif max_hops == 4:
        raise_ways(topology, best, tokens, arcs, ways)
    n = search(topology, best, ways, changed, arcs, tokens, max_hops, threshold, known, rings)
    told = n if n <= rings.shape[0] else 0
    paying, highest = rank(best, changed, worth, rings[:told], bounds)
    return n, paying, highest


@makes_arrays
def search(
    topology: Topology,
    best: Best,
    ways: Ways,
    changed: Array,
    arcs: Array,
    tokens: Array,
    max_hops: int,
    threshold: float,
    known: int,
    rings: Array,
) -> int:
    """
    Return how many rings there are with those through a changed arc that may gain more than the threshold, and write as
    many as fit.

    A ring is told from the first profit token that it contains, once for each place where its first changed edge may
    be.

    Args:
        changed: The best log-rate of each arc's changed edges.
        arcs: Those that have some.
        tokens: Profit tokens, the most preferred first, -1 for one that is unknown.
        known: How many there are before.
        rings: Rows of (place in *tokens*, number of arcs, place of the first changed edge, arcs).
    """
    n = known
    blocked = np.zeros(topology.first.size, np.bool_)
    for number in range(tokens.size):
        t = tokens[number]
        if t >= 0:
            way = Way(ways.arc[number], ways.forward[number], ways.backward[number])
            n = _search_from(topology, best, way, blocked, changed, arcs, number, t, max_hops, threshold, rings, n)
            blocked[t] = True
    return n


class Way(NamedTuple):
    """
    The row of ``Ways`` of one profit token.
    """

    arc: Array
    forward: Array
    backward: Array


def _search_from(
    topology: Topology,
    best: Best,
    way: Way,
    blocked: Array,
    changed: Array,
    arcs: Array,
    number: int,
    t: int,
    max_hops: int,
    threshold: float,
    rings: Array,
    n: int,
) -> int:
    """
    The rings from t through each changed arc a -> b: where it leaves t, where it comes home to t, and elsewhere.
    """
    reverse, out, back = topology.reverse, best.out, best.back
    for arc in arcs:
        a, b, rate = topology.tail[arc], topology.head[arc], changed[arc]
        if blocked[a] or blocked[b]:
            continue
        if rate + back[arc] > threshold:
            if a == t:
                n = _tell(rings, n, number, 2, 0, arc, reverse[arc], -1, -1)
            elif b == t:
                n = _tell(rings, n, number, 2, 1, reverse[arc], arc, -1, -1)
        if max_hops == 2 or arc >= topology.core_end[a]:
            continue
        if a == t:
            n = _leave(topology, best, way, blocked, number, t, arc, rate, threshold, rings, n)
            continue
        if b == t:
            n = _come_home(topology, best, way, blocked, number, t, arc, rate, threshold, rings, n)
            continue
        there, home = way.arc[a], way.arc[b]
        if there >= 0 and home >= 0 and out[there] + rate + back[home] > threshold:
            n = _tell(rings, n, number, 3, 1, there, arc, reverse[home], -1)
        if there >= 0 and out[there] + rate + way.backward[b] > threshold:
            n = _finish(topology, best, way, number, there, arc, 1, out[there] + rate, threshold, rings, n)
        if home >= 0 and way.forward[a] + rate + back[home] > threshold:
            n = _begin(topology, best, way, number, arc, reverse[home], 2, rate + back[home], threshold, rings, n)
    return n


def _leave(
    topology: Topology,
    best: Best,
    way: Way,
    blocked: Array,
    number: int,
    t: int,
    arc: int,
    rate: float,
    threshold: float,
    rings: Array,
    n: int,
) -> int:
    """The rings of three and four whose first arc is the changed one."""
    b = topology.head[arc]
    for i in range(topology.first[b], topology.core_end[b]):
        w = topology.head[i]
        if w == t or blocked[w]:
            continue
        sofar, home = rate + best.out[i], way.arc[w]
        if home >= 0 and sofar + best.back[home] > threshold:
            n = _tell(rings, n, number, 3, 0, arc, i, topology.reverse[home], -1)
        if sofar + way.backward[w] > threshold:
            n = _finish(topology, best, way, number, arc, i, 0, sofar, threshold, rings, n)
    return n


def _come_home(
    topology: Topology,
    best: Best,
    way: Way,
    blocked: Array,
    number: int,
    t: int,
    arc: int,
    rate: float,
    threshold: float,
    rings: Array,
    n: int,
) -> int:
    """The rings of three and four whose last arc is the changed one."""
    a = topology.tail[arc]
    for i in range(topology.first[a], topology.core_end[a]):
        w = topology.head[i]
        if w == t or blocked[w]:
            continue
        togo, there = best.back[i] + rate, way.arc[w]
        if there >= 0 and best.out[there] + togo > threshold:
            n = _tell(rings, n, number, 3, 2, there, topology.reverse[i], arc, -1)
        if way.forward[w] + togo > threshold:
            n = _begin(topology, best, way, number, topology.reverse[i], arc, 3, togo, threshold, rings, n)
    return n


def _finish(
    topology: Topology,
    best: Best,
    way: Way,
    number: int,
    one: int,
    two: int,
    changed_at: int,
    sofar: float,
    threshold: float,
    rings: Array,
    n: int,
) -> int:
    """Every ring of four that begins with arcs *one* and *two*, t -> v -> w."""
    v, w = topology.tail[two], topology.head[two]
    for i in range(topology.first[w], topology.core_end[w]):
        x = topology.head[i]
        home = way.arc[x]
        if home >= 0 and x != v and sofar + best.out[i] + best.back[home] > threshold:
            n = _tell(rings, n, number, 4, changed_at, one, two, i, topology.reverse[home])
    return n


def _begin(
    topology: Topology,
    best: Best,
    way: Way,
    number: int,
    three: int,
    four: int,
    changed_at: int,
    togo: float,
    threshold: float,
    rings: Array,
    n: int,
) -> int:
    """Every ring of four that ends with arcs *three* and *four*, w -> x -> t."""
    w, x = topology.tail[three], topology.head[three]
    for i in range(topology.first[w], topology.core_end[w]):
        v = topology.head[i]
        there = way.arc[v]
        if there >= 0 and v != x and best.out[there] + best.back[i] + togo > threshold:
            n = _tell(rings, n, number, 4, changed_at, there, topology.reverse[i], three, four)
    return n


def _tell(
    rings: Array, n: int, number: int, hops: int, changed_at: int, one: int, two: int, three: int, four: int
) -> int:
    if n < rings.shape[0]:
        rings[n, 0], rings[n, 1], rings[n, 2] = number, hops, changed_at
        rings[n, 3], rings[n, 4], rings[n, 5], rings[n, 6] = one, two, three, four
    return n + 1
