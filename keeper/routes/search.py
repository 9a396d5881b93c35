"""
Every cycle through the pools that changed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from keeper.routes.graph import Edge, Graph
from keeper.types import Address


@dataclass(frozen=True, slots=True)
class Cycle:
    """
    Swaps that end in the token they start with.

    Attributes:
        edges: The swaps in order; each takes what the one before gives.
        log_rate: Logarithm of what an infinitely small amount multiplies by, after fees.
    """

    edges: tuple[Edge, ...]
    log_rate: float

    @property
    def token(self) -> Address:
        """Where the cycle starts and ends."""
        return self.edges[0].token_in

    @property
    def pools(self) -> tuple[Address, ...]:
        return tuple(edge.pool for edge in self.edges)


@dataclass(frozen=True, slots=True)
class Found:
    """
    What a search found.

    Attributes:
        cycles: Those that gain at the margin, the best rate first, each once.
        searched: How many cycles were looked at.
    """

    cycles: Sequence[Cycle]
    searched: int


def search(
    graph: Graph, changed: Iterable[Address], profit_tokens: Sequence[Address], max_hops: int, threshold: float = 0.0
) -> Found:
    """
    Return every cycle of 2 to *max_hops* hops through any changed pool that gains more than *threshold* (a logarithm).

    A cycle is the same wherever it starts: it is told once, starting at the first of *profit_tokens* that it contains.
    """
    searched = 0
    seen: set[tuple[Edge, ...]] = set()
    cycles: list[Cycle] = []
    for pool in sorted(changed):
        for edges in _cycles_through(graph, pool, max_hops):
            searched += 1
            log_rate = sum(map(graph.log_rate, edges))
            if log_rate <= threshold:
                continue
            turned = _start_at_profit(edges, profit_tokens)
            if turned is not None and turned not in seen:
                seen.add(turned)
                cycles.append(Cycle(turned, log_rate))
    cycles.sort(key=lambda cycle: (-cycle.log_rate, cycle.pools))
    return Found(cycles, searched)


def _cycles_through(graph: Graph, pool: Address, max_hops: int) -> Iterator[tuple[Edge, ...]]:
    for first in graph.edges(pool):
        for last in graph.between(first.token_out, first.token_in):
            if last.pool != pool:
                yield first, last
        if max_hops >= 3:
            yield from _triangles(graph, first)


def _triangles(graph: Graph, first: Edge) -> Iterator[tuple[Edge, ...]]:
    for second in graph.out_of(first.token_out):
        if second.token_out == first.token_in or second.pool == first.pool:
            continue
        for third in graph.between(second.token_out, first.token_in):
            if third.pool not in (first.pool, second.pool):
                yield first, second, third


def _start_at_profit(edges: tuple[Edge, ...], profit_tokens: Sequence[Address]) -> tuple[Edge, ...] | None:
    starts = {edge.token_in: index for index, edge in enumerate(edges)}
    for token in profit_tokens:
        if token in starts:
            index = starts[token]
            return edges[index:] + edges[:index]
    return None
