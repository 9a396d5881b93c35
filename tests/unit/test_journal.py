import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.errors import JournalError
from keeper.journal import Decision, Journal, PlannedRoute, SignedTransaction, State
from keeper.journal.sqlite import SqliteStore
from keeper.types import Address, Hash

GENESIS = Hash("0x" + "00" * 31 + "01")
OPERATOR = Address("0x" + "0a" * 20)
EXECUTOR = Address("0x" + "0b" * 20)
TOKEN = Address("0x" + "01" * 20)
TRANSACTION = SignedTransaction(
    sender=OPERATOR,
    nonce=3,
    hash=Hash("0x" + "11" * 32),
    raw=b"\x02\x01",
    block_number=100,
    deadline=2_000,
    routes=(PlannedRoute((Address("0x" + "aa" * 20),), TOKEN, "none", 10**24, 10**20, 10**19),),
    predicted=((TOKEN, 10**20),),
    predicted_profit_wei=10**18,
    gas_limit=300_000,
    max_fee_wei=40_000_000,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Journal:
    journal = Journal.open(path, 42161, GENESIS)
    journal.begin_run(OPERATOR, EXECUTOR)
    return journal


def test_journal__signed__is_on_disk_before_it_returns(journal: Journal, path: Path) -> None:
    journal.signed(TRANSACTION)

    (entry,) = Journal.open(path, 42161, GENESIS).open_entries(OPERATOR)
    assert entry.transaction == TRANSACTION
    assert entry.state is State.SIGNED


def test_journal__steps__last_one_is_the_state(journal: Journal) -> None:
    entry_id = journal.signed(TRANSACTION)
    journal.step(entry_id, State.SENT)
    journal.step(entry_id, State.SOFT, block_number=101, gain=10**20)

    assert journal.open_entries(OPERATOR) == []
    (entry,) = journal.entries()
    assert entry.state is State.SOFT
    assert entry.detail == {"block_number": 101, "gain": str(10**20)}
    assert journal.next_nonce(OPERATOR) == 4


def test_journal__same_bytes_twice__is_refused(journal: Journal) -> None:
    journal.signed(TRANSACTION)

    with pytest.raises(JournalError, match="cannot be written"):
        journal.signed(TRANSACTION)
    assert len(journal.entries()) == 1


def test_journal__sibling__is_found_by_nonce(journal: Journal) -> None:
    first = journal.signed(TRANSACTION)
    journal.signed(replace(TRANSACTION, hash=Hash("0x" + "22" * 32), sibling_of=first))

    assert [entry.transaction.sibling_of for entry in journal.of_nonce(OPERATOR, 3)] == [None, first]


def test_journal__of_another_chain__is_refused(journal: Journal, path: Path) -> None:
    with pytest.raises(JournalError, match="genesis_hash"):
        Journal.open(path, 42161, Hash("0x" + "ff" * 32))
    with pytest.raises(JournalError, match="chain_id"):
        Journal.open(path, 1, GENESIS)


def test_journal__damaged__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, certainly not one of ours" * 100)

    with pytest.raises(JournalError, match="is damaged"):
        Journal.open(path, 42161, GENESIS)


def test_journal__decision__is_recorded(journal: Journal, path: Path) -> None:
    gains, fees, left = ((TOKEN, 10**20),), ((TOKEN, 5),), ((TOKEN, 10**19),)
    journal.decided(Decision(100, TRANSACTION.routes, gains, fees, 10**18, 4, 3, 2, left, 10**17, "dry run"))

    row = sqlite3.connect(path).execute("SELECT * FROM decisions").fetchone()[4:]
    told = [json.dumps([[TOKEN, str(amount)]]) for amount in (10**20, 5, 10**19)]
    assert json.loads(row[0])[0]["gain"] == str(10**20)
    assert row[1:] == (told[0], told[1], str(10**18), "4", "3", "2", told[2], str(10**17), "dry run")


def test_journal__runs__entries_are_told_apart(journal: Journal) -> None:
    journal.signed(TRANSACTION)
    second = journal.begin_run(OPERATOR, EXECUTOR)
    journal.signed(replace(TRANSACTION, nonce=4, hash=Hash("0x" + "22" * 32)))

    assert [entry.transaction.nonce for entry in journal.entries(second)] == [4]
    assert [entry.transaction.nonce for entry in journal.entries()] == [3, 4]


def test_journal__what_may_leave__is_synced_and_what_is_only_told_is_not(journal: Journal, path: Path) -> None:
    said: list[str] = []
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.set_trace_callback(said.append)
    journal = Journal(SqliteStore(connection, path.name))
    journal.begin_run(OPERATOR, EXECUTOR)

    def synced() -> bool:
        assert "COMMIT" in said
        said.clear()
        return bool(connection.execute("PRAGMA synchronous").fetchone()[0] == 2)

    journal.decided(Decision(100, TRANSACTION.routes, (), (), 1, 1, 1, 1, (), 1, "sent"))
    assert not synced()
    entry_id = journal.signed(TRANSACTION)
    assert synced()
    journal.step(entry_id, State.SENT)
    assert not synced()
    journal.step(entry_id, State.SOFT)
    assert synced()
