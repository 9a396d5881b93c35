"""
Profit and loss, added up from the journal: by day, route, DEX and lender, and why what was not sent was not.

Every wei is in each of the four once, so that their sums are the same.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from keeper.journal import PlannedRoute, State
from keeper.journal.reading import Life
from keeper.types import Address, Token

#: States of what is in a block and succeeded, and of all that is in a block: its gas is paid.
_SUCCEEDED = frozenset({State.SOFT, State.FINAL})
_PAID = _SUCCEEDED | {State.REVERTED}

#: What a transaction without a route is for: to use up a nonce.
_NO_TRADE = PlannedRoute((), Address(""), "no trade", 0, 0, 0)


@dataclass(slots=True)
class Line:
    """
    A sum over transactions, or over parts of them.

    Attributes:
        worth_wei: Of the gains, when they were made.
        gas_wei: What was paid for gas, by failures too.
        wins: Transactions with this in them that brought more than they cost.
        losses: That did not, or failed.
    """

    worth_wei: int = 0
    gas_wei: int = 0
    wins: int = 0
    losses: int = 0

    @property
    def profit_wei(self) -> int:
        return self.worth_wei - self.gas_wei

    def as_json(self) -> dict[str, int]:
        return asdict(self) | {"profit_wei": self.profit_wei}


@dataclass(slots=True)
class Ledger:
    """
    Attributes:
        days: By UTC date of the outcome.
        routes: By token and pools.
        dexes: By name; each hop of a route has an equal part of the route's.
        lenders: By name; ``none`` needs no loan.
        gains: What the treasury received, in smallest units by token symbol.
        states: How many transactions are in which state; what succeeded is ``included``, final or not.
        unvalued: Transactions in a block whose gains nobody valued: a keeper was killed right then. Their gains count
            as nothing in ETH.
        why_not: How many decisions did not come to a transaction, by reason, and the words most often seen with each.
    """

    total: Line = field(default_factory=Line)
    days: dict[str, Line] = field(default_factory=dict)
    routes: dict[tuple[Address, ...], Line] = field(default_factory=dict)
    dexes: dict[str, Line] = field(default_factory=dict)
    lenders: dict[str, Line] = field(default_factory=dict)
    gains: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    decided: int = 0
    unvalued: int = 0
    why_not: Counter[str] = field(default_factory=Counter)
    words: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; amounts in smallest units are integers."""
        return {
            "total": self.total.as_json(),
            "days": {day: line.as_json() for day, line in sorted(self.days.items())},
            "routes": [
                {"token": key[0], "pools": list(key[1:]), **line.as_json()} for key, line in _best_first(self.routes)
            ],
            "dexes": {name: line.as_json() for name, line in _best_first(self.dexes)},
            "lenders": {name: line.as_json() for name, line in _best_first(self.lenders)},
            "gains": dict(sorted(self.gains.items())),
            "transactions": dict(sorted(self.states.items())),
            "unvalued": self.unvalued,
            "decisions": self.decided,
            "why_not": [
                {"reason": reason, "times": times, "words": self.words.get(reason, "")}
                for reason, times in self.why_not.most_common()
            ],
        }


def add_up(
    lives: Iterable[Life], outcomes: Mapping[str, int], dexes: Mapping[Address, str], tokens: Mapping[Address, Token]
) -> Ledger:
    """
    Return the sums of what a journal tells.

    Args:
        outcomes: How many decisions came to what.
        dexes: Of each pool.
        tokens: Those that have a symbol.
    """
    ledger = Ledger()
    for life in lives:
        ledger.states["included" if life.state in _SUCCEEDED else str(life.state)] += 1
        if life.state in _PAID:
            _add(ledger, life, dexes, tokens)
    most: Counter[str] = Counter()
    for outcome, times in sorted(outcomes.items()):
        ledger.decided += times
        reason, _, words = outcome.partition(": ")
        if reason != "sent":
            ledger.why_not[reason] += times
            if words and times > most[reason]:
                most[reason], ledger.words[reason] = times, words
    return ledger


