"""
What a run came to: the numbers of the summary and of the report file.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from keeper.execution.transactions import Outcome
from keeper.journal import State
from keeper.market import CacheCounts
from keeper.types import Hash

#: How many of the last transactions can be taken back.
_REMEMBERED = 256


class Latency:
    """
    How long the stages took.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    def add(self, stage: str, seconds: float) -> None:
        self._seconds.setdefault(stage, []).append(seconds)

    def summary(self) -> dict[str, dict[str, float]]:
        """Return p50 and p99 of each stage, in milliseconds."""
        return {
            stage: {"p50": _percentile(values, 0.5), "p99": _percentile(values, 0.99), "count": len(values)}
            for stage, values in self._seconds.items()
        }


def _percentile(seconds: list[float], share: float) -> float:
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
    symbol: str
    worth_wei: int
    touched: bool


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
    _bookings: dict[Hash, Booking] = field(default_factory=dict)

    def book(self, outcome: Outcome, symbol: str, worth_wei: int, touched: bool) -> None:
        """
        Count a transaction whose fate is known; *worth_wei* is what its gain was worth.
        """
        booking = Booking(outcome, symbol, worth_wei, touched)
        self._count(booking, 1)
        self._bookings[outcome.transaction.hash] = booking
        if len(self._bookings) > _REMEMBERED:
            del self._bookings[next(iter(self._bookings))]

    def take_back(self, transaction_hash: Hash) -> None:
        """
        Undo what was booked of a transaction whose block left the chain.
        """
        if (booking := self._bookings.pop(transaction_hash, None)) is not None:
            self._count(booking, -1)

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
        self.transactions[_COUNTED_AS[outcome.state]] += times
        if outcome.state is State.DROPPED:
            return
        profit_wei = booking.worth_wei - outcome.gas_wei
        self.gas_wei += times * outcome.gas_wei
        self.net_profit_wei += times * profit_wei
        self.transactions["lost_money"] += times * (profit_wei < 0)
        self.transactions["lost_untouched"] += times * (profit_wei < 0 and not booking.touched)
        if outcome.state is State.INCLUDED:
            self._count_gain(booking, times)

    def _count_gain(self, booking: Booking, times: int) -> None:
        predicted, realised = booking.outcome.transaction.predicted_gain, booking.outcome.gain
        gain = self.gain.setdefault(booking.symbol, Gain())
        gain.predicted += times * predicted
        gain.realised += times * realised
        self.transactions["touched" if booking.touched else "untouched"] += times
        self.transactions["untouched_exact"] += times * (not booking.touched and realised == predicted)


_COUNTED_AS = {State.INCLUDED: "included", State.REVERTED: "reverted", State.DROPPED: "dropped"}


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write the report as JSON, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(report, indent=2) + "\n")
    partial.replace(path)
