"""
Tokens joined by pools, with the logarithm of every rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, log

from keeper.pools.pool import Pool
from keeper.types import Address


@dataclass(frozen=True, slots=True)
class Edge:
    """One direction of a pool between two of its tokens."""

    pool: Address
    token_in: Address
    token_out: Address


class Graph:
    """
    Every current pool in both directions; parallel pools are all kept, since the best rate is not the best for size.
    """

    def __init__(self) -> None:
        self._edges: dict[Address, list[Edge]] = {}
        self._between: dict[tuple[Address, Address], list[Edge]] = {}
        self._from: dict[Address, list[Edge]] = {}
        self._log_rate: dict[Edge, float] = {}

    def update(self, pool: Pool) -> None:
        """
        Take the rates of *pool* as it now is, adding it if it is new.
        """
        if pool.address not in self._edges:
            self._add(pool)
        for edge in self._edges[pool.address]:
            rate = pool.rate(edge.token_in, edge.token_out)
            self._log_rate[edge] = log(rate) if rate > 0 else -inf

    def forget(self, addresses: Iterable[Address]) -> None:
        """
        Let no cycle lead through these pools until they are updated.
        """
        for address in addresses:
            for edge in self._edges.get(address, ()):
                self._log_rate[edge] = -inf

    def edges(self, pool: Address) -> list[Edge]:
        """Every direction of a pool."""
        return self._edges.get(pool, [])

    def out_of(self, token: Address) -> list[Edge]:
        """Every edge that takes *token*."""
        return self._from.get(token, [])

    def between(self, token_in: Address, token_out: Address) -> list[Edge]:
        """Every edge from one token to the other."""
        return self._between.get((token_in, token_out), [])

    def log_rate(self, edge: Edge) -> float:
        """Logarithm of the edge's marginal rate after fees; minus infinity where it cannot trade."""
        return self._log_rate[edge]

    def _add(self, pool: Pool) -> None:
        edges = [
            Edge(pool.address, token_in, token_out)
            for token_in in pool.tokens
            for token_out in pool.tokens
            if token_in != token_out
        ]
        self._edges[pool.address] = edges
        for edge in edges:
            self._from.setdefault(edge.token_in, []).append(edge)
            self._between.setdefault((edge.token_in, edge.token_out), []).append(edge)
