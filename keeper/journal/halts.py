"""
What halted any of the keepers that share a journal, until a person arms them again.

One row of ``meta`` for each reason. Whoever takes over from a halted leader finds them, whichever machine he is on.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from keeper.config import Settings
from keeper.journal.postgres import PostgresStore
from keeper.journal.sqlite import SqliteStore
from keeper.journal.store import Store

#: Their keys begin with it; a breaker's name follows.
_PREFIX = "halted:"

#: The key of a row that a person writes.
_FLAG = "halt"


class Halts:
    """
    The halts in a journal.
    """

    def __init__(self, store: Store, writing: Callable[[], AbstractContextManager[None]] | None = None) -> None:
        """
        Args:
            writing: The transaction in which one is written down, where not everybody may.
        """
        self._store = store
        self._writing = writing or store.writing

    def found(self) -> tuple[dict[str, str], str | None]:
        """
        Return why nothing may be sent, a sentence by name, and what a person wrote into the row ``halt``, if one did.

        Raises:
            JournalError: The journal cannot be read.
        """
        statement = "SELECT key, value FROM meta WHERE key = ? OR substr(key, 1, ?) = ?"
        rows = self._store.query(statement, (_FLAG, len(_PREFIX), _PREFIX))
        meta = {str(row["key"]): str(row["value"]) for row in rows}
        return {name: reason for name, reason in halts_in(meta).items() if name != _FLAG}, meta.get(_FLAG)

    def latched(self) -> dict[str, str]:
        """Return the first part of ``found``."""
        return self.found()[0]

    def flag(self) -> str | None:
        """Return the second part of ``found``."""
        return self.found()[1]

    def latch(self, name: str, reason: str) -> None:
        """
        Have a halt on disk when this returns.

        Raises:
            JournalError: It cannot be written.
            LeaderError: Another keeper leads.
        """
        value = json.dumps({"at": time.time(), "reason": reason})
        with self._writing():
            self._store.query(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (_PREFIX + name, value)
            )

    def forget(self) -> None:
        """
        Let whoever starts next send again. For a person who has read why; anybody may, leader or not.

        Raises:
            JournalError: It cannot be written.
        """
        with self._store.writing():
            for name in self.latched():
                self._store.query("DELETE FROM meta WHERE key = ?", (_PREFIX + name,))


def halts_in(meta: Mapping[str, str]) -> dict[str, str]:
    """
    Return what of a journal's ``meta`` halts keepers, the row of a person's included: a sentence by name.
    """
    return {key: value for key, value in meta.items() if key == _FLAG} | {
        key.removeprefix(_PREFIX): _reason(value) for key, value in meta.items() if key.startswith(_PREFIX)
    }


@contextmanager
def open_halts(settings: Settings) -> Iterator[Halts | None]:
    """
    Yield the halts in the journal that the settings name, or None where there is no journal yet.

    Raises:
        JournalError: It cannot be opened.
    """
    store: Store
    if settings.journal_url is not None:
        url = settings.journal_url.get_secret_value()
        store = PostgresStore.connect(url, settings.journal_lease_seconds)
    else:
        path = settings.state_dir / "journal.sqlite"
        if not path.exists():
            yield None
            return
        store = SqliteStore.open(path)
    try:
        yield Halts(store) if store.has("meta") else None
    finally:
        store.close()


def _reason(value: str) -> str:
    """A record that cannot be understood halts all the same."""
    try:
        return str(json.loads(value)["reason"])
    except (ValueError, KeyError, TypeError):
        return "no reason is recorded"
