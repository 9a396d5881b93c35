"""
Tokens joined by pools, in flat arrays, kept up to date pool by pool.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from keeper.pools.pool import Pool
from keeper.routes import topology
from keeper.routes.curves import CurveTable, directions
from keeper.routes.kernels import rings
from keeper.routes.kernels.tables import Array, Best, Curves, Topology
from keeper.types import Address


@dataclass(frozen=True, slots=True)
class Edge:
    """One direction of a pool between two of its tokens."""

    pool: Address
    token_in: Address
    token_out: Address


class Graph:
    """
    Every pool in all its directions. Parallel pools are all kept: the best marginal rate is not the best for size.

    Attributes:
        all_edges: By number.
        families: Of pools, by number.
        core_tokens: How many tokens may lie on rings of three or more: they have the first numbers.
    """

    def __init__(self) -> None:
        self.all_edges: list[Edge] = []
        self.families: dict[str, int] = {}
        self.core_tokens = 0
        self._tokens: dict[Address, int] = {}
        self._numbers: dict[Address, range] = {}
        self._between: dict[tuple[Address, Address], list[int]] = {}
        self._unsampled: dict[int, Pool] = {}
        self._curves = CurveTable()
        self._moved: set[Address] = set()
        self._forgotten: set[Address] = set()
        self._settled: tuple[Topology, Best] | None = None
        self._place: Array = np.empty(0, np.int64)

    def update(self, pool: Pool) -> None:
        """
        Take *pool* as it now is, adding it if it is new.
        """
        self.update_all([pool])

    def update_all(self, pools: Iterable[Pool]) -> None:
        """
        Take many pools as they now are.
        """
        known = {pool.address: pool for pool in pools}
        firsts = [(self._numbers.get(address) or self._add(pool)).start for address, pool in known.items()]
        for pool in self._curves.follow_all(zip(firsts, known.values(), strict=True)):
            self._unsampled.update(dict.fromkeys(self._numbers[pool.address], pool))
        self._moved.update(known)
        self._forgotten.difference_update(known)

    def forget(self, addresses: Iterable[Address]) -> None:
        """
        Let no cycle lead through these pools until they are updated.
        """
        for address in set(addresses) - self._forgotten:
            if (numbers := self._numbers.get(address)) is not None:
                self._curves.forget(numbers.start, len(numbers))
                for number in numbers:
                    self._unsampled.pop(number, None)
                self._moved.add(address)
                self._forgotten.add(address)

    def saved(self, pool: Address) -> Array:
        """
        Return what the edges of a pool have now, as :class:`CurveTable` has it.
        """
        return self._curves.saved(self._numbers[pool])

    def put_back(self, pool: Address, saved: Array) -> None:
        """
        Give the edges of a pool of ranges or of a constant product what they had.
        """
        self._curves.put_back(self._numbers[pool], saved)
        self._moved.add(pool)
        self._forgotten.discard(pool)

    @property
    def rows(self) -> Array:
        """The ranges of all curves, as kernels take them."""
        return self._curves.arrays.rows

    def edges(self, pool: Address) -> Sequence[Edge]:
        """Every direction of a pool."""
        numbers = self._numbers.get(pool, range(0))
        return self.all_edges[numbers.start : numbers.stop]

    def deepest(self, token_in: Address, token_out: Address) -> Edge | None:
        """
        Return the edge between two tokens whose rate moves least with the amount, or None if none can trade.
        """
        curves, deepest, most = self._curves.arrays, None, 0.0
        for number in self._between.get((token_in, token_out), ()):
            depth = curves.depth[number]
            if depth > most and curves.log_rate[number] > -inf:
                deepest, most = number, depth
        return self.all_edges[deepest] if deepest is not None else None

    def log_rate(self, edge: Edge) -> float:
        """Logarithm of the edge's marginal rate after fees; minus infinity where it cannot trade."""
        number = next(n for n in self._numbers[edge.pool] if self.all_edges[n] == edge)
        return float(self._curves.arrays.log_rate[number])

    def numbers(self, pools: Iterable[Address]) -> Array:
        """
        Return the numbers of all edges of these pools, each of them given once; pools that are not known have none.
        """
        known = self._numbers
        numbers = np.array([n for pool in pools for n in known.get(pool, ())], dtype=np.int64)
        numbers.sort()
        return numbers

    def token_numbers(self, tokens: Iterable[Address]) -> Array:
        """
        Return the number that each token has in the topology, -1 where no pool has it.
        """
        return np.array([self._place[self._tokens[t]] if t in self._tokens else -1 for t in tokens], dtype=np.int64)

    def tokens(self) -> list[Address]:
        """
        Return every token by the number that it has in the topology.
        """
        names = list(self._tokens)
        return [names[i] for i in np.argsort(self._place).tolist()]

    def settle(self) -> tuple[Topology, Curves, Best]:
        """
        Return the arrays, with the best edge of every arc found again where pools moved.
        """
        curves = self._curves.arrays
        if self._settled is None:
            self._settled = self._build(curves)
            rings.refresh(*self._settled, curves, np.arange(len(self.all_edges)))
        elif self._moved:
            rings.refresh(*self._settled, curves, self.numbers(self._moved))
        self._moved.clear()
        return self._settled[0], curves, self._settled[1]

    def sample(self, topology: Topology, best: Best, found: Array) -> tuple[Curves, Array]:
        """
        Return the curves after those of the edges of rings that were found were sampled that have no closed form, and
        the arcs of these edges.
        """
        numbers: Array = np.empty(0, np.int64)
        if self._unsampled:
            numbers = np.array(sorted(self._unsampled))
            numbers = numbers[np.isin(topology.arc_of[numbers], found[:, 3:])]
            for number in numbers.tolist():
                edge = self.all_edges[number]
                self._curves.sample(number, self._unsampled.pop(number), edge.token_in, edge.token_out)
            curves = self._curves.arrays
            rings.refresh(topology, best, curves, numbers)
        return self._curves.arrays, topology.arc_of[numbers]

    def _add(self, pool: Pool) -> range:
        edges = [Edge(pool.address, *tokens) for tokens in directions(pool)]
        family = self.families.setdefault(pool.info.family, len(self.families))
        first = self._curves.add(len(self._numbers), family, len(edges))
        self._numbers[pool.address] = range(first, first + len(edges))
        self.all_edges.extend(edges)
        for number, edge in enumerate(edges, first):
            self._tokens.setdefault(edge.token_in, len(self._tokens))
            self._between.setdefault((edge.token_in, edge.token_out), []).append(number)
        self._settled = None
        return self._numbers[pool.address]

    def _build(self, curves: Curves) -> tuple[Topology, Best]:
        tail = np.array([self._tokens[edge.token_in] for edge in self.all_edges], dtype=np.int64)
        head = np.array([self._tokens[edge.token_out] for edge in self.all_edges], dtype=np.int64)
        arcs, self._place = topology.build(list(self._tokens), list(self._numbers), tail, head, curves.pool)
        self.core_tokens = int(np.count_nonzero(arcs.core_end > arcs.first[:-1]))
        out, back, limit = (np.full(arcs.head.size, -inf) for _ in range(3))
        return arcs, Best(out, back, np.zeros((arcs.head.size, curves.reach.shape[1])), limit)
