"""
Cycles in the order of what they earn, looked into only as far as is asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from keeper.routes.curves import Optimum
from keeper.routes.graph import Edge
from keeper.routes.kernels import cycles, optimum
from keeper.routes.kernels.tables import MAX_HOPS, SAMPLED, Array, Best, Curves, Topology
from keeper.types import Address

#: Rings that are opened and cycles that are sized at once at first; each time that was not enough, four times as many.
_RINGS, _CYCLES, _GROWTH = 16, 64, 4

#: Cycles that there is room for when rings are opened.
_ROOM = 4096

#: By how much a gain may be more than closed forms say in floats, and than samples do, which are the wider apart where
#: the optimum lies the more a cycle's rate is above one: twice what random markets show.
_FLOAT_ERROR = 1e-9
_SAMPLE_ERROR, _SAMPLE_ERROR_PER_LOG_RATE, _MOST_SAMPLE_ERROR = 0.02, 20.0, 0.3


@dataclass(frozen=True, slots=True)
class Cycle:
    """
    Swaps that end in the token they start with, sized in floats: the exact models have the last word.

    Attributes:
        edges: The swaps in order; each takes what the one before gives.
        log_rate: Logarithm of what an infinitely small amount multiplies by, after fees.
        profit_wei: At most what its gain is worth less all costs.
    """

    edges: tuple[Edge, ...]
    log_rate: float
    optimum: Optimum
    profit_wei: float

    @property
    def token(self) -> Address:
        """Where the cycle starts and ends."""
        return self.edges[0].token_in

    @property
    def pools(self) -> tuple[Address, ...]:
        return tuple(edge.pool for edge in self.edges)


@dataclass(frozen=True, slots=True)
class Hunt:
    """
    What a search hands on: the arrays as they were, and what it was asked for.

    Attributes:
        changed: Which edges did.
        values: Worth in wei of the smallest unit of each profit token.
        tolls: What a hop through each family costs, in wei.
        base: What a route costs beside its hops, in wei.
    """

    edges: Sequence[Edge]
    topology: Topology
    best: Best
    curves: Curves
    changed: Array
    values: Array
    tolls: Array
    base: float
    threshold: float


class Ranking(Iterator[Cycle]):
    """
    The cycles that pay, the most profitable first, while the graph stays as it is.

    Rings have a bound on what any of their cycles earns, cycles have a tighter one, and sizing tells. Always what has
    the highest bound is looked into; so what is told earns most of all, and nothing that cannot is looked into.
    """

    def __init__(self, hunt: Hunt, rings: Array, bounds: Array) -> None:
        self._hunt = hunt
        self._rings, self._ring_bounds = rings, bounds
        self._told_above = np.full(len(rings), np.inf)
        self._cycles = np.empty((0, 1 + MAX_HOPS), np.int64)
        self._log_rates, self._bounds = np.empty(0), np.empty(0)
        self._optima = np.empty((0, 3))
        self._sized = np.empty(0, np.bool_)
        self._rings_at_once, self._cycles_at_once = _RINGS, _CYCLES

    def __next__(self) -> Cycle:
        while True:
            top = int(self._bounds.argmax()) if len(self._bounds) else -1
            highest = self._bounds[top] if top >= 0 else -np.inf
            if self._ring_bounds.max(initial=-np.inf) >= max(highest, 0.0):
                self._open()
            elif highest < 0.0:
                raise StopIteration
            elif not self._sized[top]:
                self._size()
            else:
                cycle = self._cycle(top)
                self._bounds[top] = -np.inf
                return cycle

    @property
    def bound(self) -> float:
        """What the next cycle earns at most; negative if none is left."""
        return float(max(self._bounds.max(initial=-np.inf), self._ring_bounds.max(initial=-np.inf)))

    @property
    def pools(self) -> frozenset[Address]:
        """Every pool of what was not told yet."""
        hunt, arcs = self._hunt, np.unique(self._rings[self._ring_bounds >= 0.0, 3:])
        edges = np.unique(self._cycles[self._bounds >= 0.0, 1:])
        in_rings = np.flatnonzero(np.isin(hunt.topology.arc_of, arcs) & (hunt.curves.log_rate > -np.inf))
        numbers = [*edges[edges >= 0].tolist(), *in_rings.tolist()]
        return frozenset(hunt.edges[number].pool for number in numbers)

    def _open(self) -> None:
        """
        List the cycles of the rings that have the highest bounds, as far as they may earn more than the best that is
        sized; rings that have others stay, and are listed whole the next time.
        """
        n, self._rings_at_once = self._rings_at_once, self._rings_at_once * _GROWTH
        part = _highest(self._ring_bounds, np.flatnonzero(self._ring_bounds >= 0.0), n)
        floor = max(self._bounds[self._sized].max(initial=0.0), 0.0)
        between = np.stack((np.full(len(part), floor), self._told_above[part]), axis=1)
        between[between[:, 1] < np.inf, 0] = 0.0
        self._list(self._rings[part], between)
        below = np.nextafter(between[:, 0], -np.inf)
        self._ring_bounds[part] = np.where(between[:, 0] < between[:, 1], below, -np.inf)
        self._told_above[part] = between[:, 0]

    def _list(self, rings: Array, between: Array) -> None:
        hunt, start, parts = self._hunt, 0, []
        room = max(_ROOM, cycles.most_cycles(hunt.topology, rings))
        while start < len(rings):
            numbers, figures = np.empty((room, 1 + MAX_HOPS), np.int64), np.empty((room, 2))
            start, n = cycles.open_rings(
                hunt.topology,
                hunt.best,
                hunt.curves,
                hunt.changed,
                hunt.values,
                hunt.tolls,
                hunt.base,
                hunt.threshold,
                rings,
                between,
                start,
                numbers,
                figures,
            )
            parts.append((numbers[:n], figures[:n]))
        self._cycles = np.concatenate((self._cycles, *(numbers for numbers, _ in parts)))
        self._log_rates = np.concatenate((self._log_rates, *(figures[:, 0] for _, figures in parts)))
        self._bounds = np.concatenate((self._bounds, *(figures[:, 1] for _, figures in parts)))
        new = len(self._cycles) - len(self._sized)
        self._optima = np.concatenate((self._optima, np.empty((new, 3))))
        self._sized = np.concatenate((self._sized, np.zeros(new, np.bool_)))

    def _size(self) -> None:
        """Size those cycles that have the highest bounds and were not sized; what they earn is their new bound."""
        n, self._cycles_at_once = self._cycles_at_once, self._cycles_at_once * _GROWTH
        part = _highest(self._bounds, np.flatnonzero(~self._sized & (self._bounds >= 0.0)), n)
        hunt, numbers, figures = self._hunt, self._cycles[part], np.empty((len(part), 3))
        optimum.size(hunt.curves, numbers, figures)
        tokens, edges = numbers[:, 0], numbers[:, 1:]
        used = edges >= 0
        sampled = (used & (hunt.curves.kind[edges] == SAMPLED)).any(axis=1)
        off = np.minimum(_SAMPLE_ERROR + _SAMPLE_ERROR_PER_LOG_RATE * self._log_rates[part], _MOST_SAMPLE_ERROR)
        most = figures[:, 1] * (1.0 + np.where(sampled, off, _FLOAT_ERROR))
        costs = hunt.base + np.where(used, hunt.tolls[hunt.curves.family[edges]], 0.0).sum(axis=1)
        self._bounds[part] = np.where(most >= 1.0, most * hunt.values[tokens] - costs, -np.inf)
        self._optima[part] = figures
        self._sized[part] = True

    def _cycle(self, row: int) -> Cycle:
        numbers = self._cycles[row, 1:]
        numbers = numbers[numbers >= 0]
        amount_in, gain, depth = self._optima[row].tolist()
        closed = not (self._hunt.curves.kind[numbers] == SAMPLED).any()
        return Cycle(
            tuple(self._hunt.edges[number] for number in numbers.tolist()),
            float(self._log_rates[row]),
            Optimum(amount_in, gain, depth, closed),
            float(self._bounds[row]),
        )


def _highest(bounds: Array, among: Array, n: int) -> Array:
    """The n of *among* that have the highest bounds."""
    return among if n >= len(among) else np.asarray(among[np.argpartition(-bounds[among], n)[:n]])
