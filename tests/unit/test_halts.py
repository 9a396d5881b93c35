"""
A halt holds for every keeper that shares the journal, on whichever machine, until a person arms it again.
"""

import itertools
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from click.testing import CliRunner

from keeper.__main__ import cli
from keeper.config import Settings
from keeper.errors import ConfigError
from keeper.execution.operation import OperatingState, Operation
from keeper.journal import open_journal
from keeper.journal.halts import open_halts
from tests.postgres import Server, server
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR

REASON = "a loss of 0.02 ETH within an hour"

names = itertools.count()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as found:
        yield found


@pytest.fixture
def logs_restored() -> Iterator[None]:
    """A command chooses where its log goes."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


class Machine:
    """One of several, with a state directory of its own."""

    def __init__(self, directory: Path, url: str | None) -> None:
        directory.mkdir(exist_ok=True)
        self.settings = Settings(rpc_url="http://127.0.0.1:9", state_dir=directory, journal_url=url)  # type: ignore[arg-type]
        self.operation = Operation(directory)
        self.journal = open_journal(self.settings, 42161, GENESIS)

    def lead(self) -> None:
        """Do what a keeper does before it goes live."""
        deadline, pause = time.monotonic() + 60, threading.Event()
        while not self.journal.lead(OPERATOR):
            assert time.monotonic() < deadline
            pause.wait(0.01)
        self.journal.begin_run(OPERATOR, EXECUTOR)
        self.operation.lead(self.journal.halts)
        self.operation.begin()


@pytest.fixture
def machines(tmp_path: Path, postgres: Server) -> Iterator[tuple[Machine, Machine]]:
    url = postgres.create(f"halts{next(names)}")
    both = Machine(tmp_path / "left", url), Machine(tmp_path / "right", url)
    yield both
    for machine in both:
        machine.journal.close()


def test_halt__leader_ends__whoever_takes_over_is_halted(machines: tuple[Machine, Machine]) -> None:
    leader, standby = machines
    leader.lead()
    assert not standby.journal.lead(OPERATOR)
    leader.operation.halt(REASON, "loss_hour")
    leader.journal.close()

    standby.lead()

    assert standby.operation.state is OperatingState.HALTED
    assert standby.operation.reasons == {"loss_hour": REASON}
    assert not standby.operation.may_send


def test_halt__leader_lives__the_standby_is_halted_at_its_next_look(machines: tuple[Machine, Machine]) -> None:
    leader, standby = machines
    leader.lead()
    leader.operation.halt(REASON, "loss_hour")

    standby.operation.look_elsewhere(standby.journal.halts)

    assert standby.operation.state is OperatingState.HALTED
    # It is for the journal to remember: whoever arms it need not know of every machine.
    assert Operation(standby.settings.state_dir).reasons == {}


def test_rearm__on_one_machine__all_that_start_then_are_live(machines: tuple[Machine, Machine]) -> None:
    leader, standby = machines
    leader.lead()
    leader.operation.halt(REASON, "loss_hour")
    leader.journal.close()
    with open_halts(leader.settings) as halts:
        Operation(leader.settings.state_dir).rearm(halts)

    standby.lead()

    assert standby.operation.state is OperatingState.LIVE
    assert Operation(leader.settings.state_dir).reasons == {}


def test_halt__of_a_standby__is_its_own(machines: tuple[Machine, Machine]) -> None:
    leader, standby = machines
    leader.lead()

    standby.operation.halt("its disk is full", "disk")

    leader.operation.look_elsewhere(leader.journal.halts)
    assert leader.operation.state is OperatingState.LIVE


def test_halt__leader_has_lost_the_lead__holds_for_himself(machines: tuple[Machine, Machine]) -> None:
    leader, standby = machines
    leader.lead()
    with psycopg.connect(str(leader.settings.journal_url.get_secret_value()), autocommit=True) as connection:  # type: ignore[union-attr]
        connection.execute("UPDATE leaders SET epoch = epoch + 1, holder = 'elsewhere:1'")

    leader.operation.halt(REASON, "loss_hour")

    assert leader.operation.state is OperatingState.HALTED
    assert Operation(leader.settings.state_dir).reasons == {"loss_hour": REASON}
    assert standby.journal.halts.latched() == {}


@pytest.fixture
def alone(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path, None)
    machine.lead()
    return machine


def another_life(machine: Machine) -> Machine:
    machine.journal.close()
    later = Machine(machine.settings.state_dir, None)
    later.lead()
    return later


def test_halt__file_of_the_state_directory_is_lost__the_journal_has_it(alone: Machine) -> None:
    alone.operation.halt(REASON, "loss_hour")
    (alone.settings.state_dir / "HALTED").unlink()

    later = another_life(alone)

    assert later.operation.state is OperatingState.HALTED
    assert later.operation.reasons == {"loss_hour": REASON}


def test_halt__journal_does_not_take_it__is_written_down_later(alone: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    path = alone.settings.state_dir / "journal.sqlite"
    ((pages,),) = alone.journal._store.query("PRAGMA page_count")
    alone.journal._store.query(f"PRAGMA max_page_count = {pages}")
    alone.operation.halt("x" * 50_000, "disk")
    assert alone.operation.state is OperatingState.HALTED
    assert alone.journal.halts.latched() == {}
    alone.journal._store.query("PRAGMA max_page_count = 100000")  # somebody made room

    monkeypatch.setattr("keeper.execution.operation._AGAIN_SECONDS", 0.0)
    alone.operation.look()

    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT key FROM meta WHERE key LIKE 'halted:%'").fetchall() == [("halted:disk",)]
    connection.close()


def test_halt__arisen_before_the_journal_is_led__is_in_it_afterwards(tmp_path: Path) -> None:
    machine = Machine(tmp_path, None)
    machine.operation.halt(REASON, "loss_hour")

    machine.lead()

    assert machine.journal.halts.latched() == {"loss_hour": REASON}


def flagged(machine: Machine, reason: str) -> None:
    with machine.journal._store.writing():
        machine.journal._store.query("INSERT INTO meta (key, value) VALUES ('halt', ?)", (reason,))


def test_flag__is_there_at_the_start__nobody_goes_live(tmp_path: Path) -> None:
    machine = Machine(tmp_path, None)
    flagged(machine, "the treasury moves house")

    machine.lead()

    assert machine.operation.reasons == {"journal_flag": "the journal's halt flag is set: the treasury moves house"}
    with pytest.raises(ConfigError, match="halt flag is still set"):
        machine.operation.rearm(machine.journal.halts)
    assert machine.operation.state is OperatingState.HALTED


def test_record__cannot_be_understood__halts_all_the_same(alone: Machine) -> None:
    with alone.journal._store.writing():
        alone.journal._store.query("INSERT INTO meta (key, value) VALUES ('halted:books', 'nonsense')")

    assert another_life(alone).operation.reasons == {"books": "no reason is recorded"}


@pytest.mark.usefixtures("logs_restored")
def test_rearm_command__forgets_what_file_and_journal_have(alone: Machine) -> None:
    alone.operation.halt(REASON, "loss_hour")
    alone.journal.halts.latch("books", "they do not agree")
    alone.journal.close()
    asked = ["rearm", "--state-dir", str(alone.settings.state_dir)]

    done, again = CliRunner().invoke(cli, asked), CliRunner().invoke(cli, asked)

    assert (done.exit_code, again.exit_code) == (0, 0)
    assert f"forgotten: loss_hour: {REASON}" in done.output
    assert "forgotten: books: they do not agree" in done.output
    assert "the keeper is not halted" in again.output
    assert another_life(alone).operation.state is OperatingState.LIVE


def test_open_halts__no_journal_yet__there_are_none(tmp_path: Path) -> None:
    settings = Settings(rpc_url="http://127.0.0.1:9", state_dir=tmp_path)  # type: ignore[arg-type]

    with open_halts(settings) as halts:
        assert halts is None
    assert not list(tmp_path.iterdir())
