import json
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.errors import ConfigError
from keeper.execution.receipts import Outcome
from keeper.journal import State
from keeper.market import CacheCounts
from keeper.monitor.report import Report, require_place, write_report
from keeper.monitor.table import shown, summary
from keeper.types import Hash
from tests.unit.test_journal import TOKEN, TRANSACTION

GAIN = TRANSACTION.predicted[0][1]
SYMBOLS = {TOKEN: "WETH"}


def test_report__included_as_predicted__is_exact() -> None:
    report = Report()

    report.book(
        Outcome(TRANSACTION, State.SOFT, gains=((TOKEN, GAIN),), gas_wei=30), SYMBOLS, worth_wei=100, touched=False
    )

    assert report.transactions == {
        "included": 1,
        "untouched": 1,
        "untouched_exact": 1,
        "lost_money": 0,
        "lost_untouched": 0,
    }
    assert (report.gas_wei, report.net_profit_wei) == (30, 70)


def test_report__included_with_less__is_not_exact() -> None:
    report = Report()

    report.book(
        Outcome(TRANSACTION, State.SOFT, gains=((TOKEN, GAIN - 1),), gas_wei=30),
        SYMBOLS,
        worth_wei=20,
        touched=False,
    )

    assert report.transactions["untouched_exact"] == 0
    assert report.transactions["lost_money"] == 1


def test_report__touched__is_counted_apart() -> None:
    report = Report()

    report.book(
        Outcome(TRANSACTION, State.SOFT, gains=((TOKEN, GAIN),), gas_wei=1), SYMBOLS, worth_wei=20, touched=True
    )

    assert (report.transactions["touched"], report.transactions["untouched"]) == (1, 0)


def test_report__reverted__lost_its_gas() -> None:
    report = Report()

    report.book(Outcome(TRANSACTION, State.REVERTED, gas_wei=30), SYMBOLS, worth_wei=0, touched=False)

    assert (report.transactions["reverted"], report.transactions["lost_money"]) == (1, 1)
    assert report.transactions["lost_untouched"] == 1
    assert report.net_profit_wei == -30
    assert not report.gain


def test_report__dropped__cost_nothing() -> None:
    report = Report()

    report.book(Outcome(TRANSACTION, State.DROPPED), SYMBOLS, worth_wei=0, touched=False)

    assert report.transactions == {"dropped": 1}
    assert report.net_profit_wei == 0


def test_report__block_left_the_chain__is_taken_back() -> None:
    report = Report()
    report.book(
        Outcome(TRANSACTION, State.SOFT, gains=((TOKEN, GAIN),), gas_wei=30), SYMBOLS, worth_wei=20, touched=False
    )

    report.take_back(TRANSACTION.hash)
    report.take_back(TRANSACTION.hash)

    assert not any(report.transactions.values())
    assert (report.gas_wei, report.net_profit_wei, report.gain["WETH"].realised) == (0, 0, 0)


def test_report__as_json__adds_up(tmp_path: Path) -> None:
    report = Report(blocks=2)
    for name in ("0x01", "0x02"):
        report.book(
            Outcome(replace(TRANSACTION, hash=Hash(name)), State.SOFT, gains=((TOKEN, GAIN),), gas_wei=1),
            SYMBOLS,
            worth_wei=20,
            touched=False,
        )
    report.note_treasury("WETH", 2 * GAIN)
    report.note_treasury("USDC", 0)
    for milliseconds in range(1, 101):
        report.latency.add("sign", milliseconds / 1_000)

    write_report(tmp_path / "r.json", report.as_json({"eth_call": 3}, CacheCounts(hits=9)))

    written = json.loads((tmp_path / "r.json").read_text())
    assert written["gain"] == {"WETH": {"predicted": 2 * GAIN, "realised": 2 * GAIN, "treasury_delta": 2 * GAIN}}
    assert written["rpc_calls"] == {"eth_call": 3}
    assert written["cache"]["hits"] == 9
    assert written["latency_ms"]["sign"] == {"p50": 50.0, "p99": 99.0, "count": 100}
    assert written["transactions"]["sent"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_summary__tells_gain_as_people_read_it() -> None:
    report = Report(blocks=7)
    outcome = Outcome(replace(TRANSACTION, predicted=((TOKEN, 1_500_000),)), State.SOFT, ((TOKEN, 1_500_000),), 1)
    report.book(outcome, {TOKEN: "USDC"}, worth_wei=10**18, touched=False)

    text = summary(report, "as asked", {"USDC": 6})

    assert "after 7 blocks" in text
    assert "Gained 1.5 USDC." in text


def test_shown__whole_and_tiny_amounts__keep_every_digit() -> None:
    assert shown(1_000, 0) == "1000"
    assert shown(10**18, 18) == "1"
    assert shown(1, 18) == "0." + "0" * 17 + "1"


def test_report__filled_a_gap__costs_gas_and_counts_as_no_trade() -> None:
    report, filler = Report(), replace(TRANSACTION, routes=(), predicted=())

    report.book(Outcome(filler, State.SOFT, gas_wei=30), SYMBOLS, worth_wei=0, touched=False)
    assert (report.gas_wei, report.net_profit_wei, dict(report.transactions)) == (30, -30, {})
    report.take_back(filler.hash)

    assert (report.gas_wei, report.net_profit_wei) == (0, 0)


def test_report__given_up_and_included_all_the_same__counts_once() -> None:
    report = Report()
    report.book(Outcome(TRANSACTION, State.DROPPED), SYMBOLS, worth_wei=0, touched=False)

    report.book(Outcome(TRANSACTION, State.REVERTED, gas_wei=30), SYMBOLS, worth_wei=0, touched=False)

    assert (report.transactions["dropped"], report.transactions["reverted"]) == (0, 1)


def test_report__cannot_be_written__is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "report.json", tmp_path):
        for attempt in (lambda path=path: write_report(path, {}), lambda path=path: require_place(path)):
            with pytest.raises(ConfigError, match=f"report {path} cannot be written"):
                attempt()


def test_report__place_is_a_device__is_refused_before_it_is_replaced() -> None:
    with pytest.raises(ConfigError, match="that is no file"):
        require_place(Path("/dev/null"))


def test_report__place_is_free_or_an_older_report__is_taken(tmp_path: Path) -> None:
    for _ in range(2):
        require_place(tmp_path / "report.json")
        write_report(tmp_path / "report.json", {"blocks": 1})

    assert json.loads((tmp_path / "report.json").read_text()) == {"blocks": 1}
