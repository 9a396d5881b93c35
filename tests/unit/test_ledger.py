"""
What the journal says that was earned, and by what.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from keeper.__main__ import cli
from keeper.config import load_chain
from keeper.journal import Decision, Journal, PlannedRoute, State
from keeper.journal.reading import JournalReader, Life
from keeper.monitor.ledger import Ledger, Line, add_up, split
from keeper.types import Address, Hash
from tests.postgres import server
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR, TRANSACTION

FACTS = load_chain("arbitrum")
WETH, USDC = FACTS.token("WETH"), FACTS.token("USDC")
A, B, C = (Address("0x" + digits * 20) for digits in ("a1", "b1", "c1"))
DEXES = {A: "uniswap_v3", B: "camelot_v2"}

FIRST = PlannedRoute((A, B), WETH, "none", 10**18, 300, 1)
SECOND = PlannedRoute((A, C, B), USDC, "aave_v3", 10**9, 50, 1)


def life(number: int, state: State, routes: tuple[PlannedRoute, ...], **known: Any) -> Life:
    worths = known.pop("worths", None)
    day = known.pop("day", 0)
    return Life(Hash(f"0x{number}"), OPERATOR, number, routes, 0, 86_400.0 * day, worths, state, known)


def test_split__parts__are_whole_and_add_up() -> None:
    assert split(10, [1, 2]) == [3, 7]
    assert split(-10, [1, 1, 1]) == [-4, -3, -3]
    assert split(0, [5]) == [0]


@given(st.integers(-(10**30), 10**30), st.lists(st.integers(0, 10**20), min_size=1).filter(any))
def test_split__any_weights__sum_is_the_total(total: int, weights: list[int]) -> None:
    parts = split(total, weights)

    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) <= sum(weights) for part, weight in zip(parts, weights, strict=True)
    )


def test_ledger__two_routes__each_wei_is_in_each_breakdown_once() -> None:
    won = life(1, State.SOFT, (FIRST, SECOND), gas_wei="1000", gains={WETH: "300", USDC: "50"})
    won.worths = ((WETH, 300), (USDC, 5_000))
    lost = life(2, State.REVERTED, (FIRST,), gas_wei="70", gains={WETH: "0"}, day=1)
    dropped = life(3, State.DROPPED, (FIRST,))

    ledger = add_up([won, lost, dropped], {}, DEXES, FACTS.token_by_address)

    assert ledger.total == Line(5_300, 1_070, 1, 1)
    assert ledger.days == {"1970-01-01": Line(5_300, 1_000, 1, 0), "1970-01-02": Line(0, 70, 0, 1)}
    assert ledger.routes == {(WETH, A, B): Line(300, 470, 1, 1), (USDC, A, C, B): Line(5_000, 600, 1, 0)}
    assert ledger.lenders == {"none": Line(300, 470, 1, 1), "aave_v3": Line(5_000, 600, 1, 0)}
    assert ledger.dexes == {
        "uniswap_v3": Line(150 + 1_666, 200 + 35 + 200, 1, 1),
        "camelot_v2": Line(150 + 1_667, 200 + 35 + 200, 1, 1),
        "unknown": Line(1_667, 200, 1, 0),
    }
    assert ledger.gains == {"WETH": 300, "USDC": 50}
    assert ledger.states == {"included": 1, "reverted": 1, "dropped": 1}


amounts = st.integers(0, 10**24)


@st.composite
def any_life(draw: st.DrawFn) -> Life:
    pools = st.lists(st.sampled_from([A, B, C]), min_size=2, max_size=4).map(tuple)
    routes = draw(
        st.lists(
            st.builds(
                PlannedRoute,
                pools,
                st.sampled_from([WETH, USDC]),
                st.sampled_from(["none", "x"]),
                amounts,
                amounts,
                amounts,
            ),
            max_size=4,
        )
    )
    state = draw(st.sampled_from([State.SOFT, State.REVERTED, State.DROPPED, State.SENT]))
    tokens = draw(st.sets(st.sampled_from([WETH, USDC])))
    worths = draw(st.none() | st.just(tuple((token, draw(amounts)) for token in sorted(tokens))))
    known = {"gas_wei": str(draw(amounts)), "gains": {}} if state in (State.SOFT, State.REVERTED) else {}
    return life(1, state, tuple(routes), worths=worths, day=draw(st.integers(0, 9)), **known)


@given(st.lists(any_life()))
def test_ledger__any_transactions__breakdowns_have_the_same_sum(lives: list[Life]) -> None:
    ledger = add_up(lives, {}, DEXES, FACTS.token_by_address)

    for lines in (ledger.days, ledger.routes, ledger.dexes, ledger.lenders):
        assert sum(line.worth_wei for line in lines.values()) == ledger.total.worth_wei
        assert sum(line.gas_wei for line in lines.values()) == ledger.total.gas_wei
    assert ledger.total.wins + ledger.total.losses == ledger.states["included"] + ledger.states["reverted"]


def test_ledger__not_valued__says_so() -> None:
    ledger = add_up([life(1, State.SOFT, (FIRST,), gas_wei="5", gains={WETH: "300"})], {}, DEXES, {})

    assert (ledger.unvalued, ledger.total) == (1, Line(0, 5, 0, 1))
    assert ledger.gains == {WETH: 300}


def test_ledger__decisions__are_counted_by_reason() -> None:
    outcomes = {"sent": 4, "simulation failed: a": 2, "simulation failed: b": 3, "not worth its gas": 1}

    ledger = add_up([], outcomes, {}, {})

    assert ledger.decided == 10
    assert ledger.why_not == {"simulation failed": 5, "not worth its gas": 1}
    assert ledger.words == {"simulation failed": "b"}


def test_life__block_left_the_chain__what_it_told_is_forgotten() -> None:
    found = life(1, State.SIGNED, (FIRST,))
    for at, state, detail in (
        (1.0, State.SOFT, {"gas_wei": "5"}),
        (2.0, State.REORGED, {}),
        (3.0, State.SENT, {}),
        (4.0, State.REVERTED, {"gas_wei": "6"}),
        (9.0, State.REVERTED, {"more": 1}),
    ):
        found.take(state, at, detail)

    assert (found.state, found.at, found.detail) == (State.REVERTED, 4.0, {"gas_wei": "6", "more": 1})


# -------------------------------------------------------------------- from a journal, by the command


def fill(journal: Journal) -> None:
    journal.begin_run(OPERATOR, EXECUTOR)
    journal.met(DEXES)
    decision = Decision(100, (FIRST,), ((WETH, 300),), (), 10**18, 4, 3, 2, (), 10**17, "sent")
    journal.decided(decision)
    journal.decided(replace(decision, outcome="simulation failed: executor: profit below minimum"))
    won = replace(TRANSACTION, routes=(FIRST,), predicted=((WETH, 300),))
    entry_id = journal.signed(won)
    journal.step(entry_id, State.SENT)
    journal.step(entry_id, State.SOFT, gas_wei=10**12, gains={WETH: str(3 * 10**15)}, block_number=101)
    journal.valued(won.hash, {WETH: 3 * 10**15})
    lost = replace(won, nonce=4, hash=Hash("0x" + "22" * 32), routes=(FIRST, SECOND))
    journal.step(
        journal.signed(lost), State.REVERTED, gas_wei=2 * 10**12, gains={WETH: "0", USDC: "0"}, block_number=102
    )


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("KEEPER_JOURNAL_URL", "KEEPER_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    yield


def told(*arguments: str, **environment: str) -> Any:
    result = CliRunner().invoke(cli, ["report", *arguments], env=environment)
    assert result.exit_code == 0, result.output
    return json.loads(result.output) if "--json" in arguments else result.output


def require_right(report: dict[str, Any]) -> None:
    assert report["total"] == {
        "worth_wei": 3 * 10**15,
        "gas_wei": 3 * 10**12,
        "wins": 1,
        "losses": 1,
        "profit_wei": 3 * 10**15 - 3 * 10**12,
    }
    assert report["transactions"] == {"included": 1, "reverted": 1}
    assert report["gains"] == {"WETH": 3 * 10**15}
    assert (report["decisions"], report["why_not"]) == (
        2,
        [{"reason": "simulation failed", "times": 1, "words": "executor: profit below minimum"}],
    )
    assert [route["pools"] for route in report["routes"]] == [[A, B], [A, C, B]]
    assert report["dexes"].keys() == {"uniswap_v3", "camelot_v2", "unknown"}
    assert report["lenders"].keys() == {"none", "aave_v3"}


def test_report__while_a_keeper_writes__is_as_of_one_moment(clean: None, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite", 42161, GENESIS)
    fill(journal)
    before = (tmp_path / "journal.sqlite").read_bytes()
    writer = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM steps")

    require_right(told("--json", "--state-dir", str(tmp_path)))

    writer.execute("ROLLBACK")
    writer.close()
    assert (tmp_path / "journal.sqlite").read_bytes() == before
    journal.close()


def test_report__table__has_what_a_person_asks_for(clean: None, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite", 42161, GENESIS)
    fill(journal)
    journal.close()

    shown = told("--state-dir", str(tmp_path), COLUMNS="140")

    for words in (
        "1 included, 1 reverted",
        "Gained 0.003 WETH",
        "uniswap_v3",
        "aave_v3",
        "0.002997",
        "simulation failed",
    ):
        assert words in shown
    assert "WETH: 0xa1a1a1.. > 0xb1b1b1.." in shown


def test_report__words_of_a_contract__are_shown_and_not_obeyed(clean: None, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite", 42161, GENESIS)
    fill(journal)
    decision = Decision(100, (FIRST,), ((WETH, 300),), (), 10**18, 4, 3, 2, (), 10**17, "")
    for _ in range(2):
        journal.decided(replace(decision, outcome="simulation failed: reverted: [/bold] \x1b[2J\n[red]all is well"))
    journal.close()

    shown = told("--state-dir", str(tmp_path), COLUMNS="140")

    assert "reverted: [/bold]  [2J [red]all is well" in shown


def test_report__into_a_file__has_every_digit(clean: None, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite", 42161, GENESIS)
    fill(journal)
    won = replace(TRANSACTION, nonce=5, hash=Hash("0x" + "33" * 32), routes=(FIRST,), predicted=((WETH, 300),))
    entry_id = journal.signed(won)
    journal.step(entry_id, State.SOFT, gas_wei=10**12 + 1, gains={WETH: "1"}, block_number=103)
    journal.valued(won.hash, {WETH: 10**21 + 123_456_789_012_345_678})
    journal.close()

    assert "1000.126452789012345677" in told("--state-dir", str(tmp_path))


@pytest.mark.parametrize("days", ["nan", "inf"])
def test_report__of_no_number_of_days__is_one_sentence(clean: None, tmp_path: Path, days: str) -> None:
    result = CliRunner().invoke(cli, ["report", "--state-dir", str(tmp_path), "--days", days])

    assert (result.exit_code, result.output) == (1, f"Error: --days {days}: that is no number of days\n")


def test_report__only_of_late__leaves_out_what_is_older(clean: None, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite", 42161, GENESIS)
    fill(journal)
    journal.close()

    report = told("--json", "--days", "0", "--state-dir", str(tmp_path))

    assert report["total"]["wins"] == report["decisions"] == 0


def test_report__postgresql__is_the_same(clean: None, tmp_path: Path) -> None:
    with server() as postgres:
        url = postgres.create("journal")
        journal = Journal.connect(url, 42161, GENESIS, 2.0)
        while not journal.lead(OPERATOR):
            pass
        fill(journal)

        require_right(told("--json", "--state-dir", str(tmp_path), KEEPER_JOURNAL_URL=url))
        journal.close()


@pytest.mark.parametrize("version", ["2", "99"])
def test_report__of_another_version__is_one_sentence(clean: None, tmp_path: Path, version: str) -> None:
    path = tmp_path / "journal.sqlite"
    Journal.open(path, 42161, GENESIS).close()
    database = sqlite3.connect(path)
    database.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (version,))
    database.commit()
    database.close()

    result = CliRunner().invoke(cli, ["report", "--state-dir", str(tmp_path)])

    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert f"the journal is of version {version}" in result.output


def test_report__no_journal__is_one_sentence(clean: None, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["report", "--state-dir", str(tmp_path)])

    assert (result.exit_code, "there is no journal" in result.output) == (1, True)


def test_reader__changes_nothing(clean: None, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal.open(path, 42161, GENESIS).close()

    with JournalReader.open(path) as reader, pytest.raises(Exception, match="read-only"):
        reader._store.query("DELETE FROM meta")


def test_ledger__empty__has_all_its_keys() -> None:
    assert Ledger().as_json()["total"]["profit_wei"] == 0
