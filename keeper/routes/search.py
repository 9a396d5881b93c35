"""
Every cycle through the pools that changed.

A cycle is a ring of different tokens, a different pool for each hop: one that met a token twice would be two cycles.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from keeper.routes.graph import Graph
from keeper.routes.kernels import bounds, count, rings
from keeper.routes.kernels.rings import Ways
from keeper.routes.kernels.tables import MAX_HOPS, Array, Best, Curves, Topology, Worth
from keeper.routes.ranking import Hunt, Ranking
from keeper.types import Address

#: What rounding may add up to in a sum of log-rates: a cycle is not refused for less.
_ROUNDING = 1e-12

#: Rings that there is room for at first.
_ROOM = 2048


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


@dataclass(frozen=True, slots=True)
class Known:
    """
    What a search hands on to one that goes on where it was.

    Attributes:
        rings: Of tokens, each once.
        ways: How the profit tokens are joined to all others.
        costs: That routes were charged.
        worth: Of gains, at these costs.
    """

    rings: Array
    ways: Ways
    costs: Costs
    worth: Worth


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
    _bounds: Array
    _costs: Costs
    _worth: Worth
    _ways: Ways

    def known(self, least_wei: float) -> "Known":
        """
        Return the rings of tokens that may have a cycle whose gain is worth so much, for a search that goes on where
        this one was.
        """
        known = bounds.distinct(self._worth, self._every, self._bounds, least_wei)
        return Known(known, self._ways, self._costs, self._worth)

    @cached_property
    def searched(self) -> int:
        """
        How many cycles lead through what changed and a profit token, over the pools that can trade when this is first
        asked: all are covered.
        """
        return self._scope.count()


def search(
    graph: Graph,
    changed: Iterable[Address] | None,
    profit_tokens: Mapping[Address, float],
    max_hops: int,
    threshold: float = 0.0,
    costs: Costs = FREE,
    known: Known | None = None,
) -> Found:
    """
    Return every cycle of 2 to *max_hops* hops through any changed pool that gains and pays.

    A cycle is the same wherever it starts: it is told once, starting at the first profit token that it contains.

    Args:
        changed: None stands for every pool.
        profit_tokens: What the smallest unit of each is worth in wei, the most preferred first.
        threshold: Log-rate that a cycle must exceed.
        known: What an earlier search found, with these tokens at these values and on pools of which only those changed
            since: its rings' cycles through others are told, too.
    """
    topology, curves, best = graph.settle()
    edges = np.arange(len(graph.all_edges)) if changed is None else graph.numbers(changed)
    tokens = graph.token_numbers(profit_tokens)
    worth = known.worth if known is not None and known.costs == costs else _worth(graph, profit_tokens, costs)
    rates, marked = np.empty(len(topology.head)), np.empty(len(graph.all_edges), np.bool_)
    ways = known.ways if known else _new_ways(len(tokens), graph.core_tokens)
    threshold -= _ROUNDING
    asked = edges, rates, marked, tokens, max_hops, threshold, ways
    every, highest, paying = _rings(topology, best, curves.log_rate, asked, worth, known)
    curves, sampled = graph.sample(topology, best, every)
    if len(sampled):
        if max_hops == MAX_HOPS:
            rings.raise_ways(topology, best, tokens, sampled, ways)
        paying = bounds.rank(best, rates, worth, every, highest)
    hunt = Hunt(graph.all_edges, topology, best, curves, marked, worth, threshold)
    scope = _Scope(topology, curves, edges, tokens, max_hops)
    return Found(Ranking(hunt, *paying), len(paying[0]), scope, every, highest, costs, worth, ways)


def _new_ways(profit_tokens: int, core_tokens: int) -> Ways:
    shape = profit_tokens, core_tokens
    return Ways(np.empty(shape, np.int64), np.empty(shape), np.empty(shape))


def _worth(graph: Graph, profit_tokens: Mapping[Address, float], costs: Costs) -> Worth:
    values = np.array(list(profit_tokens.values()), dtype=np.float64)
    tolls, openings = (_by_family(graph, of_family) for of_family in (costs.hop_wei, costs.opening_wei))
    return Worth(values, tolls, openings + float(costs.base_wei))


def _by_family(graph: Graph, wei: Mapping[str, float]) -> Array:
    if not wei:
        return np.zeros(len(graph.families))
    return np.array([wei.get(family, 0.0) for family in graph.families], dtype=np.float64)


def _rings(
    topology: Topology,
    best: Best,
    log_rate: Array,
    asked: tuple[Array, Array, Array, Array, int, float, Ways],
    worth: Worth,
    known: Known | None,
) -> tuple[Array, Array, tuple[Array, Array]]:
    """
    The rings that may hold a cycle that gains, those that are known first, with their bounds, and those that may pay:
    searched once more where there was no room for all.
    """
    before = known.rings if known is not None else np.empty((0, 3 + MAX_HOPS), np.int64)
    n, is_new, room = len(before), known is None, len(before) + _ROOM
    while True:
        every, highest = np.empty((room, 3 + MAX_HOPS), np.int64), np.empty(room)
        every[: len(before)] = before
        n, *paying = rings.survey(topology, best, log_rate, *asked, is_new, worth, len(before), every, highest)
        if n <= room:
            return every[:n], highest[:n], (paying[0], paying[1])
        room, is_new = n, False


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a search covers, to be counted when somebody asks."""

    topology: Topology
    curves: Curves
    edges: Array
    tokens: Array
    max_hops: int

    def count(self) -> int:
        pool, usable = self.curves.pool.copy(), self.curves.log_rate > -np.inf
        unchanged = usable.copy()
        unchanged[self.edges] = False
        every, rest = (
            int(count.count(self.topology, pool, which, self.tokens, self.max_hops)) for which in (usable, unchanged)
        )
        return every - rest
