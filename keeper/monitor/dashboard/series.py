"""
What the page draws over time, kept in bounded memory.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from keeper.journal import Decision, PlannedRoute, State
from keeper.monitor.dashboard.moment import Moment
from keeper.monitor.dashboard.shapes import eth
from keeper.monitor.report import Booking
from keeper.types import Hash

#: Blocks of the small charts, and points of the profit's.
KEPT_BLOCKS = 240
KEPT_POINTS = 720

#: How many decisions and transactions are remembered until their fate is known.
_REMEMBERED = 256

#: What identifies the decision behind a transaction: the block it was planned on, and its routes.
Key = tuple[int, tuple[PlannedRoute, ...]]


def key_of(decision: Decision) -> Key:
    """
    Return what identifies a decision.
    """
    return decision.block_number, decision.routes


@dataclass(slots=True)
class Blocks:
    """
    A row a block: its number, milliseconds of handling, requests, cache hits and misses, events, base fee in gwei.

    The keeper counts since its start; a row has what the block added.
    """

    rows: deque[tuple[int, float, int, int, int, int, float]] = field(default_factory=lambda: deque(maxlen=KEPT_BLOCKS))
    count: int = 0
    _before: tuple[int, int, int, int] | None = None

    def add(self, moment: Moment) -> None:
        """
        Add a block.
        """
        cache, report = moment.market.counts, moment.report
        now = sum(moment.calls.values()), cache.hits, cache.misses, report.events
        # What was asked before the first block belongs to the start.
        requests, hits, misses, events = (
            after - before for after, before in zip(now, self._before or now, strict=True)
        )
        self._before = now
        fee = round(moment.block.base_fee_wei / 1e9, 6)
        self.rows.append((moment.block.number, round(1e3 * moment.seconds, 3), requests, hits, misses, events, fee))
        self.count += 1

    def since(self, count: int) -> dict[str, Any]:
        """Return the rows that were added after the first *count*, and which number the last one has."""
        return {"to": self.count, "rows": _last(self.rows, self.count - count)}


@dataclass(slots=True)
class Profit:
    """
    Profit of all transactions whose fate is known, in wei: as predicted, as their simulations told, and as they came.

    Attributes:
        points: Unix time, block, and the three sums.
        count: How many points there were.
    """

    points: deque[tuple[float, int, int, int, int]] = field(default_factory=deque)
    count: int = 0
    _sums: tuple[int, int, int] = (0, 0, 0)
    _predicted: dict[Key, int] = field(default_factory=dict)
    _counted: dict[Hash, tuple[int, int, int]] = field(default_factory=dict)

    def expect(self, key: Key, predicted_wei: int) -> None:
        """
        Remember what a transaction was to earn before it was simulated.
        """
        self._predicted[key] = predicted_wei
        _forget(self._predicted)

    def book(self, booking: Booking, now: float) -> int | None:
        """
        Count a transaction, and return what it earned; None if it is in no block.
        """
        outcome = booking.outcome
        if outcome.state is State.DROPPED:
            return None
        transaction = outcome.transaction
        simulated = transaction.predicted_profit_wei
        # Of what an earlier life of the keeper sent, only the simulation's word is in the journal.
        predicted = self._predicted.pop((transaction.block_number, transaction.routes), simulated)
        realised = booking.worth_wei - outcome.gas_wei
        self._counted[transaction.hash] = predicted, simulated, realised
        _forget(self._counted)
        self._add((predicted, simulated, realised), 1, outcome.position[0], now)
        return realised

    def take_back(self, transaction_hash: Hash, now: float) -> None:
        """
        Count a transaction no more.
        """
        if (counted := self._counted.pop(transaction_hash, None)) is not None:
            self._add(counted, -1, self.points[-1][1], now)

    def since(self, count: int) -> dict[str, Any]:
        """Return the points that were added after the first *count*, sums in ETH, and which number the last one has."""
        points = _last(self.points, self.count - count)
        return {"to": self.count, "rows": [[round(at, 3), block, *map(eth, sums)] for at, block, *sums in points]}

    def _add(self, amounts: tuple[int, int, int], times: int, block: int, now: float) -> None:
        one, two, three = (total + times * amount for total, amount in zip(self._sums, amounts, strict=True))
        self._sums = one, two, three
        if len(self.points) >= KEPT_POINTS:
            # Every second one, the last among them: the curve keeps its beginning.
            self.points = deque(islice(self.points, 1, None, 2))
        self.points.append((now, block, one, two, three))
        self.count += 1


def _last(items: deque[Any], count: int) -> list[Any]:
    return list(islice(items, max(len(items) - count, 0), None))


def _forget(remembered: dict[Any, Any]) -> None:
    if len(remembered) > _REMEMBERED:
        del remembered[next(iter(remembered))]
