"""
The keeper's values as the page gets them: names for addresses, ETH for wei, percentiles for lists of seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from keeper.journal import Amounts
from keeper.lenders import Lender
from keeper.market import Market, Quarantine
from keeper.monitor.report import Decided, Latency, Report
from keeper.monitor.table import shown
from keeper.redaction import redact
from keeper.types import Address, Token

#: Percentiles are of so many of the last blocks.
_RECENT = 256

_COUNTED = (
    *("sent", "included", "reverted", "dropped", "lost_money", "lost_untouched"),
    *("untouched", "untouched_exact", "touched"),
)


@dataclass(frozen=True, slots=True)
class Names:
    """
    What people call the chain's tokens.
    """

    tokens: Mapping[Address, Token]

    def token(self, address: Address) -> str:
        """Return its symbol; of one that nobody named, the ends of its address."""
        token = self.tokens.get(address)
        return token.symbol if token is not None else short(address)

    def amount(self, token: Address, amount: int) -> str:
        """Return it as people write it, with the symbol; in smallest units where the decimals are not known."""
        known = self.tokens.get(token)
        return f"{shown(amount, known.decimals)} {known.symbol}" if known else f"{amount} units of {short(token)}"

    def amounts(self, amounts: Amounts) -> list[str]:
        """Return each of them so."""
        return [self.amount(token, amount) for token, amount in amounts]


def short(address: str) -> str:
    """
    Return the ends of an address.

    >>> short("0x912ce59144191c1204e64559fe8253a0e49e6548")
    '0x912c..6548'
    """
    return f"{address[:6]}..{address[-4:]}"


def eth(wei: int) -> float:
    """Return it in ETH, as near as a float comes: for people, not for books."""
    return wei / 1e18


def decision(number: int, at: float, decided: Decided, market: Market, names: Names) -> dict[str, Any]:
    """
    Return what was considered and what became of it so far.
    """
    made = decided.decision
    kind, _, detail = made.outcome.partition(":")
    return {
        "n": number,
        "at": round(at, 3),
        "block": made.block_number,
        "outcome": kind,
        "why": redact(detail.strip()),
        "predicted": eth(decided.predicted_wei),
        "simulated": eth(made.profit_wei),
        "realised": None,
        "worth": eth(made.worth_wei),
        "l2": eth(made.l2_wei),
        "l1": eth(made.l1_wei),
        "bid": eth(made.bid_wei),
        "gains": names.amounts(made.gains),
        "fees": [names.amount(token, fee) for token, fee in made.loan_fees if fee],
        "routes": [
            {
                "lender": route.funding,
                "in": names.amount(route.token, route.amount_in),
                "gain": names.amount(route.token, route.gain),
                "tokens": [names.token(token) for token in path],
                "pools": [_pool(address, market) for address in route.pools],
            }
            for route, path in zip(made.routes, decided.paths, strict=True)
        ],
    }


def _pool(address: Address, market: Market) -> dict[str, Any]:
    info = market.infos.get(address)
    name, fee = (info.dex, info.fee_pips) if info is not None else ("", 0)
    return {"address": address, "dex": name, "fee": fee / 1e4}


def totals(report: Report, market: Market, in_flight: int) -> dict[str, Any]:
    """
    Return the run's numbers.
    """
    cache = market.counts
    return {
        **{name: report.transactions[name] for name in _COUNTED},
        "blocks": report.blocks,
        "events": report.events,
        "cycles": report.cycles_searched,
        "opportunities": report.opportunities,
        "reorgs": report.reorgs,
        "in_flight": in_flight,
        "pools": len(market),
        "stale": len(market.stale),
        "hit_rate": cache.hit_rate,
        "pools_read": cache.read,
        "profit": eth(report.net_profit_wei),
        "gas": eth(report.gas_wei),
        "expected": {name.removesuffix("_wei"): eth(report.expected[name]) for name in sorted(report.expected)},
    }


def latency(measured: Latency) -> dict[str, list[float]]:
    """
    Return median and 99th percentile of each stage's last blocks, in milliseconds.
    """
    return {
        stage: [_percentile(ordered, 0.5), _percentile(ordered, 0.99)]
        for stage, seconds in measured.recent(_RECENT).items()
        if (ordered := sorted(seconds))
    }


def _percentile(ordered: Sequence[float], share: float) -> float:
    return round(1e3 * ordered[max(ceil(share * len(ordered)) - 1, 0)], 3)


def lenders(known: Iterable[Lender], names: Names) -> list[dict[str, Any]]:
    """
    Return what each lender takes, in percent, and what it has of the tokens whose decimals are known.
    """
    return [
        {
            "name": lender.name,
            "fee": lender.fee_wad / 1e16,
            "has": {
                token.symbol: amount / 10**token.decimals
                for address, amount in lender.available.items()
                if (token := names.tokens.get(address)) is not None
            },
        }
        for lender in known
    ]


def quarantine(held: Quarantine, names: Names, now: float) -> dict[str, Any]:
    """
    Return what is held, why, and for how many seconds yet.

    Args:
        now: By the clock that it was held by.
    """
    return {
        "pools": [
            {
                "address": pool.info.address,
                "dex": pool.info.dex,
                "tokens": [names.token(token) for token in pool.info.tokens],
                "reason": pool.reason,
                "seconds": max(round(pool.until - now), 0),
            }
            for pool in held.pools.values()
        ],
        "tokens": [{"token": names.token(token), "reason": reason} for token, reason in held.tokens.items()],
        "counts": dict(held.counts),
    }
