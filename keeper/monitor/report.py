"""
What a run came to: the numbers of the summary and of the report file.
"""

import json
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

from keeper.errors import ConfigError
from keeper.execution.receipts import Outcome
from keeper.files import replace_file
from keeper.gas import Outlay
from keeper.journal import Decision, State
from keeper.market import CacheCounts
from keeper.types import Address, Hash

#: How many of the last transactions can be taken back.
_REMEMBERED = 256

#: How many durations of a stage are kept.
_MEASURED = 10_000
#: How much of what happened is kept for whoever shows it.
_KEPT_NEWS = 512


class Latency:
    """
    How long the stages took, of the last ten thousand times each.

    Attributes:
        listener: Is told of each.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}
        self._counts: Counter[str] = Counter()
        self.listener: Callable[[str, float], None] | None = None

    def add(self, stage: str, seconds: float) -> None:
        if stage not in self._seconds:
            self._seconds[stage] = deque(maxlen=_MEASURED)
        self._seconds[stage].append(seconds)
        self._counts[stage] += 1
        if self.listener is not None:
            self.listener(stage, seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """
        Add what the block takes.
        """
        began = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - began)

    def summary(self) -> dict[str, dict[str, float]]:
        """Return p50 and p99 of each stage, in milliseconds."""
        return {
            stage: {"p50": _percentile(values, 0.5), "p99": _percentile(values, 0.99), "count": self._counts[stage]}
            for stage, values in self._seconds.items()
        }

    def recent(self, count: int) -> dict[str, Sequence[float]]:
        """Return the last *count* of each stage, in seconds, the oldest first."""
        return {
            stage: [values[place] for place in range(max(len(values) - count, 0), len(values))]
            for stage, values in self._seconds.items()
        }


def _percentile(seconds: Iterable[float], share: float) -> float:
    ordered = sorted(seconds)
    return round(1_000 * ordered[max(ceil(share * len(ordered)) - 1, 0)], 3)


@dataclass(slots=True)
class Gain:
    """
    One token's gain, in its smallest unit, before gas.

    Attributes:
        predicted: What the included transactions were expected to gain.
        realised: What the treasury received by them, according to their receipts.
        treasury_delta: What the treasury's balance grew by during the run.
    """

    predicted: int = 0
    realised: int = 0
    treasury_delta: int = 0


@dataclass(frozen=True, slots=True)
class Booking:
    """A transaction as it was counted, so that it can be taken back."""

    outcome: Outcome
    symbols: Mapping[Address, str]
    worth_wei: int
    touched: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """
    What was considered, for whoever shows it.

    Attributes:
        paths: The tokens of each route, from the first that goes in to the last that comes out.
        predicted_wei: What it was to earn, before a simulation told what gas it takes.
    """

    decision: Decision
    paths: tuple[tuple[Address, ...], ...]
    predicted_wei: int


#: What was considered, a transaction whose fate is known, or the hash of one that was taken back.
News: TypeAlias = Decided | Booking | Hash


@dataclass(slots=True)
class Report:
    """
    The numbers of a run.

    Attributes:
        transactions: ``sent``, ``included``, ``reverted``, ``dropped``; of the included ones ``touched`` (another
            transaction moved one of the pools between plan and execution), ``untouched``, and ``untouched_exact``
            (untouched, and realised equals predicted to the wei); of the included and reverted ones ``lost_money``,
            of which ``lost_untouched`` lost with nobody in between: there should be none.
        pools: What became of all pools: followed, filtered, quarantined, audited.
        gain: By token symbol.
        net_profit_wei: ETH-valued gain minus all gas, reverts included.
        routes_sent: How many transactions were sent with so many routes.
        expected: What all that were sent should bring and cost, in wei.
        news: What happened lately, the oldest first; whoever shows it takes it from there.
    """

    blocks: int = 0
    events: int = 0
    cycles_searched: int = 0
    opportunities: int = 0
    reorgs: int = 0
    gas_wei: int = 0
    net_profit_wei: int = 0
    transactions: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    pools: dict[str, Any] = field(default_factory=dict)
    gain: dict[str, Gain] = field(default_factory=dict)
    latency: Latency = field(default_factory=Latency)
    routes_sent: Counter[int] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    news: deque[News] = field(default_factory=lambda: deque(maxlen=_KEPT_NEWS))
    _bookings: dict[Hash, Booking] = field(default_factory=dict)

    def sent(self, routes: int, worth_wei: int, outlay: Outlay) -> None:
        """
        Count a transaction that was sent with so many routes, and what it should bring and cost.
        """
        self.transactions["sent"] += 1
        self.routes_sent[routes] += 1
        self.expected.update(
            worth_wei=worth_wei,
            l2_wei=outlay.l2_wei,
            l1_wei=outlay.l1_wei,
            bid_wei=outlay.bid_wei,
            profit_wei=worth_wei - outlay.total_wei,
        )

    def book(self, outcome: Outcome, symbols: Mapping[Address, str], worth_wei: int, touched: bool) -> Booking:
        """
        Count a transaction whose fate is known, and return it as it was counted; *worth_wei* is what its gains were
        worth. What was said of it before does not count any more: it was given up, and included all the same.
        """
        self.take_back(outcome.transaction.hash)
        booking = Booking(outcome, symbols, worth_wei, touched)
        self._count(booking, 1)
        self._bookings[outcome.transaction.hash] = booking
        self.news.append(booking)
        if len(self._bookings) > _REMEMBERED:
            del self._bookings[next(iter(self._bookings))]
        return booking

    def take_back(self, transaction_hash: Hash) -> Booking | None:
        """
        Undo what was booked of a transaction whose block left the chain, and return it.
        """
        if (booking := self._bookings.pop(transaction_hash, None)) is not None:
            self._count(booking, -1)
            self.news.append(transaction_hash)
        return booking

    def note_treasury(self, symbol: str, delta: int) -> None:
        """
        Note what the treasury's balance of a token grew by during the run.
        """
        if delta or symbol in self.gain:
            self.gain.setdefault(symbol, Gain()).treasury_delta = delta

    def as_json(self, rpc_calls: Mapping[str, int], cache: CacheCounts) -> dict[str, Any]:
        """
        Return the report as plain data; amounts in smallest units are integers.
        """
        names = (
            *("sent", "included", "reverted", "dropped", "lost_money", "lost_untouched"),
            *("untouched", "untouched_exact", "touched"),
        )
        return {
            "blocks": self.blocks,
            "events": self.events,
            "rpc_calls": dict(sorted(rpc_calls.items())),
            "cache": cache.as_json(),
            "pools": self.pools,
            "cycles_searched": self.cycles_searched,
            "opportunities": self.opportunities,
            "refused": dict(sorted(self.refused.items())),
            "reorgs": self.reorgs,
            "transactions": {name: self.transactions[name] for name in names},
            "routes_sent": {str(routes): count for routes, count in sorted(self.routes_sent.items())},
            "expected": {name: self.expected[name] for name in _EXPECTED},
            "gain": {
                symbol: {
                    "predicted": gain.predicted,
                    "realised": gain.realised,
                    "treasury_delta": gain.treasury_delta,
                }
                for symbol, gain in sorted(self.gain.items())
            },
            "gas_wei": self.gas_wei,
            "net_profit_wei": self.net_profit_wei,
            "latency_ms": self.latency.summary(),
        }

    def _count(self, booking: Booking, times: int) -> None:
        outcome = booking.outcome
        if outcome.filled_a_gap:
            self.gas_wei += times * outcome.gas_wei
            self.net_profit_wei -= times * outcome.gas_wei
            return
        self.transactions[_COUNTED_AS[outcome.state]] += times
        if outcome.state is State.DROPPED:
            return
        profit_wei = booking.worth_wei - outcome.gas_wei
        self.gas_wei += times * outcome.gas_wei
        self.net_profit_wei += times * profit_wei
        self.transactions["lost_money"] += times * (profit_wei < 0)
        self.transactions["lost_untouched"] += times * (profit_wei < 0 and not booking.touched)
        if outcome.state is State.SOFT:
            self._count_gain(booking, times)

    def _count_gain(self, booking: Booking, times: int) -> None:
        outcome = booking.outcome
        realised = dict(outcome.gains)
        for token, predicted in outcome.transaction.predicted:
            gain = self.gain.setdefault(booking.symbols[token], Gain())
            gain.predicted += times * predicted
            gain.realised += times * realised.get(token, 0)
        self.transactions["touched" if booking.touched else "untouched"] += times
        self.transactions["untouched_exact"] += times * (not booking.touched and outcome.as_predicted)


#: What a transaction should bring, what it should cost, and what should be left.
_EXPECTED = ("worth_wei", "l2_wei", "l1_wei", "bid_wei", "profit_wei")

_COUNTED_AS = {State.SOFT: "included", State.REVERTED: "reverted", State.DROPPED: "dropped"}


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """
    Write the report as JSON, whole or not at all.

    Raises:
        ConfigError: It cannot be written there.
    """
    try:
        replace_file(path, [json.dumps(report, indent=2).encode(), b"\n"])
    except OSError as error:
        raise ConfigError(f"report {path} cannot be written: {error.strerror}") from None


def require_place(path: Path) -> None:
    """
    Raises:
        ConfigError: No report could be written there: better to know before a run than after it.
    """
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise ConfigError(f"report {path} cannot be written: that is no file")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        there = path.parent.is_dir()
        raise ConfigError(f"report {path} cannot be written: its folder {'is not yours' if there else 'is not there'}")
