"""
Edges grouped into arcs, and the core of the graph: what can lie on a ring of three or more tokens.
"""

from collections.abc import Sequence

import numpy as np

from keeper.routes.kernels.tables import Array, Topology
from keeper.types import Address


def build(
    tokens: Sequence[Address], pools: Sequence[Address], tail: Array, head: Array, pool: Array
) -> tuple[Topology, Array]:
    """
    Return the topology of the given edges and the number that each token has in it.

    Arcs and the edges of an arc are ordered by address, whatever the order in which pools became known: so are results.

    Args:
        tail: Index in *tokens* of what each edge takes.
        head: Of what it gives.
        pool: Index in *pools* of the pool it belongs to.
    """
    is_core = _core(len(tokens), tail, head)
    number = _ranks(tokens, ~is_core)
    tail, head = number[tail], number[head]
    in_core = _survive(tail, head, len(tokens))
    order = np.lexsort((_ranks(pools)[pool], head, ~in_core, tail))
    keys = np.stack((tail[order], head[order]))
    starts = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)]) if order.size else order
    arc_tail, arc_head = np.ascontiguousarray(keys[:, starts])
    arc_of = np.empty(order.size, np.int64)
    arc_of[order] = np.repeat(np.arange(starts.size), np.diff(np.r_[starts, order.size]))
    first = np.searchsorted(arc_tail, np.arange(len(tokens) + 1))
    core_arcs = np.bincount(arc_tail[in_core[order][starts]], minlength=len(tokens))
    return (
        Topology(
            first=first,
            core_end=first[:-1] + core_arcs,
            tail=arc_tail,
            head=arc_head,
            reverse=_reverse(arc_tail, arc_head),
            edge_first=np.r_[starts, order.size],
            edge_at=order,
            arc_of=arc_of,
        ),
        number,
    )


def _core(tokens: int, tail: Array, head: Array) -> Array:
    """Which tokens lie in the core."""
    alive = _survive(tail, head, tokens)
    is_core = np.zeros(tokens, np.bool_)
    is_core[tail[alive]] = True
    return is_core


def _survive(tail: Array, head: Array, tokens: int) -> Array:
    """
    Which edges remain when tokens with a single neighbour are taken away until there is none.

    Nothing is lost by it: a ring of three or more tokens gives each of its tokens two neighbours.
    """
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    pairs, pair_of = np.unique(low * tokens + high, return_inverse=True)
    ends = np.stack((pairs // max(tokens, 1), pairs % max(tokens, 1)))
    alive = np.ones(pairs.size, np.bool_)
    while True:
        neighbours = np.bincount(ends[:, alive].ravel(), minlength=tokens)
        loose = alive & (neighbours[ends] == 1).any(axis=0)
        if not loose.any():
            return alive[pair_of]
        alive &= ~loose


def _reverse(tail: Array, head: Array) -> Array:
    """The arc the other way of each arc."""
    reverse = np.empty(tail.size, np.int64)
    reverse[np.lexsort((tail, head))] = np.lexsort((head, tail))
    return reverse


def _ranks(names: Sequence[Address], last: Array | None = None) -> Array:
    """The place of each name in their order, those marked *last* behind the others."""
    array = np.array(names, dtype="S42")
    order = np.argsort(array, kind="stable") if last is None else np.lexsort((array, last))
    ranks = np.empty(len(names), np.int64)
    ranks[order] = np.arange(len(names))
    return ranks
