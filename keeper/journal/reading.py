"""
What a report reads of a journal, while a keeper may be writing to it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from keeper.errors import JournalError
from keeper.journal.migration import require_current
from keeper.journal.postgres import PostgresStore
from keeper.journal.records import Amounts, PlannedRoute, State
from keeper.journal.rows import to_amounts, to_routes
from keeper.journal.sqlite import SqliteStore
from keeper.journal.store import Store
from keeper.types import Address, Hash

#: A report may take its time.
_PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class Life:
    """
    A transaction and all that is known of it.

    Attributes:
        at: When it was signed, in Unix seconds; since its fate is known, when that was.
        detail: What its steps tell, without those before its block left the chain.
        worths: What its gains were worth when it was included, in wei by token; None if nobody wrote that down.
    """

    hash: Hash
    sender: Address
    nonce: int
    routes: tuple[PlannedRoute, ...]
    predicted_profit_wei: int
    at: float
    worths: Amounts | None
    state: State = State.SIGNED
    detail: dict[str, Any] = field(default_factory=dict)

    def take(self, state: State, at: float, detail: Mapping[str, Any]) -> None:
        """Take the next step."""
        if state is State.REORGED:
            self.detail = {}
        elif "gas_wei" not in self.detail:
            self.at = at
        self.state = state
        self.detail |= detail


class JournalReader:
    """
    Reads, and changes nothing.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    @contextmanager
    def open(cls, where: Path | str) -> Iterator[Self]:
        """
        Open a journal's file, or the database that a URL names, as of one moment.

        Raises:
            JournalError: There is none, or it is not of this version.
        """
        if isinstance(where, Path):
            if not where.exists():
                raise JournalError(f"there is no journal {where}")
            store: Store = SqliteStore.open(where, read_only=True)
        else:
            store = PostgresStore.connect(where, _PATIENCE_SECONDS, read_only=True)
        try:
            with store.snapshot():
                require_current(store)
                yield cls(store)
        finally:
            store.close()

    def lives(self, since: float) -> list[Life]:
        """Every transaction that was signed since a moment, oldest first."""
        rows = self._store.query(
            "SELECT t.id, t.hash, t.sender, t.nonce, t.routes, t.predicted_profit_wei, t.at, v.worths"
            " FROM transactions t LEFT JOIN valuations v"
            " ON v.id = (SELECT max(id) FROM valuations WHERE transaction_id = t.id) WHERE t.at >= ? ORDER BY t.id",
            (since,),
        )
        lives = {
            row["id"]: Life(
                Hash(row["hash"]),
                Address(row["sender"]),
                row["nonce"],
                to_routes(row["routes"]),
                int(row["predicted_profit_wei"]),
                row["at"],
                None if row["worths"] is None else to_amounts(row["worths"]),
            )
            for row in rows
        }
        steps = self._store.query(
            "SELECT s.transaction_id, s.at, s.state, s.detail FROM steps s"
            " JOIN transactions t ON t.id = s.transaction_id WHERE t.at >= ? ORDER BY s.id",
            (since,),
        )
        for step in steps:
            lives[step["transaction_id"]].take(State(step["state"]), step["at"], json.loads(step["detail"]))
        return list(lives.values())

    def outcomes(self, since: float) -> Counter[str]:
        """How many decisions came to what, since a moment."""
        rows = self._store.query(
            "SELECT outcome, count(*) AS times FROM decisions WHERE at >= ? GROUP BY outcome", (since,)
        )
        return Counter({row["outcome"]: row["times"] for row in rows})

    def dexes(self) -> dict[Address, str]:
        """The DEX of each pool that was ever part of a decision."""
        return {Address(row["address"]): row["dex"] for row in self._store.query("SELECT address, dex FROM pools")}
