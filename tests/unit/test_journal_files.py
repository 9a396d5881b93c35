"""
Journals that are old, foreign, damaged, locked or full: each is refused, or brought up to date, in one sentence.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.errors import JournalError
from keeper.journal import SCHEMA_VERSION, Journal, State
from keeper.types import Hash
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR, TRANSACTION

#: Written by the keeper whose schema was version 2: two runs, two decisions, four transactions.
VERSION_2 = Path(__file__).parents[1] / "vectors" / "journal_v2.sql"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def old(path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_2.read_text())
    connection.close()
    return path


def refusal(path: Path) -> str:
    with pytest.raises(JournalError) as caught:
        Journal.open(path, 42161, GENESIS)
    (sentence,) = str(caught.value).splitlines()
    return sentence


def made(path: Path) -> None:
    journal = Journal.open(path, 42161, GENESIS)
    journal.begin_run(OPERATOR, EXECUTOR)
    journal.signed(TRANSACTION)
    journal.close()


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    queries = {
        "runs": "SELECT id, started_at, operator, executor FROM runs",
        "decisions": "SELECT * FROM decisions",
        "transactions": "SELECT id, at, sender, nonce, hash, raw, sibling_of, routes, predicted FROM transactions",
        "steps": "SELECT id, transaction_id, at, detail FROM steps",
    }
    found = {table: connection.execute(f"{query} ORDER BY id").fetchall() for table, query in queries.items()}
    connection.close()
    return found


def test_journal__of_version_2__keeps_every_row(old: Path) -> None:
    before = rows(old)

    journal = Journal.open(old, 42161, GENESIS)

    assert rows(old) == before
    assert {table: len(found) for table, found in before.items()} == {
        "runs": 2,
        "decisions": 2,
        "transactions": 4,
        "steps": 10,
    }
    assert [entry.transaction.nonce for entry in journal.open_entries(OPERATOR)] == [5]
    assert journal.next_nonce(OPERATOR) == 5
    assert [entry.transaction.sibling_of for entry in journal.of_nonce(OPERATOR, 4)] == [None, 2]


def test_journal__of_version_2__is_like_a_new_one_afterwards(old: Path, tmp_path: Path) -> None:
    Journal.open(old, 42161, GENESIS).close()
    made(tmp_path / "new.sqlite")

    def schema(path: Path) -> set[tuple[str, ...]]:
        connection = sqlite3.connect(path)
        found = {(kind, name, " ".join(sql.split())) for kind, name, sql in connection.execute(tables)}
        version = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        connection.close()
        return {*found, version}

    tables = "SELECT type, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    assert schema(old) == schema(tmp_path / "new.sqlite")
    assert (str(SCHEMA_VERSION),) in schema(old)


def test_journal__of_version_2_with_a_nonce_signed_twice__stays_as_it_is(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("UPDATE transactions SET sibling_of = NULL")
    connection.commit()
    connection.close()

    assert "stays at version 2" in refusal(old)

    connection = sqlite3.connect(old)
    assert connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("2",)
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'leaders'").fetchall()
    connection.close()


@pytest.mark.parametrize(
    ("version", "words"), [("99", "use the newer keeper"), ("1", "too old"), ("nonsense", "too old")]
)
def test_journal__of_a_version_that_is_not_known__is_refused(path: Path, version: str, words: str) -> None:
    made(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (version,))
    connection.commit()
    connection.close()

    assert words in refusal(path)


def test_journal__damaged_page__is_refused(path: Path) -> None:
    made(path)
    with path.open("r+b") as file:
        file.seek(4096 + 8)
        file.write(os.urandom(4096))

    assert "is damaged" in refusal(path)


def test_journal__truncated__is_refused(path: Path) -> None:
    made(path)
    os.truncate(path, path.stat().st_size - 4096)

    assert "is damaged" in refusal(path)


def test_journal__log_of_a_killed_writer_is_gone__the_rest_is_sound(path: Path) -> None:
    made(path)
    writer = Journal.open(path, 42161, GENESIS)
    writer.step(1, State.SENT)
    copy = path.with_name("copy.sqlite")
    shutil.copy(path, copy)  # without its -wal, as a careless backup has it
    writer.close()

    (entry,) = Journal.open(copy, 42161, GENESIS).entries()

    assert entry.state is State.SIGNED  # what the log held is lost, and nothing else


def test_journal__locked_by_another_process__is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keeper.journal.sqlite._PATIENCE_SECONDS", 0.05)
    made(path)
    journal = Journal.open(path, 42161, GENESIS)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(JournalError, match=r"journal\.sqlite is locked by another process"):
        journal.step(1, State.SENT)

    other.execute("ROLLBACK")
    journal.step(1, State.SENT)


def test_journal__disk_full__is_told_and_nothing_is_half_written(path: Path) -> None:
    made(path)
    journal = Journal.open(path, 42161, GENESIS)
    pages = journal._store.query("PRAGMA page_count")[0]["page_count"]
    journal._store.query(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(JournalError, match="the disk is full"):
        for _ in range(1_000):
            journal.step(1, State.SENT, reason="x" * 2_000)

    journal._store.query("PRAGMA max_page_count = 1000000")
    steps = journal._store.query("SELECT count(*) AS found FROM steps")[0]["found"]
    journal.step(1, State.DROPPED)
    assert journal._store.query("SELECT count(*) AS found FROM steps")[0]["found"] == steps + 1


@pytest.fixture
def full_disk() -> Iterator[Path]:
    """A file system of one megabyte; only root may mount one."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs to be root to mount a file system that is full")
    folder = Path("/tmp") / f"full-{os.getpid()}"  # noqa: S108
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip("needs the right to mount a file system that is full")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def test_journal__file_system_full__is_told_and_what_was_written_stays(full_disk: Path) -> None:
    made(full_disk / "journal.sqlite")
    journal = Journal.open(full_disk / "journal.sqlite", 42161, GENESIS)

    with pytest.raises(JournalError, match="the disk is full"):
        for _ in range(1_000):
            journal.step(1, State.SENT, reason="x" * 4_000)

    assert len(journal.entries()) == 1
    journal.close()


@pytest.fixture
def not_mine() -> Iterator[Path]:
    """A folder that this process may read and not write: root may write all, so it is somebody else meanwhile."""
    folder = Path("/tmp") / f"read-only-{os.getpid()}"  # noqa: S108
    folder.mkdir()
    made(folder / "journal.sqlite")
    (folder / "journal.sqlite").chmod(0o444)
    folder.chmod(0o555)
    am_root = os.geteuid() == 0
    if am_root:
        os.seteuid(65534)
    yield folder
    if am_root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_journal__read_only__is_told(not_mine: Path) -> None:
    assert "cannot be written: the file or its file system is read-only" in refusal(not_mine / "journal.sqlite")


def test_journal__directory_that_may_not_be_made__is_told(not_mine: Path) -> None:
    assert "cannot be used: Permission denied" in refusal(not_mine / "deeper" / "journal.sqlite")


def test_journal__of_another_chain__says_so(path: Path) -> None:
    made(path)

    with pytest.raises(JournalError, match="use another state_dir or database"):
        Journal.open(path, 1, Hash("0x00"))
