"""
What the page shows, gathered from what the loop hands over.
"""

import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from keeper.journal import State
from keeper.monitor.dashboard import shapes
from keeper.monitor.dashboard.moment import Moment
from keeper.monitor.dashboard.seat import Seat
from keeper.monitor.dashboard.series import KEPT_BLOCKS, KEPT_POINTS, Blocks, Key, Profit, key_of
from keeper.monitor.logs import TAIL
from keeper.monitor.report import Booking, Decided
from keeper.types import Address, Token

_KEPT_DECISIONS = 80

#: What changes slowly is looked at so often at most.
_SLOW_SECONDS = 1.0

#: A held pool's time runs: without an end to the list, a bad day would make every update a large one.
_MOST_HELD = 50


@dataclass(frozen=True, slots=True)
class Identity:
    """
    What does not change while the keeper runs.

    Attributes:
        tokens: Symbols and decimals by address.
    """

    chain: str
    chain_id: int
    executor: Address
    treasury: Address
    operator: Address
    version: str
    dry_run: bool
    tokens: Mapping[Address, Token]


class Board:
    """
    Gathers a little at the end of a block, and the rest when the keeper has time.

    Attributes:
        moment: The last block's.
    """

    def __init__(self, identity: Identity, seat: Seat) -> None:
        self.moment: Moment | None = None
        self._identity, self._seat = identity, seat
        self._names = shapes.Names(identity.tokens)
        self._started_at = time.time()
        self._blocks, self._profit = Blocks(), Profit()
        self._decisions: deque[dict[str, Any]] = deque(maxlen=_KEPT_DECISIONS)
        self._by_key: dict[Key, dict[str, Any]] = {}
        self._by_hash: dict[str, dict[str, Any]] = {}
        self._fresh: dict[int, dict[str, Any]] = {}
        self._count = 0
        self._sent: tuple[int, int, int] = (0, 0, 0)
        self._slow: dict[str, Any] = {}
        self._slow_at = 0.0
        self._whole = b""

    def note(self, moment: Moment) -> None:
        """
        Take the end of a block: constant work.
        """
        self.moment = moment
        self._blocks.add(moment)

    def update(self) -> bytes:
        """
        Return what is new since the last update, as JSON; the next one goes on from here.
        """
        self._take_news()
        slow = self._changed_slow_things()
        blocks, points, lines = self._sent
        self._sent = self._blocks.count, self._profit.count, TAIL.count
        fresh, self._fresh = self._fresh, {}
        self._whole = b""
        return _json(
            self._standing()
            | slow
            | {
                "blocks": self._blocks.since(blocks),
                "profit": self._profit.since(points),
                "decisions": list(fresh.values()),
                "logs": TAIL.since(lines),
            }
        )

    def snapshot(self) -> bytes:
        """
        Return everything up to the last update at least, as JSON, made once for all who ask before the next one.

        What comes after it comes with the next update; what is in both is the same.
        """
        if self._whole:
            return self._whole
        self._take_news()
        identity = asdict(self._identity)
        del identity["tokens"]
        self._whole = _json(
            {"identity": identity | {"started_at": self._started_at}}
            | self._standing()
            | self._slow
            | {
                "blocks": self._blocks.since(self._blocks.count - KEPT_BLOCKS),
                "profit": self._profit.since(self._profit.count - KEPT_POINTS),
                "decisions": list(self._decisions),
                "logs": TAIL.since(0),
            }
        )
        return self._whole

    def _standing(self) -> dict[str, Any]:
        standing: dict[str, Any] = {"now": round(time.time(), 3), "standing": asdict(self._seat.status())}
        if (moment := self.moment) is None:
            return standing
        prices = moment.prices
        return standing | {
            "head": {"number": moment.block.number, "timestamp": moment.block.timestamp},
            "totals": shapes.totals(moment.report, moment.market, moment.in_flight),
            "prices": {
                "base_fee": prices.base_fee_wei / 1e9,
                "tip": prices.tip_wei / 1e9,
                "l1_unit": prices.l1_wei_per_unit / 1e9,
            },
        }

    # ---------------------------------------------------------------- what happened

    def _take_news(self) -> None:
        """Take what the report has heard of, in its order."""
        if self.moment is None:
            return
        news, now = self.moment.report.news, time.time()
        while news:
            match news.popleft():
                case Decided() as decided:
                    self._decided(decided, now)
                case Booking() as booking:
                    self._booked(booking, now)
                case transaction_hash:
                    self._profit.take_back(transaction_hash, now)
                    if (shape := self._by_hash.get(transaction_hash)) is not None:
                        self._tell(shape, "reorged", None)

    def _decided(self, decided: Decided, now: float) -> None:
        assert self.moment is not None
        self._count += 1
        shape = shapes.decision(self._count, now, decided, self.moment.market, self._names)
        if len(self._decisions) == _KEPT_DECISIONS:
            self._forget(self._decisions[0])
        self._decisions.append(shape)
        self._fresh[self._count] = shape
        if decided.decision.outcome == "sent":
            self._by_key[key_of(decided.decision)] = shape
            self._profit.expect(key_of(decided.decision), decided.predicted_wei)

    def _booked(self, booking: Booking, now: float) -> None:
        outcome, transaction = booking.outcome, booking.outcome.transaction
        realised = self._profit.book(booking, now)
        shape = self._by_key.pop((transaction.block_number, transaction.routes), None) or self._by_hash.get(
            transaction.hash
        )
        if shape is None:
            return  # sent by an earlier life, or told so long ago that nobody shows it
        self._by_hash[transaction.hash] = shape
        shape["hash"] = transaction.hash
        included = outcome.state is State.SOFT
        if included:
            shape["touched"] = booking.touched
            shape["exact"] = outcome.as_predicted
            shape["got"] = self._names.amounts(outcome.gains)
        self._tell(shape, "included" if included else str(outcome.state), realised)

    def _tell(self, shape: dict[str, Any], outcome: str, realised_wei: int | None) -> None:
        shape["outcome"] = outcome
        shape["realised"] = None if realised_wei is None else shapes.eth(realised_wei)
        self._fresh[shape["n"]] = shape

    def _forget(self, shape: dict[str, Any]) -> None:
        """What is shown no more is not to be found any more either."""
        self._by_hash.pop(shape.get("hash", ""), None)
        self._by_key = {key: kept for key, kept in self._by_key.items() if kept is not shape}

    # ---------------------------------------------------------------- what changes slowly

    def _changed_slow_things(self) -> dict[str, Any]:
        moment, now = self.moment, time.monotonic()
        if moment is None or now - self._slow_at < _SLOW_SECONDS:
            return {}
        held = shapes.quarantine(moment.quarantine, self._names, now)
        held |= {"more": max(len(held["pools"]) - _MOST_HELD, 0), "pools": held["pools"][:_MOST_HELD]}
        slow = {
            "latency": shapes.latency(moment.report.latency),
            "lenders": shapes.lenders(moment.lenders, self._names),
            "quarantine": held,
            "nodes": list(moment.nodes),
            "refused": dict(moment.report.refused),
        }
        changed = {name: shape for name, shape in slow.items() if self._slow.get(name) != shape}
        self._slow, self._slow_at = slow, now
        return changed


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
