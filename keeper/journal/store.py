"""
What a database must be able to do to hold a journal.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from keeper.journal.rows import Row


class Store(Protocol):
    """
    One connection to a database. Statements have ``?`` for their values; every failure is a JournalError, in one
    sentence.

    Attributes:
        words: What the database calls the types of the schema.
    """

    @property
    def words(self) -> Mapping[str, str]: ...

    def query(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Execute a statement and return its rows."""
        ...

    def writing(self, synced: bool = True) -> AbstractContextManager[None]:
        """
        A transaction of the database, undone by an exception. Killing the process loses nothing of it once the block is
        left; where it need not be *synced*, a loss of power may, until the next one that is.
        """
        ...

    def migrating(self) -> AbstractContextManager[None]:
        """A transaction in which nobody else makes or changes tables."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """A transaction that only reads, everything as of one moment."""
        ...

    def has(self, table: str) -> bool: ...

    def close(self) -> None: ...
