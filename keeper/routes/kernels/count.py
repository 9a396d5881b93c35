"""
How many cycles a search covers, by arithmetic on the number of edges of each arc.

Two hops are counted pool by pool. Of three and four, a cycle that would use a pool of several tokens twice counts too:
it is looked at and refused.
"""

import numpy as np

from keeper.routes.kernels.tables import Array, Topology, makes_arrays


@makes_arrays
def count(topology: Topology, pool: Array, usable: Array, tokens: Array, max_hops: int) -> int:
    """
    Return how many cycles of usable edges contain a profit token.
    """
    edges = np.zeros(topology.head.size, np.int64)
    for edge in range(usable.size):
        if usable[edge]:
            edges[topology.arc_of[edge]] += 1
    blocked = np.zeros(topology.first.size - 1, np.bool_)
    total = 0
    for t in tokens:
        if t >= 0:
            total += _count_pairs(topology, pool, usable, blocked, t)
            if max_hops > 2:
                total += _count_rings(topology, edges, blocked, t, max_hops)
            blocked[t] = True
    return total


@makes_arrays
def _count_pairs(topology: Topology, pool: Array, usable: Array, blocked: Array, t: int) -> int:
    total, first, at = 0, topology.edge_first, topology.edge_at
    for arc in range(topology.first[t], topology.first[t + 1]):
        if blocked[topology.head[arc]]:
            continue
        back = topology.reverse[arc]
        for i in range(first[arc], first[arc + 1]):
            for j in range(first[back], first[back + 1]):
                total += usable[at[i]] and usable[at[j]] and pool[at[i]] != pool[at[j]]
    return total


@makes_arrays
def _count_rings(topology: Topology, edges: Array, blocked: Array, t: int, max_hops: int) -> int:
    """
    Rings of four over w are all pairs of a way there and a way back, less those that use the same middle token.
    """
    first, core_end, head, reverse = topology.first, topology.core_end, topology.head, topology.reverse
    out, back = np.zeros(blocked.size, np.int64), np.zeros(blocked.size, np.int64)
    there, home, same = (
        np.zeros(blocked.size, np.int64),
        np.zeros(blocked.size, np.int64),
        np.zeros(blocked.size, np.int64),
    )
    for i in range(first[t], core_end[t]):
        if not blocked[head[i]]:
            out[head[i]], back[head[i]] = edges[i], edges[reverse[i]]
    total = 0
    for i in range(first[t], core_end[t]):
        v = head[i]
        for j in range(first[v], core_end[v]):
            w = head[j]
            if w == t or blocked[w] or blocked[v]:
                continue
            ways_there, ways_home = out[v] * edges[j], edges[reverse[j]] * back[v]
            total += ways_there * back[w]
            there[w] += ways_there
            home[w] += ways_home
            same[w] += ways_there * ways_home
    if max_hops > 3:
        total += (there * home - same).sum()
    return total
