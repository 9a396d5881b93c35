"""
The append-only record of every decision and outcome.

Rows are only ever added: a transaction's row is written (and synced to disk) before its first byte leaves, and each
step of its life is a row of its own. What a transaction is now is its last step.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeAlias

from keeper.errors import JournalError
from keeper.types import Address, Hash

SCHEMA_VERSION = 2

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, started_at REAL NOT NULL, operator TEXT NOT NULL, executor TEXT NOT NULL
) STRICT;
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs, at REAL NOT NULL, block_number INTEGER NOT NULL,
    routes TEXT NOT NULL, gains TEXT NOT NULL, loan_fees TEXT NOT NULL, worth_wei TEXT NOT NULL, l2_wei TEXT NOT NULL,
    l1_wei TEXT NOT NULL, bid_wei TEXT NOT NULL, profits TEXT NOT NULL, profit_wei TEXT NOT NULL, outcome TEXT NOT NULL
) STRICT;
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs, at REAL NOT NULL, sender TEXT NOT NULL,
    nonce INTEGER NOT NULL, hash TEXT NOT NULL UNIQUE, raw BLOB NOT NULL, sibling_of INTEGER REFERENCES transactions,
    block_number INTEGER NOT NULL, deadline INTEGER NOT NULL, routes TEXT NOT NULL, predicted TEXT NOT NULL,
    predicted_profit_wei TEXT NOT NULL, gas_limit INTEGER NOT NULL, max_fee_wei TEXT NOT NULL
) STRICT;
CREATE TABLE steps (
    id INTEGER PRIMARY KEY, transaction_id INTEGER NOT NULL REFERENCES transactions, at REAL NOT NULL,
    state TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX steps_by_transaction ON steps (transaction_id, id);
CREATE INDEX transactions_by_nonce ON transactions (sender, nonce);
"""

_SELECT_ENTRIES = """
SELECT t.*, s.state, s.detail,
    (SELECT detail FROM steps WHERE transaction_id = t.id ORDER BY id LIMIT 1) AS signing
FROM transactions t
JOIN steps s ON s.id = (SELECT max(id) FROM steps WHERE transaction_id = t.id) WHERE """


class State(StrEnum):
    """
    Where a transaction is in its life.
    """

    SIGNED = "signed"  # written down; perhaps not a byte has left
    SENT = "sent"  # a node took it
    INCLUDED = "included"  # in a block, succeeded
    REVERTED = "reverted"  # in a block, failed: its gas is paid
    DROPPED = "dropped"  # can no longer be included: its nonce was used by another, or never will be
    REORGED = "reorged"  # its block left the chain: it is looked for again


#: States that a transaction may still leave by itself.
OPEN = (State.SIGNED, State.SENT, State.REORGED)


@dataclass(frozen=True, slots=True)
class PlannedRoute:
    """
    A route of a transaction, amounts in smallest units of its token.

    Attributes:
        gain: What it gains beyond what it is lent, before any loan fee.
        min_gain: What the executor was told to insist on.
    """

    pools: tuple[Address, ...]
    token: Address
    funding: str
    amount_in: int
    gain: int
    min_gain: int


