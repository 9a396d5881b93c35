"""
The journal itself, whichever database holds it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from keeper.config import Settings
from keeper.errors import ConfigError, JournalError
from keeper.journal.halts import Halts
from keeper.journal.leader import Leadership
from keeper.journal.migration import bring_up_to_date
from keeper.journal.postgres import PostgresStore
from keeper.journal.records import IN_BLOCK, OPEN, Decision, Entry, SignedTransaction, State
from keeper.journal.rows import amounts_text, decision_columns, detail_text, to_entry, transaction_columns
from keeper.journal.sqlite import SqliteStore
from keeper.journal.store import Store
from keeper.types import Address, Hash


def open_journal(settings: Settings, chain_id: int, genesis_hash: Hash) -> "Journal":
    """
    Return the journal that the settings name; see ``Journal.open`` and ``Journal.connect``.

    Raises:
        ConfigError: A leader's transactions would outlive its lease.
    """
    if settings.journal_url is None:
        return Journal.open(settings.state_dir / "journal.sqlite", chain_id, genesis_hash)
    if settings.journal_lease_seconds < settings.deadline_seconds:
        raise ConfigError(
            f"journal_lease_seconds is {settings.journal_lease_seconds:g}, and may not be below deadline_seconds, which"
            f" is {settings.deadline_seconds}"
        )
    url = settings.journal_url.get_secret_value()
    return Journal.connect(url, chain_id, genesis_hash, settings.journal_lease_seconds)


_SELECT_ENTRIES = """
SELECT t.*, s.state, s.detail FROM transactions t
JOIN steps s ON s.id = (SELECT max(id) FROM steps WHERE transaction_id = t.id) WHERE """


class Journal:
    """
    Written by one process at a time: one per file, and on PostgreSQL one per sender, its leader.

    Attributes:
        halts: What halted it, or any other keeper that shares it.
    """

    def __init__(self, store: Store, leadership: Leadership | None = None) -> None:
        """
        Args:
            leadership: Who may write, where there may be several; None where nobody else can.
        """
        self._store = store
        self._leadership = leadership
        self.halts = Halts(store, self._writing)
        self._run_id = 0
        #: Is told how long each writing took, in seconds.
        self.listener: Callable[[float], None] | None = None
        self._pools: set[Address] = set()

    @classmethod
    def open(cls, path: Path, chain_id: int, genesis_hash: Hash) -> Self:
        """
        Open or create the journal of a chain in a file.

        Raises:
            JournalError: The file is of another chain, of a version that this keeper does not know, damaged, or cannot
                be written.
        """
        store = SqliteStore.open(path)
        try:
            bring_up_to_date(store, chain_id, genesis_hash)
        except JournalError:
            store.close()
            raise
        return cls(store)

    @classmethod
    def connect(cls, url: str, chain_id: int, genesis_hash: Hash, lease_seconds: float) -> Self:
        """
        Open or create the journal of a chain on PostgreSQL. Nothing is written to it before ``lead`` is true.

        Args:
            lease_seconds: See ``Leadership``.

        Raises:
            JournalError: As ``open``, or the server is out of reach.
        """
        store = PostgresStore.connect(url, lease_seconds)
        try:
            bring_up_to_date(store, chain_id, genesis_hash)
        except JournalError:
            store.close()
            raise
        return cls(store, Leadership(url, f"{chain_id} {genesis_hash}", lease_seconds))

    def close(self) -> None:
        """Let go of everything; another keeper may lead at once."""
        if self._leadership is not None:
            self._leadership.resign()
        self._store.close()

    # ---------------------------------------------------------------- who may write

    def lead(self, *senders: Address) -> bool:
        """
        Stand for the leadership of operator keys, and return whether this process has it. It answers at once: a standby
        asks again and again.
        """
        return self._leadership is None or self._leadership.stand_for(senders)

    def require_lead(self) -> None:
        """
        Nothing may be sent unless this has just returned.

        Raises:
            LeaderError: Another process leads, or may.
        """
        if self._leadership is not None:
            self._leadership.require()

    # ---------------------------------------------------------------- what is written

    def begin_run(self, operator: Address, executor: Address) -> int:
        """Start a run; what follows belongs to it."""
        with self._writing():
            columns = {"started_at": time.time(), "operator": operator, "executor": executor}
            self._run_id = self._insert("runs", columns)
        return self._run_id

    def decided(self, decision: Decision) -> None:
        """Record an opportunity and what became of it; it is on disk with the next transaction that is signed."""
        with self._writing(synced=False):
            self._insert("decisions", self._now | decision_columns(decision))

    def signed(self, transaction: SignedTransaction) -> int:
        """
        Write a transaction down, on disk when this returns, and return its id. Only then may it be sent, if
        ``require_lead`` still allows it.
        """
        columns = self._now | transaction_columns(transaction) | {"epoch": self._epoch(transaction.sender)}
        with self._writing():
            entry_id = self._insert("transactions", columns)
            self._step(entry_id, State.SIGNED, {})
        return entry_id

    def step(self, entry_id: int, state: State, **detail: Any) -> None:
        """
        Record that a transaction is now in *state*; integers in *detail* beyond 53 bits are kept as strings.

        That it was sent is on disk with whatever is written next: until then it is looked for all the same.
        """
        with self._writing(synced=state is not State.SENT):
            self._step(entry_id, state, detail)

    def valued(self, transaction_hash: Hash, worths: Mapping[Address, int]) -> None:
        """
        Record what a transaction's gains were worth when it was included, in wei by token; a report adds these up.
        """
        found = self._store.query("SELECT id FROM transactions WHERE hash = ?", (transaction_hash,))
        with self._writing(synced=False):
            for row in found:
                columns = {"transaction_id": row["id"], "at": time.time(), "worths": amounts_text((*worths.items(),))}
                self._insert("valuations", columns)

    def met(self, dexes: Mapping[Address, str]) -> None:
        """
        Record which DEX each pool is of, where that is not known yet; a report groups by it.
        """
        if unknown := dexes.keys() - self._pools:
            with self._writing(synced=False):
                for pool in sorted(unknown):
                    self._store.query(
                        "INSERT INTO pools (address, dex) VALUES (?, ?) ON CONFLICT DO NOTHING", (pool, dexes[pool])
                    )
            self._pools |= unknown

    # ---------------------------------------------------------------- what is read

    def open_entries(self, sender: Address | None = None) -> list[Entry]:
        """Every transaction whose fate is not known, by nonce; of *sender* only, if one is given."""
        states = ", ".join("?" * len(OPEN))
        own, values = ("t.sender = ? AND ", (sender,)) if sender is not None else ("", ())
        return self._entries(f"{own}s.state IN ({states}) ORDER BY t.nonce, t.id", (*values, *OPEN))

    def entries(self, run_id: int | None = None) -> list[Entry]:
        """Every transaction with its last step, of one run or of all, oldest first."""
        if run_id is None:
            return self._entries("true ORDER BY t.id", ())
        return self._entries("t.run_id = ? ORDER BY t.id", (run_id,))

    def settled(self, count: int) -> list[Entry]:
        """So many of the last transactions that are in a block, oldest first."""
        states = ", ".join("?" * len(IN_BLOCK))
        return self._entries(f"s.state IN ({states}) ORDER BY t.id DESC LIMIT ?", (*IN_BLOCK, count))[::-1]

    def of_nonce(self, sender: Address, nonce: int) -> list[Entry]:
        """Every transaction that was signed for a nonce, oldest first."""
        return self._entries("t.sender = ? AND t.nonce = ? ORDER BY t.id", (sender, nonce))

    def next_nonce(self, sender: Address) -> int | None:
        """The nonce after the highest one that was used on chain according to the journal, or None if none was."""
        states = ", ".join("?" * len(IN_BLOCK))
        used = self._entries(
            f"t.sender = ? AND s.state IN ({states}) ORDER BY t.nonce DESC LIMIT 1", (sender, *IN_BLOCK)
        )
        return used[0].transaction.nonce + 1 if used else None

    def _entries(self, condition: str, values: tuple[object, ...]) -> list[Entry]:
        return [to_entry(row) for row in self._store.query(_SELECT_ENTRIES + condition, values)]

    # ---------------------------------------------------------------- rows

    @property
    def _now(self) -> dict[str, object]:
        return {"run_id": self._run_id, "at": time.time()}

    def _epoch(self, sender: Address) -> int:
        return 0 if self._leadership is None else self._leadership.epoch(sender)

    @contextmanager
    def _writing(self, synced: bool = True) -> Iterator[None]:
        began = time.perf_counter()
        with self._store.writing(synced):
            if self._leadership is not None:
                self._leadership.fence(self._store)
            yield
        if self.listener is not None:
            self.listener(time.perf_counter() - began)

    def _step(self, entry_id: int, state: State, detail: Mapping[str, Any]) -> None:
        columns = {"transaction_id": entry_id, "at": time.time(), "state": state, "detail": detail_text(detail)}
        self._insert("steps", columns)

    def _insert(self, table: str, columns: Mapping[str, object]) -> int:
        """Add a row and return its id; names are our own."""
        (row,) = self._store.query(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) RETURNING id",  # noqa: S608
            tuple(columns.values()),
        )
        return int(row["id"])