def split(total: int, weights: Sequence[int]) -> list[int]:
    """
    Return *total* in parts that are as the weights, whole numbers whose sum it is.

    >>> split(-10, [1, 1, 1])
    [-4, -3, -3]
    """
    whole, parts, told, weighed = sum(weights), [], 0, 0
    for weight in weights:
        weighed += weight
        until = total * weighed // whole
        parts.append(until - told)
        told = until
    return parts


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a transaction came of one of its routes."""

    route: PlannedRoute
    worth_wei: int
    gas_wei: int


def _add(ledger: Ledger, life: Life, dexes: Mapping[Address, str], tokens: Mapping[Address, Token]) -> None:
    gas_wei = int(life.detail["gas_wei"])
    succeeded = life.state in _SUCCEEDED
    worths = dict(life.worths or ()) if succeeded else {}
    ledger.unvalued += succeeded and life.worths is None
    won = succeeded and sum(worths.values()) > gas_wei
    if succeeded:
        for token, gain in life.detail.get("gains", {}).items():
            known = tokens.get(Address(token))
            ledger.gains[known.symbol if known else token] += int(gain)
    _count([ledger.total], sum(worths.values()), gas_wei, won)
    day = datetime.fromtimestamp(life.at, UTC).date().isoformat()
    _count([ledger.days.setdefault(day, Line())], sum(worths.values()), gas_wei, won)
    met: list[tuple[dict[Any, Line], Any, int, int]] = []
    for part in _parts(life.routes, worths, gas_wei):
        route = part.route
        met.append((ledger.routes, (route.token, *route.pools), part.worth_wei, part.gas_wei))
        met.append((ledger.lenders, route.funding, part.worth_wei, part.gas_wei))
        if not route.pools:
            met.append((ledger.dexes, route.funding, part.worth_wei, part.gas_wei))
        equal = [1] * len(route.pools)
        hops = zip(route.pools, split(part.worth_wei, equal), split(part.gas_wei, equal), strict=True)
        met += [(ledger.dexes, dexes.get(pool, "unknown"), worth, gas) for pool, worth, gas in hops]
    counted: set[tuple[int, Any]] = set()
    for lines, key, worth_wei, part_wei in met:
        line = lines.setdefault(key, Line())
        line.worth_wei += worth_wei
        line.gas_wei += part_wei
        if (id(lines), key) not in counted:  # a transaction wins or loses once, wherever it is met
            counted.add((id(lines), key))
            line.wins += won
            line.losses += not won


def _count(lines: Iterable[Line], worth_wei: int, gas_wei: int, won: bool) -> None:
    for line in lines:
        line.worth_wei += worth_wei
        line.gas_wei += gas_wei
        line.wins += won
        line.losses += not won


def _parts(routes: Sequence[PlannedRoute], worths: Mapping[Address, int], gas_wei: int) -> Iterator[_Part]:
    """Gas by hops; the worth of a token's gains by what each route was to gain of it."""
    if not routes:
        yield _Part(_NO_TRADE, sum(worths.values()), gas_wei)
        return
    worth_of = [0] * len(routes)
    for token, worth_wei in worths.items():
        indices = [index for index, route in enumerate(routes) if route.token == token] or list(range(len(routes)))
        weights = [max(routes[index].gain, 0) for index in indices]
        for index, part in zip(indices, split(worth_wei, weights if any(weights) else [1] * len(indices)), strict=True):
            worth_of[index] += part
    gases = split(gas_wei, [len(route.pools) for route in routes])
    yield from map(_Part, routes, worth_of, gases)


def _best_first(lines: Mapping[Any, Line]) -> list[tuple[Any, Line]]:
    return sorted(lines.items(), key=lambda item: (-item[1].profit_wei, str(item[0])))
