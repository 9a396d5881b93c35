"""
Cycles in the order of what they earn, looked into only as far as is asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from keeper.routes.curves import Optimum
from keeper.routes.graph import Edge
from keeper.routes.kernels import cycles
from keeper.routes.kernels.tables import MAX_HOPS, SAMPLED, Array, Best, Curves, Topology, Worth
from keeper.types import Address, value

#: Cycles are looked into that may earn so much of what the best one does: at first, and when others are asked for;
#: after so many times, all.
_FIRST_SHARE, _SHARE, _PATIENCE = 0.99, 0.5, 8

#: Cycles that are sized at once at first; each time that was not enough, more.
_AT_ONCE, _GROWTH = 16, 4

#: Cycles that there is room for at first when rings are opened.
_ROOM = 1024

#: Columns of what ``open_rings`` writes.
_FIGURES = 6


@value
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
    """

    edges: Sequence[Edge]
    topology: Topology
    best: Best
    curves: Curves
    changed: Array
    worth: Worth
    threshold: float


class Ranking(Iterator[Cycle]):
    """
    The cycles that pay, the most profitable first, while the graph stays as it is.

    Rings have a bound on what any of their cycles earns. Those that may earn nearly as much as the best are opened, and
    of their cycles those sized that come first: so what is told earns most of all, and nothing that cannot is looked
    into.
    """

    def __init__(self, hunt: Hunt, rings: Array, bounds: Array) -> None:
        """
        Args:
            rings: By their bounds, the highest first.
        """
        self._hunt = hunt
        self._rings, self._ring_bounds = rings, bounds
        self._told_above = np.full(len(rings), np.inf)
        self._cycles = np.empty((0, 1 + MAX_HOPS), np.int64)
        self._figures = np.empty((0, _FIGURES))
        self._bounds = np.empty(0)
        self._opened, self._at_once = 0, _AT_ONCE
        self._highest = float(bounds[0]) if len(bounds) else -np.inf

    def __next__(self) -> Cycle:
        while True:
            top = int(self._bounds.argmax()) if len(self._bounds) else -1
            highest = float(self._bounds[top]) if top >= 0 else -np.inf
            if self._highest >= max(highest, 0.0):
                self._open(max(highest, 0.0))
            elif highest < 0.0:
                raise StopIteration
            elif self._figures[top, 3] == cycles.UNKNOWN:
                self._size()
            else:
                cycle = self._cycle(top)
                self._bounds[top] = -np.inf
                return cycle

    @property
    def bound(self) -> float:
        """What the next cycle earns at most; negative if none is left."""
        return float(max(self._bounds.max(initial=-np.inf), self._highest))

    @property
    def pools(self) -> frozenset[Address]:
        """Every pool of what was not told yet."""
        hunt, arcs = self._hunt, np.unique(self._rings[self._ring_bounds >= 0.0, 3:])
        edges = np.unique(self._cycles[self._bounds >= 0.0, 1:])
        in_rings = np.flatnonzero(np.isin(hunt.topology.arc_of, arcs) & (hunt.curves.log_rate > -np.inf))
        numbers = [*edges[edges >= 0].tolist(), *in_rings.tolist()]
        return frozenset(hunt.edges[number].pool for number in numbers)

    def _open(self, highest: float) -> None:
        """
        List the cycles of rings that may earn nearly as much as the best of them does.
        """
        share = (_FIRST_SHARE, _SHARE)[min(self._opened, 1)] if self._opened < _PATIENCE else 0.0
        bounds = self._ring_bounds
        order = np.argsort(-bounds, kind="stable") if self._opened else np.arange(len(bounds))
        self._opened += 1
        numbers, figures = self._list(order, share * highest, share)
        self._highest = float(bounds.max(initial=-np.inf))
        if len(self._bounds):
            numbers, figures = np.concatenate((self._cycles, numbers)), np.concatenate((self._figures, figures))
            self._bounds = np.concatenate((self._bounds, figures[len(self._bounds) :, 2]))
        else:
            self._bounds = figures[:, 2].copy()
        self._cycles, self._figures = numbers, figures

    def _size(self) -> None:
        """Size those cycles that have the highest bounds and were not sized; what they earn is their new bound."""
        n, self._at_once = self._at_once, self._at_once * _GROWTH
        unknown = np.flatnonzero((self._figures[:, 3] == cycles.UNKNOWN) & (self._bounds >= 0.0))
        part = unknown if n >= len(unknown) else unknown[np.argpartition(-self._bounds[unknown], n)[:n]]
        figures = self._figures[part]
        cycles.size_cycles(self._hunt.curves, self._hunt.worth, self._rings, self._cycles[part], figures)
        self._figures[part] = figures
        self._bounds[part] = figures[:, 2]

    def _list(self, order: Array, floor: float, share: float) -> tuple[Array, Array]:
        """The cycles that may earn what is wanted in the end."""
        hunt, start, room, parts, is_whole = self._hunt, 0, _ROOM, [], False
        while not is_whole:
            numbers, figures = np.empty((room, 1 + MAX_HOPS), np.int64), np.empty((room, _FIGURES))
            following, n, floor, is_whole = cycles.open_rings(
                hunt.topology,
                hunt.best,
                hunt.curves,
                hunt.changed,
                hunt.worth,
                hunt.threshold,
                self._rings,
                self._ring_bounds,
                self._told_above,
                order,
                start,
                floor,
                share,
                numbers,
                figures,
            )
            parts.append((numbers[:n], figures[:n]))
            room, start = room if following > start else 4 * room, following
        if len(parts) == 1:
            return parts[0]
        is_open = np.zeros(len(order), np.bool_)
        is_open[order[:following]] = True
        wanted = [(figures[:, 1] >= floor) & is_open[numbers[:, 0]] for numbers, figures in parts]
        listed = [numbers[kept] for (numbers, _), kept in zip(parts, wanted, strict=True)]
        rows = [figures[kept] for (_, figures), kept in zip(parts, wanted, strict=True)]
        return np.concatenate(listed), np.concatenate(rows)

    def _cycle(self, row: int) -> Cycle:
        numbers, kind, edges = self._cycles[row, 1:].tolist(), self._hunt.curves.kind, self._hunt.edges
        log_rate, _, _, amount_in, gain, depth = self._figures[row].tolist()
        closed = all(kind[number] != SAMPLED for number in numbers if number >= 0)
        return Cycle(
            tuple([edges[number] for number in numbers if number >= 0]),
            log_rate,
            Optimum(amount_in, gain, depth, closed),
            float(self._bounds[row]),
        )
