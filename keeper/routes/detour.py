"""
The graph as routes would leave it, for as long as it takes to look for the next one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keeper.pools.pool import Pool
from keeper.routes.bundles import PoolOf
from keeper.routes.curves import CurveTable, directions
from keeper.routes.graph import Edge, Graph
from keeper.routes.kernels.tables import SAMPLED, Array, Curves
from keeper.types import Address


@dataclass(frozen=True, slots=True)
class Start:
    """
    Pools before any route, as the kernel takes them that lets routes run.

    Attributes:
        curves: Of the pools' edges alone; only the first range of each, and where it leads.
        twin: The other edge of each edge's pool.
    """

    curves: Curves
    number: Mapping[Edge, int]
    twin: Array

    @classmethod
    def of(cls, edges: Sequence[Edge], columns: Sequence[Mapping[str, Array]], rows: Array) -> "Start | None":
        """
        Return the start of pools of two tokens, or None if one of them has another shape, or cannot trade either way.

        Args:
            edges: Both of each pool, one beside the other.
            columns: Those of each pool's edges.
            rows: The ranges that the columns tell of.
        """
        joined = {name: np.concatenate([of[name] for of in columns]) for name in columns[0]}
        if (
            len(edges) != 2 * len(columns)
            or (joined["kind"] >= SAMPLED).any()
            or not (joined["log_rate"] > -np.inf).all()
        ):
            return None
        curves = Curves(**joined, rows=rows, shapes=np.empty((0, 6)))
        return cls(curves, {edge: i for i, edge in enumerate(edges)}, np.arange(len(edges)) ^ 1)

    @classmethod
    def from_pools(cls, pools: Sequence[Pool]) -> "Start | None":
        """
        Return the start of pools that no graph knows.
        """
        table, edges, columns = CurveTable(), list[Edge](), []
        for i, pool in enumerate(pools):
            ways = directions(pool)
            first = table.add(i, 0, len(ways))
            table.follow(first, pool)
            edges += [Edge(pool.address, *tokens) for tokens in ways]
            columns.append(table.saved(range(first, first + len(ways))))
        return cls.of(edges, columns, table.arrays.rows)


class Detour:
    """
    Leads the graph to where routes leave their pools, and back.
    """

    def __init__(self, graph: Graph, pool_of: PoolOf) -> None:
        """
        Args:
            pool_of: The pools as the graph has them.
        """
        self._graph, self._pool_of = graph, pool_of
        self._led: dict[Address, Pool] = {}
        self._saved: dict[Address, dict[str, Array]] = {}

    def lead(self, moved: Mapping[Address, Pool]) -> list[Address]:
        """
        Let the graph have these pools as they were moved, and return those that it had otherwise.
        """
        changed = [address for address, pool in moved.items() if self._led.get(address) != pool]
        for address in changed:
            if address not in self._saved:
                self._saved[address] = self._graph.saved(address)
            self._led[address] = moved[address]
            self._graph.update(moved[address])
        return changed

    def back(self) -> None:
        """
        Let the graph have all pools as they were.
        """
        for address, saved in self._saved.items():
            if (saved["kind"] >= SAMPLED).any():
                self._graph.update(self._pool_of(address))
            else:
                self._graph.put_back(address, saved)
        self._led.clear()
        self._saved.clear()

    def start(self, pools: Iterable[Address]) -> Start | None:
        """
        Return these pools as they were before the graph was led anywhere.
        """
        graph, known = self._graph, sorted(set(pools))
        columns = [self._saved.get(address) or graph.saved(address) for address in known]
        return Start.of([edge for address in known for edge in graph.edges(address)], columns, graph.rows)
