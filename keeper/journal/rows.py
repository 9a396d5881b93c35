"""
Records as rows, and back. Amounts are text: they are beyond what JSON and databases hold exactly.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from keeper.journal.records import Amounts, Decision, Entry, PlannedRoute, SignedTransaction, State
from keeper.types import Address, Hash

#: A row by column name; both databases' rows are.
Row = Mapping[str, Any]

_OF_ROUTE = tuple(field.name for field in fields(PlannedRoute))


def decision_columns(decision: Decision) -> dict[str, object]:
    return {
        "block_number": decision.block_number,
        "routes": routes_text(decision.routes),
        **{name: amounts_text(getattr(decision, name)) for name in ("gains", "loan_fees", "profits")},
        **{name: str(getattr(decision, name)) for name in ("worth_wei", "l2_wei", "l1_wei", "bid_wei")},
        "profit_wei": str(decision.profit_wei),
        "outcome": decision.outcome,
    }


def transaction_columns(transaction: SignedTransaction) -> dict[str, object]:
    return {
        **{name: getattr(transaction, name) for name in ("sender", "nonce", "hash", "raw", "sibling_of")},
        **{name: getattr(transaction, name) for name in ("block_number", "deadline", "gas_limit")},
        "routes": routes_text(transaction.routes),
        "predicted": amounts_text(transaction.predicted),
        **{name: str(getattr(transaction, name)) for name in ("predicted_profit_wei", "max_fee_wei", "bid_wei")},
    }


def detail_text(detail: Mapping[str, Any]) -> str:
    return json.dumps(
        {key: str(value) if type(value) is int and value >= 1 << 53 else value for key, value in detail.items()}
    )


def routes_text(routes: Iterable[PlannedRoute]) -> str:
    return json.dumps(
        [
            {name: str(value) if type(value := getattr(route, name)) is int else value for name in _OF_ROUTE}
            for route in routes
        ]
    )


def amounts_text(amounts: Amounts) -> str:
    return json.dumps([[token, str(amount)] for token, amount in amounts])


def to_routes(text: str) -> tuple[PlannedRoute, ...]:
    return tuple(_to_route(route) for route in json.loads(text))


def to_amounts(text: str) -> Amounts:
    return tuple((Address(token), int(amount)) for token, amount in json.loads(text))


def to_entry(row: Row) -> Entry:
    transaction = SignedTransaction(
        sender=Address(row["sender"]),
        nonce=row["nonce"],
        hash=Hash(row["hash"]),
        raw=bytes(row["raw"]),
        block_number=row["block_number"],
        deadline=row["deadline"],
        routes=to_routes(row["routes"]),
        predicted=to_amounts(row["predicted"]),
        gas_limit=row["gas_limit"],
        sibling_of=row["sibling_of"],
        predicted_profit_wei=int(row["predicted_profit_wei"]),
        max_fee_wei=int(row["max_fee_wei"]),
        bid_wei=int(row["bid_wei"]),
    )
    return Entry(row["id"], row["run_id"], transaction, State(row["state"]), json.loads(row["detail"]))


def _to_route(fields: Mapping[str, Any]) -> PlannedRoute:
    amounts = {name: int(fields[name]) for name in ("amount_in", "gain", "min_gain")}
    return PlannedRoute(tuple(fields["pools"]), Address(fields["token"]), fields["funding"], **amounts)