#: Amounts of tokens, in smallest units.
Amounts: TypeAlias = tuple[tuple[Address, int], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What was worth trying, and what became of it.

    Attributes:
        gains: After the lenders' fees.
        worth_wei: Of the gains.
        l2_wei: What its gas costs at the base fee.
        l1_wei: What posting its bytes costs.
        bid_wei: What its gas pays beyond the base fee.
        profits: What is left of each gain after its part of the costs.
        profit_wei: The same in ETH.
        outcome: ``sent``, or why it was not.
    """

    block_number: int
    routes: tuple[PlannedRoute, ...]
    gains: Amounts
    loan_fees: Amounts
    worth_wei: int
    l2_wei: int
    l1_wei: int
    bid_wei: int
    profits: Amounts
    profit_wei: int
    outcome: str


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """
    A transaction as it was signed, with what was expected of it.

    Attributes:
        block_number: The block that it was planned on.
        deadline: Unix second after which the executor refuses it.
        predicted: What the treasury is to receive.
        sibling_of: The journal id of another transaction with the same nonce, of which at most one can be included.
        bid_wei: What its gas was to pay beyond the base fee.
    """

    sender: Address
    nonce: int
    hash: Hash
    raw: bytes
    block_number: int
    deadline: int
    routes: tuple[PlannedRoute, ...]
    predicted: Amounts
    predicted_profit_wei: int
    gas_limit: int
    max_fee_wei: int
    sibling_of: int | None = None
    bid_wei: int = 0

    @property
    def pools(self) -> tuple[Address, ...]:
        """Each pool once, in the order in which they are met."""
        return tuple(dict.fromkeys(pool for route in self.routes for pool in route.pools))


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction in the journal with its last step."""

    id: int
    run_id: int
    transaction: SignedTransaction
    state: State
    detail: Mapping[str, Any]


class Journal:
    """
    One SQLite file, written by one process.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._run_id = 0

    @classmethod
    def open(cls, path: Path, chain_id: int, genesis_hash: Hash) -> Self:
        """
        Open or create the journal of a chain.

        Raises:
            JournalError: The file is of another chain, another version, damaged, or cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, isolation_level=None, timeout=5)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            journal = cls(connection)
            journal._prepare(chain_id, genesis_hash)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"journal {path.name} cannot be used: {error}") from None
        return journal

    def close(self) -> None:
        self._db.close()

    def begin_run(self, operator: Address, executor: Address) -> int:
        """Start a run; what follows belongs to it."""
        with self._writing():
            cursor = self._db.execute(
                "INSERT INTO runs (started_at, operator, executor) VALUES (?, ?, ?)", (time.time(), operator, executor)
            )
        self._run_id = cursor.lastrowid or 0
        return self._run_id

    def decided(self, decision: Decision) -> None:
        """Record an opportunity and what became of it; it is on disk with the next transaction that is signed."""
        with self._writing(synced=False):
            self._insert(
                "decisions",
                {
                    "run_id": self._run_id,
                    "at": time.time(),
                    "block_number": decision.block_number,
                    "routes": _routes_text(decision.routes),
                    **{name: _amounts_text(getattr(decision, name)) for name in ("gains", "loan_fees", "profits")},
                    **{name: str(getattr(decision, name)) for name in ("worth_wei", "l2_wei", "l1_wei", "bid_wei")},
                    "profit_wei": str(decision.profit_wei),
                    "outcome": decision.outcome,
                },
            )

    def signed(self, transaction: SignedTransaction) -> int:
        """
        Write a transaction down, on disk when this returns, and return its id. Only then may it be sent.
        """
        columns = {
            "run_id": self._run_id,
            "at": time.time(),
            **{name: getattr(transaction, name) for name in ("sender", "nonce", "hash", "raw", "sibling_of")},
            **{name: getattr(transaction, name) for name in ("block_number", "deadline", "gas_limit")},
            "routes": _routes_text(transaction.routes),
            "predicted": _amounts_text(transaction.predicted),
            **{name: str(getattr(transaction, name)) for name in ("predicted_profit_wei", "max_fee_wei")},
        }
        with self._writing():
            entry_id = self._insert("transactions", columns)
            self._step(entry_id, State.SIGNED, {"bid_wei": str(transaction.bid_wei)})
        return entry_id

    def step(self, entry_id: int, state: State, **detail: Any) -> None:
        """
        Record that a transaction is now in *state*; integers in *detail* beyond 53 bits are kept as strings.

        That it was sent is on disk with whatever is written next: until then it is looked for all the same.
        """
        with self._writing(synced=state is not State.SENT):
            self._step(entry_id, state, detail)

    def open_entries(self, sender: Address) -> list[Entry]:
        """Every transaction of *sender* whose fate is not known, by nonce."""
        states = ", ".join("?" * len(OPEN))
        return self._entries(f"t.sender = ? AND s.state IN ({states}) ORDER BY t.nonce, t.id", (sender, *OPEN))

    def entries(self, run_id: int | None = None) -> list[Entry]:
        """Every transaction with its last step, of one run or of all, oldest first."""
        return self._entries("? IS NULL OR t.run_id = ? ORDER BY t.id", (run_id, run_id))

    def settled(self, count: int) -> list[Entry]:
        """So many of the last transactions that are in a block, oldest first."""
        in_a_block = (State.INCLUDED, State.REVERTED)
        return self._entries("s.state IN (?, ?) ORDER BY t.id DESC LIMIT ?", (*in_a_block, count))[::-1]

    def of_nonce(self, sender: Address, nonce: int) -> list[Entry]:
        """Every transaction that was signed for a nonce, oldest first."""
        return self._entries("t.sender = ? AND t.nonce = ? ORDER BY t.id", (sender, nonce))

    def next_nonce(self, sender: Address) -> int | None:
        """The nonce after the highest one that was used on chain according to the journal, or None if none was."""
        used = self._entries(
            "t.sender = ? AND s.state IN (?, ?) ORDER BY t.nonce DESC LIMIT 1", (sender, State.INCLUDED, State.REVERTED)
        )
        return used[0].transaction.nonce + 1 if used else None

    def _entries(self, condition: str, values: tuple[object, ...]) -> list[Entry]:
        rows = self._db.execute(_SELECT_ENTRIES + condition, values)
        return [_to_entry(row) for row in rows]

    def _prepare(self, chain_id: int, genesis_hash: Hash) -> None:
        if self._db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise JournalError("the journal is damaged: restore it from a backup or move it away")
        mine = {"schema": str(SCHEMA_VERSION), "chain_id": str(chain_id), "genesis_hash": genesis_hash}
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            with self._writing():
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    self._db.execute(statement)
                self._db.executemany("INSERT INTO meta VALUES (?, ?)", mine.items())
            return
        found = dict(tuple(row) for row in self._db.execute("SELECT key, value FROM meta"))
        for key, value in mine.items():
            if found.get(key) != value:
                raise JournalError(
                    f"the journal's {key} is {found.get(key)}, but {value} is needed: use another state_dir"
                )

    def _insert(self, table: str, columns: Mapping[str, object]) -> int:
        """Add a row and return its id; names are our own."""
        cursor = self._db.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
            tuple(columns.values()),
        )
        return cursor.lastrowid or 0

    def _step(self, entry_id: int, state: State, detail: Mapping[str, Any]) -> None:
        exact = {key: str(value) if type(value) is int and value >= 1 << 53 else value for key, value in detail.items()}
        self._db.execute(
            "INSERT INTO steps (transaction_id, at, state, detail) VALUES (?, ?, ?, ?)",
            (entry_id, time.time(), state, json.dumps(exact)),
        )

    @contextmanager
    def _writing(self, synced: bool = True) -> Iterator[None]:
        """
        A transaction of the database. Killing the process loses nothing of it; where it need not be *synced*, a loss of
        power does, until the next one that is.
        """
        try:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise JournalError(f"the journal cannot be written: {error}") from None


