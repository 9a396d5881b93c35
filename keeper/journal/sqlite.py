"""
A journal in a file: SQLite with a write-ahead log, written by one process on the same machine.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Self

from keeper.errors import JournalError
from keeper.journal.rows import Row

#: How long a write waits for somebody else's.
_PATIENCE_SECONDS = 5.0

#: SQLite's words for what is wrong, by the beginning of the error's name, and what to do about it.
_SENTENCES = {
    "SQLITE_BUSY": "is locked by another process: close whatever has it open",
    "SQLITE_LOCKED": "is locked by another process: close whatever has it open",
    "SQLITE_READONLY": "cannot be written: the file or its file system is read-only",
    "SQLITE_FULL": "cannot be written: the disk is full",
    "SQLITE_CORRUPT": "is damaged: restore it from a backup or move it away",
    "SQLITE_NOTADB": "is damaged, or no journal at all: restore it from a backup or move it away",
    "SQLITE_CANTOPEN": "cannot be opened: it or its directory is missing, or may not be used",
    "SQLITE_CONSTRAINT": "cannot be written: that transaction is in it already, or its nonce was signed by another",
    "SQLITE_IOERR": "cannot be read or written: the disk fails, or took it away",
}


class SqliteStore:
    """
    Follows ``Store``.
    """

    words: Mapping[str, str] = MappingProxyType(
        {"id": "INTEGER PRIMARY KEY", "integer": "INTEGER", "real": "REAL", "bytes": "BLOB", "strict": " STRICT"}
    )

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        """
        Args:
            name: What the file is called in sentences.
        """
        self._db = connection
        self._name = name
        self._synced: bool | None = None

    @classmethod
    def open(cls, path: Path, read_only: bool = False) -> Self:
        """
        Open the file, or create it where it may be written.

        Raises:
            JournalError: It cannot be opened, or is no sound database.
        """
        try:
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}",
                uri=True,
                isolation_level=None,
                timeout=_PATIENCE_SECONDS,
            )
        except (sqlite3.Error, OSError) as error:
            raise _refusal(path.name, error) from None
        store = cls(connection, path.name)
        try:
            store._make_ready(read_only)
        except JournalError:
            connection.close()
            raise
        return store

    def query(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise _refusal(self._name, error) from None

    @contextmanager
    def writing(self, synced: bool = True) -> Iterator[None]:
        if synced is not self._synced:
            self.query(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
            self._synced = synced
        self.query("BEGIN IMMEDIATE")
        try:
            yield
            self.query("COMMIT")
        except BaseException:
            self._undo()
            raise

    @contextmanager
    def migrating(self) -> Iterator[None]:
        with self.writing():
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        self.query("BEGIN")
        try:
            yield
        finally:
            self._undo()

    def has(self, table: str) -> bool:
        return bool(self.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    def close(self) -> None:
        self._db.close()

    def _make_ready(self, read_only: bool) -> None:
        self._db.row_factory = sqlite3.Row
        if not read_only:
            self.query("PRAGMA journal_mode = WAL")
            self.query("PRAGMA foreign_keys = ON")
        if [row["quick_check"] for row in self.query("PRAGMA quick_check")] != ["ok"]:
            raise JournalError(f"journal {self._name} is damaged: restore it from a backup or move it away")

    def _undo(self) -> None:
        """SQLite undoes some failed transactions by itself; what cannot be undone now is when the file is opened."""
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error:
                self._db.close()


def _refusal(name: str, error: Exception) -> JournalError:
    kind = getattr(error, "sqlite_errorname", "")
    for beginning, sentence in _SENTENCES.items():
        if kind.startswith(beginning):
            return JournalError(f"journal {name} {sentence}")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return JournalError(f"journal {name} cannot be used: {reason}")
