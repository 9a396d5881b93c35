"""
Whether a database is the journal that is wanted, and what makes it one.
"""

from keeper.errors import JournalError
from keeper.journal.schema import OLDEST_VERSION, SCHEMA_VERSION, STEPS, statements
from keeper.journal.store import Store
from keeper.types import Hash


def bring_up_to_date(store: Store, chain_id: int, genesis_hash: Hash) -> None:
    """
    Make the journal of a chain in an empty database, or bring an older one to this version, one step after another.

    Raises:
        JournalError: It is of another chain, newer than this keeper, or too old.
    """
    wanted = {"chain_id": str(chain_id), "genesis_hash": genesis_hash}
    if not store.has("meta"):
        _create(store, wanted)
    _require(store, wanted)
    while (version := schema_version(store)) < SCHEMA_VERSION:
        _step(store, version)


def require_current(store: Store) -> None:
    """
    Raises:
        JournalError: There is no journal, or a keeper has yet to bring it to this version.
    """
    if not store.has("meta"):
        raise JournalError("there is no journal: no keeper has been started here yet")
    if (version := schema_version(store)) < SCHEMA_VERSION:
        raise JournalError(
            f"the journal is of version {version}, not {SCHEMA_VERSION}: the next keeper that is started brings it up"
        )


def schema_version(store: Store) -> int:
    """
    Raises:
        JournalError: This keeper does not know it.
    """
    told = _meta(store).get("schema", "")
    version = int(told) if told.isdecimal() else 0
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"the journal is of version {version}, and this keeper knows up to {SCHEMA_VERSION}: use the newer keeper"
        )
    if version < OLDEST_VERSION:
        raise JournalError(f"the journal is of version {told or 'unknown'}, which is too old: move it away")
    return version


def _create(store: Store, meta: dict[str, str]) -> None:
    with store.migrating():
        if not store.has("meta"):  # nobody else was faster
            for statement in statements(OLDEST_VERSION, store.words):
                store.query(statement)
            for pair in (meta | {"schema": str(OLDEST_VERSION)}).items():
                store.query("INSERT INTO meta (key, value) VALUES (?, ?)", pair)


def _step(store: Store, version: int) -> None:
    with store.migrating():
        if schema_version(store) != version:
            return  # somebody else was faster
        try:
            for statement in statements(version + 1, store.words):
                store.query(statement)
        except JournalError as error:
            raise JournalError(
                f"the journal stays at version {version}, it cannot be brought to {version + 1}: {error}"
            ) from None
        store.query("UPDATE meta SET value = ? WHERE key = 'schema'", (str(version + 1),))


def _require(store: Store, wanted: dict[str, str]) -> None:
    found = _meta(store)
    for key, value in wanted.items():
        if found.get(key) != value:
            raise JournalError(
                f"the journal's {key} is {found.get(key)}, but {value} is needed: use another state_dir or database"
            )


def _meta(store: Store) -> dict[str, str]:
    return {row["key"]: row["value"] for row in store.query("SELECT key, value FROM meta")}


assert set(STEPS) == set(range(OLDEST_VERSION, SCHEMA_VERSION + 1))
