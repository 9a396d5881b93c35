"""
A look at a journal from outside, which changes nothing.
"""

from keeper.config import Settings
from keeper.journal.migration import schema_version
from keeper.journal.postgres import PostgresStore
from keeper.journal.sqlite import SqliteStore
from keeper.journal.store import Store


def inspect_journal(settings: Settings) -> dict[str, str] | None:
    """
    Return what the journal that the settings name says of itself: ``chain_id``, ``genesis_hash`` and ``schema``; None
    where there is none yet.

    Raises:
        JournalError: It cannot be opened, is damaged, or of a version that this keeper does not know.
    """
    store: Store
    if settings.journal_url is None:
        path = settings.state_dir / "journal.sqlite"
        if not path.exists():
            return None
        store = SqliteStore.open(path, read_only=True)
    else:
        url = settings.journal_url.get_secret_value()
        store = PostgresStore.connect(url, settings.journal_lease_seconds, read_only=True)
    try:
        if not store.has("meta"):
            return None
        schema_version(store)
        return {row["key"]: row["value"] for row in store.query("SELECT key, value FROM meta")}
    finally:
        store.close()
