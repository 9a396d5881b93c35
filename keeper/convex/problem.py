"""
The convex problem of a market: what its pools may do, and what is wanted of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log
from typing import TypeGuard

import numpy as np

from keeper.convex.baskets import collect, pairs
from keeper.convex.elimination import eliminate
from keeper.convex.kernels import compile_kernels, prices
from keeper.convex.kernels.tables import Baskets, Edges, Elimination
from keeper.pools.pool import Pool
from keeper.routes.graph import Edge, Graph
from keeper.routes.kernels.tables import SAMPLED, WEIGHTED, Array, Curves, Topology
from keeper.types import Address


@dataclass(frozen=True)
class Problem:
    """
    Maximise the worth of what all pools together leave of the profit tokens, while no token lacks.

    Attributes:
        tokens: Addresses, by their numbers here.
        unit: What the smallest unit of each token is worth at the reference prices, in wei.
        floor: Logarithm of the least price of each token relative to the reference: what a profit token is worth.
        edges: Directions of pools of two tokens whose curves are Moebius maps, range by range.
        swaps: The same as the graph has them.
        baskets: Pools whose tokens share one invariant.
        pools: The same.
        elimination: How the equations of a step are solved.
        left_out: Pools that can trade, of families that have no convex form here: they are in no bound.
    """

    tokens: Sequence[Address]
    unit: Array
    floor: Array
    edges: Edges
    swaps: Sequence[Edge]
    baskets: Baskets
    pools: Sequence[Pool]
    elimination: Elimination
    left_out: tuple[Address, ...]


def problem(
    graph: Graph,
    pools: Iterable[Pool],
    values: Mapping[Address, float],
    guide: Mapping[Address, float] | None = None,
    before: Elimination | None = None,
) -> Problem:
    """
    Return the problem of the pools in a graph.

    Args:
        pools: As they now are, at least those that are no Moebius maps.
        values: What the smallest unit of each profit token is worth, in wei.
        guide: The same of other tokens, roughly; what is not in it is found along the deepest pools.
        before: That of an earlier problem, which is taken if it fits.
    """
    compile_kernels()
    topology, curves, _ = graph.settle()
    tokens = graph.tokens()
    price = _reference(graph, topology, curves, values, guide or {})
    floor = np.full(len(tokens), -inf)
    for token, number in zip(values, graph.token_numbers(values).tolist(), strict=True):
        if number >= 0:
            floor[number] = log(values[token]) - price[number]
    tail, head = topology.tail[topology.arc_of], topology.head[topology.arc_of]
    reached = (curves.log_rate > -inf) & np.isfinite(price[tail]) & np.isfinite(price[head])
    moebius = (curves.kind != SAMPLED) & (curves.kind < WEIGHTED)
    closed = np.flatnonzero(reached & moebius)
    sampled = {graph.all_edges[number].pool for number in np.flatnonzero(reached & ~moebius).tolist()}
    unit = np.exp(price)
    candidates = ((pool, graph.token_numbers(pool.tokens).tolist()) for pool in pools if pool.address in sampled)
    shared, baskets = collect(candidates, unit)
    edges = _edges(curves, closed, tail[closed], head[closed], price)
    one, other = (np.concatenate(parts) for parts in zip((edges.tail, edges.head), pairs(baskets), strict=True))
    return Problem(
        tokens=tokens,
        unit=unit,
        floor=floor,
        edges=edges,
        swaps=[graph.all_edges[number] for number in closed.tolist()],
        baskets=baskets,
        pools=shared,
        elimination=before if _fits(before, one, other) else eliminate(len(tokens), one, other),
        left_out=tuple(sorted(sampled - {pool.address for pool in shared})),
    )


def _fits(before: Elimination | None, one: Array, other: Array) -> TypeGuard[Elimination]:
    return before is not None and np.array_equal(before.one, one) and np.array_equal(before.other, other)


def _reference(
    graph: Graph, topology: Topology, curves: Curves, values: Mapping[Address, float], guide: Mapping[Address, float]
) -> Array:
    """Logarithm of each token's price, not a number where nothing leads to a profit token."""
    price = np.full(topology.first.size - 1, np.nan)
    for known in (guide, values):
        numbers = graph.token_numbers(known)
        price[numbers[numbers >= 0]] = np.log(np.array(list(known.values()))[numbers >= 0])
    start = np.flatnonzero(np.isfinite(price))
    tail, head = topology.tail[topology.arc_of], topology.head[topology.arc_of]
    back = np.empty(tail.size, np.int64)
    back[np.lexsort((head, tail, curves.pool))] = np.lexsort((tail, head, curves.pool))
    prices.spread(topology, curves, back, start, price)
    return price


def _edges(curves: Curves, numbers: Array, tail: Array, head: Array, price: Array) -> Edges:
    unit, lift = np.exp(price[tail]), price[head] - price[tail]
    return Edges(
        tail=tail,
        head=head,
        lead=curves.log_rate[numbers] + lift,
        depth=curves.depth[numbers] * unit,
        cap=curves.cap[numbers] * unit,
        kind=curves.kind[numbers],
        row=curves.row[numbers],
        keep=curves.keep[numbers],
        unit=unit,
        lift=lift,
        rows=curves.rows,
    )
