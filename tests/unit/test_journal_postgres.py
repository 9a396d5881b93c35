"""
The journal on PostgreSQL, and who may write to it.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import structlog

from keeper.config import Settings
from keeper.errors import ConfigError, JournalError, JournalOutOfReach, KeeperError, LeaderError
from keeper.journal import SCHEMA_VERSION, Decision, Journal, State, open_journal
from keeper.journal.leader import Leadership
from keeper.journal.migration import bring_up_to_date
from keeper.journal.postgres import PostgresStore
from keeper.redaction import redact
from keeper.types import Address, Hash
from tests.postgres import Server, server
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR, TOKEN, TRANSACTION

#: Short ones, for a leader's end is waited for; long enough for a busy machine.
LEASE_SECONDS = 2.0

OTHER = Address("0x" + "0d" * 20)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as found:
        yield found


names = itertools.count()


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.create(f"journal{next(names)}")


@pytest.fixture
def connect(url: str) -> Iterator[Callable[[], Journal]]:
    opened: list[Journal] = []

    def connect() -> Journal:
        opened.append(Journal.connect(url, 42161, GENESIS, LEASE_SECONDS))
        return opened[-1]

    yield connect
    for journal in opened:
        journal.close()


def leading(journal: Journal, sender: Address = OPERATOR) -> Journal:
    deadline = time.monotonic() + 60
    pause = threading.Event()
    while not journal.lead(sender):
        assert time.monotonic() < deadline
        pause.wait(0.01)
    journal.begin_run(sender, EXECUTOR)
    return journal


@pytest.fixture
def journal(connect: Callable[[], Journal]) -> Journal:
    return leading(connect())


# -------------------------------------------------------------------- as on SQLite


def test_journal__signed__is_read_by_another(journal: Journal, connect: Callable[[], Journal]) -> None:
    journal.signed(TRANSACTION)

    (entry,) = connect().open_entries(OPERATOR)

    assert entry.transaction == TRANSACTION
    assert entry.state is State.SIGNED


def test_journal__steps_decisions_and_what_reports_need__are_kept(journal: Journal, url: str) -> None:
    entry_id = journal.signed(TRANSACTION)
    journal.step(entry_id, State.SENT)
    journal.step(entry_id, State.REVERTED, block_number=101, gas_wei=1 << 60)
    journal.decided(Decision(100, TRANSACTION.routes, ((TOKEN, 1),), (), 10**30, 4, 3, 2, (), 10**17, "dry run"))
    journal.valued(TRANSACTION.hash, {TOKEN: 10**30})
    journal.met({TOKEN: "a"})
    journal.met({TOKEN: "a", OTHER: "b"})

    (entry,) = journal.entries()
    assert entry.detail == {"block_number": 101, "gas_wei": str(1 << 60)}
    assert journal.open_entries(OPERATOR) == []
    assert journal.next_nonce(OPERATOR) == 4
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT worth_wei, outcome FROM decisions").fetchall() == [(str(10**30), "dry run")]
        assert connection.execute("SELECT worths FROM valuations").fetchall() == [(f'[["{TOKEN}", "{10**30}"]]',)]
        assert connection.execute("SELECT dex FROM pools ORDER BY dex").fetchall() == [("a",), ("b",)]
        assert connection.execute("SELECT epoch FROM transactions").fetchall() == [(1,)]


def test_journal__same_nonce_twice__is_refused_unless_a_sibling(journal: Journal) -> None:
    first = journal.signed(TRANSACTION)
    second = replace(TRANSACTION, hash=Hash("0x" + "22" * 32))

    with pytest.raises(JournalError, match="its nonce was signed by another"):
        journal.signed(second)

    sibling = journal.signed(replace(second, sibling_of=first))
    with pytest.raises(JournalError, match="its nonce was signed by another"):
        journal.signed(replace(second, hash=Hash("0x" + "33" * 32), sibling_of=first))
    assert [entry.id for entry in journal.of_nonce(OPERATOR, 3)] == [first, sibling]


def test_journal__of_another_chain__is_refused(journal: Journal, url: str) -> None:
    with pytest.raises(JournalError, match="genesis_hash"):
        Journal.connect(url, 42161, Hash("0xff"), LEASE_SECONDS)


def test_journal__opened_by_many_at_once__is_made_once(url: str) -> None:
    failures: list[Exception] = []

    def made() -> None:
        try:
            Journal.connect(url, 42161, GENESIS, 30.0).close()
        except KeeperError as error:
            failures.append(error)

    threads = [threading.Thread(target=made) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == (str(SCHEMA_VERSION),)


def test_journal__writes_that_need_not_be_synced__are_not(url: str) -> None:
    store = PostgresStore.connect(url, 5.0)
    with store.writing(synced=False):
        assert store.query("SHOW synchronous_commit")[0]["synchronous_commit"] == "off"
    with store.writing():
        assert store.query("SHOW synchronous_commit")[0]["synchronous_commit"] == "on"
    store.close()


def test_journal__server_that_would_lose_it__is_refused(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER ROLE keeper SET synchronous_commit = off")
    try:
        with pytest.raises(JournalError, match="has synchronous_commit off"):
            PostgresStore.connect(url, 5.0)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER ROLE keeper RESET synchronous_commit")


def test_journal__server_ends_the_session__is_one_sentence(journal: Journal, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'flashkeeper' AND datname = current_database()"
        )

    with pytest.raises(KeeperError) as caught:
        journal.signed(TRANSACTION)
    assert len(str(caught.value).splitlines()) == 1


def sessions(url: str) -> int:
    with psycopg.connect(url) as connection:
        counted = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flashkeeper' AND datname = %s"
        ((count,),) = connection.execute(counted, (connection.info.dbname,)).fetchall()
    return int(count)


def test_journal__stood_still_within_a_transaction__its_server_is_out_of_reach(url: str) -> None:
    store = PostgresStore.connect(url, 0.5)
    deadline, pause = time.monotonic() + 60, threading.Event()

    # What halts is what is wrong with the journal; here the server only let go of whoever did not ask.
    with pytest.raises(JournalOutOfReach, match="out of reach"), store.writing():
        while sessions(url):
            assert time.monotonic() < deadline
            pause.wait(0.05)
        store.query("SELECT 1")


def test_journal__session_is_ended__its_server_is_out_of_reach(url: str) -> None:
    store = PostgresStore.connect(url, 5.0)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'flashkeeper'"
        )

    for _ in range(2):
        with pytest.raises(JournalOutOfReach):
            store.query("SELECT 1")


@pytest.mark.parametrize(
    ("url_of", "words"),
    [
        ("postgresql://keeper:hidden@127.0.0.1:9/x", "out of reach"),
        ("postgresql://keeper:hidden@127.0.0.1:PORT/missing", 'database "missing" does not exist'),
        ("postgresql://keeper:hidden@[nonsense", "is not a PostgreSQL URL"),
        ("postgresql://keeper:hidden@127.0.0.1:port/x", "is not a PostgreSQL URL|out of reach|refuses"),
    ],
)
def test_journal__cannot_be_reached__is_one_sentence_without_the_password(
    postgres: Server, url_of: str, words: str, tmp_path: Path
) -> None:
    url = url_of.replace("PORT", str(postgres.port))
    settings = Settings(rpc_url="http://127.0.0.1:9", journal_url=url, state_dir=tmp_path)  # type: ignore[arg-type]

    with pytest.raises((JournalError, ConfigError), match=words) as caught:
        open_journal(settings, 42161, GENESIS)

    assert len(str(caught.value).splitlines()) == 1
    assert "hidden" not in str(caught.value) + repr(settings) + redact(f"journal at {url_of}")


def test_open_journal__lease_shorter_than_a_transaction_is_good__is_refused(url: str) -> None:
    settings = Settings(
        rpc_url="http://127.0.0.1:9",  # type: ignore[arg-type]
        journal_url=url,  # type: ignore[arg-type]
        journal_lease_seconds=2.0,
        deadline_seconds=4,
    )

    with pytest.raises(ConfigError, match="may not be below deadline_seconds, which is 4"):
        open_journal(settings, 42161, GENESIS)


# -------------------------------------------------------------------- who may write


def test_leader__second_one__stands_by_and_may_not_write(journal: Journal, connect: Callable[[], Journal]) -> None:
    standby = connect()

    assert not standby.lead(OPERATOR)
    with pytest.raises(LeaderError, match="stands by"):
        standby.begin_run(OPERATOR, EXECUTOR)
    with pytest.raises(LeaderError, match="does not lead"):
        standby.signed(TRANSACTION)
    with pytest.raises(LeaderError, match="stands by"):
        standby.require_lead()
    journal.require_lead()


def test_leader__resigns__the_next_one_leads_at_once(journal: Journal, connect: Callable[[], Journal]) -> None:
    standby = connect()
    standby.lead(OPERATOR)
    began = time.monotonic()
    journal.close()

    leading(standby)

    assert time.monotonic() - began < LEASE_SECONDS
    assert standby.signed(TRANSACTION) > 0


def test_leader__of_another_key__leads_beside(journal: Journal, connect: Callable[[], Journal]) -> None:
    other = leading(connect(), OTHER)

    other.signed(replace(TRANSACTION, sender=OTHER))
    journal.signed(replace(TRANSACTION, hash=Hash("0x" + "22" * 32)))
    with pytest.raises(LeaderError, match="does not lead"):
        other.signed(replace(TRANSACTION, nonce=9))


def test_leader__of_several_keys__has_all_or_none(journal: Journal, connect: Callable[[], Journal]) -> None:
    both = connect()
    assert not both.lead(OPERATOR, OTHER)

    leading(connect(), OTHER).close()  # it was left for others meanwhile
    journal.close()

    deadline = time.monotonic() + 60
    while not both.lead(OPERATOR, OTHER):
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    both.begin_run(OPERATOR, EXECUTOR)
    both.signed(TRANSACTION)
    both.signed(replace(TRANSACTION, sender=OTHER, hash=Hash("0x" + "22" * 32)))


def test_leader__another_one_took_over__nothing_of_the_old_one_is_written(journal: Journal, url: str) -> None:
    entry_id = journal.signed(TRANSACTION)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE leaders SET epoch = epoch + 1, holder = 'elsewhere:1'")

    for write in (
        lambda: journal.signed(replace(TRANSACTION, nonce=4, hash=Hash("0x" + "22" * 32))),
        lambda: journal.step(entry_id, State.DROPPED),
        journal.require_lead,
    ):
        with pytest.raises(LeaderError, match="elsewhere:1 does"):
            write()
    assert [entry.state for entry in journal.entries()] == [State.SIGNED]


def test_leader__another_takes_over_while_it_writes__one_waits_for_the_other(journal: Journal, url: str) -> None:
    store = PostgresStore.connect(url, 10.0)
    leadership = journal._leadership
    assert leadership is not None
    taken = threading.Event()

    def take_over() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE leaders SET epoch = epoch + 1")
        taken.set()

    thread = threading.Thread(target=take_over)
    with store.writing():
        leadership.fence(store)
        thread.start()
        assert not taken.wait(0.3)  # the epoch stays until what was begun under it is written
    thread.join()
    assert taken.is_set()
    store.close()


def test_leader__session_ends__next_one_waits_for_the_lease(journal: Journal, connect: Callable[[], Journal]) -> None:
    leadership = journal._leadership
    assert leadership is not None
    standby = connect()
    standby.lead(OPERATOR)
    held_until = leadership._held_until
    with psycopg.connect(leadership._url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    leading(standby)

    assert leadership._clock() > held_until
    with pytest.raises(LeaderError):
        journal.require_lead()
    with pytest.raises(LeaderError):
        journal.signed(TRANSACTION)
    assert standby.signed(TRANSACTION) > 0


def test_leader__lease_ran_out__nothing_is_sent_whatever_the_server_says(url: str) -> None:
    store = PostgresStore.connect(url, 5.0)
    bring_up_to_date(store, 42161, GENESIS)
    now = [1_000.0]
    leadership = Leadership(url, "a chain", 60.0, clock=lambda: now[0])
    while not leadership.stand_for((OPERATOR,)):
        threading.Event().wait(0.01)
    leadership.require()

    now[0] += 60.0

    with pytest.raises(LeaderError, match="lease .* ran out"):
        leadership.require()
    with store.writing(), pytest.raises(LeaderError, match="lease .* ran out"):
        leadership.fence(store)
    leadership.resign()
    store.close()


@contextmanager
def watched_standby() -> Iterator[threading.Event]:
    """An event that is set when a standby tells that something disturbed it."""
    disturbed = threading.Event()

    def see(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
        if event["event"] == "standby_disturbed":
            disturbed.set()
        return event

    before = structlog.get_config()["processors"]
    structlog.configure(processors=[see, *before])
    yield disturbed
    structlog.configure(processors=before)


def test_leader__server_was_away__the_standby_comes_back(url: str, connect: Callable[[], Journal]) -> None:
    journal = connect()
    base, _, name = url.rpartition("/")

    def allow(whether: str) -> None:
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {whether}")  # type: ignore[call-overload]

    allow("false")
    with watched_standby() as disturbed:
        assert not journal.lead(OPERATOR)
        assert disturbed.wait(30)
    allow("true")

    leading(journal)
