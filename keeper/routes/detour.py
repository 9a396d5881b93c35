"""
The graph as routes would leave it, for as long as it takes to look for the next one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keeper.pools.pool import Pool
from keeper.routes.bundles import PoolOf
from keeper.routes.curves import CurveTable, can_trade, columns, directions, has_ranges
from keeper.routes.graph import Edge, Graph
from keeper.routes.kernels.tables import Array, Curves
from keeper.types import Address

_NO_SHAPES = np.empty((0, 6))


@dataclass(frozen=True, slots=True)
class Start:
    """
    Pools before any route, as the kernel takes them that lets routes run.

    Attributes:
        table: Of the pools' edges alone; only the first range of each, and where it leads.
        rows: The ranges that the table tells of.
        twin: The other edge of each edge's pool.
    """

    table: Array
    rows: Array
    number: Mapping[Edge, int]
    twin: Array

    @classmethod
    def of(cls, edges: Sequence[Edge], tables: Sequence[Array], rows: Array) -> "Start | None":
        """
        Return the start of pools of two tokens, or None if one of them has another shape, or cannot trade either way.

        Args:
            edges: Both of each pool, one beside the other.
            tables: The rows of each pool's edges, as :class:`CurveTable` has them.
        """
        table = np.concatenate(tables)
        if len(edges) != 2 * len(tables) or not has_ranges(table) or not can_trade(table):
            return None
        return cls(table, rows, {edge: i for i, edge in enumerate(edges)}, np.arange(len(edges)) ^ 1)

    def curves(self) -> Curves:
        """
        Return the edges' curves anew, to be written over.
        """
        return Curves(**columns(self.table.copy()), rows=self.rows, shapes=_NO_SHAPES)

    @classmethod
    def from_pools(cls, pools: Sequence[Pool]) -> "Start | None":
        """
        Return the start of pools that no graph knows.
        """
        table, edges, rows = CurveTable(), list[Edge](), []
        for i, pool in enumerate(pools):
            ways = directions(pool)
            first = table.add(i, 0, len(ways))
            table.follow(first, pool)
            edges += [Edge(pool.address, *tokens) for tokens in ways]
            rows.append(table.saved(range(first, first + len(ways))))
        return cls.of(edges, rows, table.arrays.rows)


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
        self._saved: dict[Address, Array] = {}

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
            if has_ranges(saved):
                self._graph.put_back(address, saved)
            else:
                self._graph.update(self._pool_of(address))
        self._led.clear()
        self._saved.clear()

    def start(self, pools: Iterable[Address]) -> Start | None:
        """
        Return these pools as they were before the graph was led anywhere.
        """
        graph, known = self._graph, sorted(set(pools))
        tables = [self._saved[address] if address in self._saved else graph.saved(address) for address in known]
        return Start.of([edge for address in known for edge in graph.edges(address)], tables, graph.rows)