def _routes_text(routes: Iterable[PlannedRoute]) -> str:
    """Routes as JSON, amounts as strings: they are beyond what JSON's numbers hold exactly."""
    return json.dumps(
        [
            {name: str(value) if type(value) is int else value for name, value in asdict(route).items()}
            for route in routes
        ]
    )


def _to_route(fields: Mapping[str, Any]) -> PlannedRoute:
    amounts = {name: int(fields[name]) for name in ("amount_in", "gain", "min_gain")}
    return PlannedRoute(tuple(fields["pools"]), Address(fields["token"]), fields["funding"], **amounts)


def _amounts_text(amounts: Amounts) -> str:
    return json.dumps([[token, str(amount)] for token, amount in amounts])


def _to_entry(row: sqlite3.Row) -> Entry:
    transaction = SignedTransaction(
        sender=Address(row["sender"]),
        nonce=row["nonce"],
        hash=Hash(row["hash"]),
        raw=row["raw"],
        block_number=row["block_number"],
        deadline=row["deadline"],
        routes=tuple(_to_route(route) for route in json.loads(row["routes"])),
        predicted=tuple((Address(token), int(amount)) for token, amount in json.loads(row["predicted"])),
        gas_limit=row["gas_limit"],
        sibling_of=row["sibling_of"],
        predicted_profit_wei=int(row["predicted_profit_wei"]),
        max_fee_wei=int(row["max_fee_wei"]),
        bid_wei=int(json.loads(row["signing"]).get("bid_wei", 0)),
    )
    return Entry(row["id"], row["run_id"], transaction, State(row["state"]), json.loads(row["detail"]))
