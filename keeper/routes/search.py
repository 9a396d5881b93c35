"""
Every cycle through the pools that changed.

A cycle is a ring of different tokens, a different pool for each hop: one that met a token twice would be two cycles.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from keeper.routes.graph import Graph
from keeper.routes.kernels import count, rings
from keeper.routes.kernels.tables import MAX_HOPS, Array, Best, Topology, Worth
from keeper.routes.ranking import Hunt, Ranking
from keeper.types import Address

#: What rounding may add up to in a sum of log-rates: a cycle is not refused for less.
_ROUNDING = 1e-12

#: Rings that there is room for at first.
_ROOM = 8192


@dataclass(frozen=True, slots=True)
class Costs:
    """
    What sending a route costs, in wei; a cycle whose gain is worth less is counted but not told.

    Attributes:
        base_wei: What every route costs.
        hop_wei: What a hop through a pool of each family adds.
        opening_wei: What it adds that the first hop is of a family, as the funding depends on it: infinite if there is
            none.
    """

    base_wei: float = 0.0
    hop_wei: Mapping[str, float] = field(default_factory=dict)
    opening_wei: Mapping[str, float] = field(default_factory=dict)


FREE = Costs()


@dataclass(frozen=True)
class Found:
    """
    What a search found.

    Attributes:
        cycles: Those that pay, each once, the most profitable first, looked into as they are asked for.
        rings: How many rings of tokens may have such a cycle; of the others it is proved that they have none.
    """

    cycles: Ranking
    rings: int
    _scope: "_Scope"
    _every: Array
    _gains: Array

    def known(self, least_wei: float) -> Array:
        """
        Return the rings of tokens that may have a cycle whose gain is worth so much, for a search that goes on where
        this one was.
        """
        rings: Array = self._every[self._gains >= least_wei]
        rings[:, 2] = MAX_HOPS
        _, first = np.unique(rings.view(f"S{rings.shape[1] * rings.itemsize}"), return_index=True)
        distinct: Array = rings[np.sort(first)]
        return distinct

    @cached_property
    def searched(self) -> int:
        """How many cycles lead through what changed and a profit token: all are covered."""
        return self._scope.count()


def search(
    graph: Graph,
    changed: Iterable[Address] | None,
    profit_tokens: Mapping[Address, float],
    max_hops: int,
    threshold: float = 0.0,
    costs: Costs = FREE,
    known: Array | None = None,
) -> Found:
    """
    Return every cycle of 2 to *max_hops* hops through any changed pool that gains and pays.

    A cycle is the same wherever it starts: it is told once, starting at the first profit token that it contains.

    Args:
        changed: None stands for every pool.
        profit_tokens: What the smallest unit of each is worth in wei, the most preferred first.
        threshold: Log-rate that a cycle must exceed.
        known: Rings that an earlier search found, with these tokens and on pools of which only those changed since:
            their cycles through others are told, too.
    """
    topology, curves, best = graph.settle()
    edges = np.arange(len(graph.all_edges)) if changed is None else graph.numbers(changed)
    tokens = graph.token_numbers(profit_tokens)
    worth = _worth(graph, profit_tokens, costs)
    rates = np.full(len(topology.head), -np.inf)
    arcs = rings.mark(topology, curves.log_rate, edges, rates)
    found = _rings(topology, best, rates, arcs, tokens, max_hops, threshold - _ROUNDING)
    if known is not None:
        found = np.concatenate((known, found))
    curves = graph.sample(topology, best, found[:, 3:])
    bounds = np.empty(len(found))
    rings.bound(best, rates, worth, found, bounds)
    gains = bounds + _least_costs(worth, found)
    every, found, bounds = found, found[bounds >= 0.0], bounds[bounds >= 0.0]
    marked = np.zeros(len(graph.all_edges), np.bool_)
    marked[edges] = True
    hunt = Hunt(graph.all_edges, topology, best, curves, marked, worth, threshold - _ROUNDING)
    scope = _Scope(topology, curves.pool, curves.log_rate > -np.inf, edges, tokens, max_hops)
    return Found(Ranking(hunt, found, bounds), len(found), scope, every, gains)


def _worth(graph: Graph, profit_tokens: Mapping[Address, float], costs: Costs) -> Worth:
    values = np.array(list(profit_tokens.values()), dtype=np.float64)
    tolls = np.array([costs.hop_wei.get(family, 0.0) for family in graph.families], dtype=np.float64)
    openings = np.array([costs.opening_wei.get(family, 0.0) for family in graph.families], dtype=np.float64)
    return Worth(values, tolls, openings + costs.base_wei)


def _least_costs(worth: Worth, rings: Array) -> Array:
    """What was taken from the worth of each ring's gain to have its bound."""
    opening, toll = (float(each.min()) if each.size else 0.0 for each in (worth.openings, worth.tolls))
    costs: Array = (opening if opening < np.inf else 0.0) + rings[:, 1] * toll
    return costs


def _rings(
    topology: Topology, best: Best, rates: Array, arcs: Array, tokens: Array, max_hops: int, threshold: float
) -> Array:
    """The rings that may hold a cycle that gains: searched once more where there was no room for all."""
    room = _ROOM
    while True:
        found = np.empty((room, 3 + MAX_HOPS), np.int64)
        n = rings.search(topology, best, rates, arcs, tokens, max_hops, threshold, found)
        if n <= room:
            return found[:n]
        room = n


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a search covers, to be counted when somebody asks."""

    topology: Topology
    pool: Array
    usable: Array
    edges: Array
    tokens: Array
    max_hops: int

    def count(self) -> int:
        unchanged = self.usable.copy()
        unchanged[self.edges] = False
        every, rest = (
            int(count.count(self.topology, self.pool, usable, self.tokens, self.max_hops))
            for usable in (self.usable, unchanged)
        )
        return every - rest
