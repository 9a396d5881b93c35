"""
What a terminal shows of a keeper.
"""

from io import StringIO

import pytest
from rich.console import Console

from keeper.market import Market
from keeper.monitor.report import Report
from keeper.monitor.table import Screen, view
from keeper.types import Block, Hash


@pytest.fixture
def market() -> Market:
    market = Market(())
    market.start(Block(123_456, Hash("0x01"), Hash("0x00"), 1_000, 10_000_000), 0.0)
    return market


@pytest.fixture
def report() -> Report:
    report = Report(cycles_searched=1_234_567, opportunities=9, net_profit_wei=-3 * 10**15, gas_wei=10**13)
    report.transactions.update(sent=7, included=5, reverted=1, dropped=1, untouched=4, untouched_exact=4)
    report.refused.update({"simulation failed": 3, "not worth its gas": 8, "malformed_log": 0})
    for seconds in (0.001, 0.002, 0.009):
        report.latency.add("search", seconds)
    return report


@pytest.mark.parametrize("width", [80, 200])
def test_view__keeper_at_work__tells_state_money_and_reasons(market: Market, report: Report, width: int) -> None:
    console = Console(file=StringIO(), width=width)

    with console.capture() as shown:
        console.print(view("Arbitrum One [test]", ["12:00:00  gained"], market, report, 1, "DRY_RUN"))

    text = shown.get()
    for words in (
        *(
            "Arbitrum One [test]",
            "DRY RUN",
            "123,456",
            "0.01 gwei",
            "-0.003000 ETH",
            "7 (1 in flight)",
            "1 (1 dropped)",
        ),
        *("4 of 4", "1,234,567", "search 2.0 ms", "not worth its gas 8  simulation failed 3", "12:00:00  gained"),
    ):
        assert words in text, text
    assert "malformed" not in text
    assert max(map(len, text.splitlines())) <= width


def test_screen__no_terminal__draws_nothing(market: Market, report: Report) -> None:
    output = StringIO()
    screen = Screen("title", Console(file=output))

    screen.start()
    screen.draw(market, report, 0)
    screen.stop()

    assert output.getvalue() == ""


def test_screen__several_blocks_at_once__draws_the_first(market: Market, report: Report) -> None:
    output = StringIO()
    screen = Screen("title", Console(file=output, force_terminal=True, width=100))

    screen.start()
    screen.draw(market, report, 0, "LIVE")
    drawn = output.getvalue()
    screen.draw(market, report, 0, "LIVE")

    assert "LIVE" in drawn
    assert output.getvalue() == drawn
    screen.stop()
