"""
What is held must be what transactions explain, and enough to pay for gas.
"""

from pathlib import Path

import pytest

from keeper.execution.funder import TopUp
from keeper.execution.operation import OperatingState
from keeper.monitor.alerts import Alert
from keeper.types import Address, Block, Hash
from tests.unit.test_journal import EXECUTOR, OPERATOR, TOKEN
from tests.watch_world import ETH, GAIN, TREASURY, Bench, bench, heard, included

__all__ = ["bench", "heard"]


async def test_look__what_transactions_moved__is_explained(bench: Bench, heard: list[Alert]) -> None:
    await bench.look()
    bench.book(included(bench.number + 1), worth_wei=GAIN)
    bench.node.holds[TREASURY, TOKEN] += GAIN
    bench.node.holds[OPERATOR, ""] -= 10**12
    for _ in range(3):
        await bench.look()

    assert heard == []
    assert bench.operation.state is OperatingState.LIVE


async def test_look__receipt_comes_late__is_explained_at_the_second_look(bench: Bench, heard: list[Alert]) -> None:
    await bench.look()
    bench.node.holds[OPERATOR, ""] -= 10**12
    bench.node.holds[TREASURY, TOKEN] += GAIN
    at = bench.number + 1
    await bench.look()
    bench.book(included(at), worth_wei=GAIN)
    await bench.look()
    await bench.look()

    assert heard == []


@pytest.mark.parametrize(
    ("who", "amount", "breaker"),
    [
        ((OPERATOR, ""), -1, "balance_unexplained"),
        ((TREASURY, TOKEN), -1, "treasury_unexplained"),
        ((OPERATOR, ""), 1, None),
        ((TREASURY, TOKEN), 1, None),
        ((EXECUTOR, TOKEN), 1, None),
    ],
)
async def test_look__change_that_nothing_explains__is_told_and_a_loss_stops(
    bench: Bench, heard: list[Alert], who: tuple[Address, str], amount: int, breaker: str | None
) -> None:
    await bench.look()
    bench.node.holds[who] += amount
    await bench.look()
    assert heard == []
    await bench.look()

    assert bench.tripped == ({breaker} if breaker else set())
    assert [alert.name for alert in heard] == [breaker or "balance_changed"]
    way = "in" if amount > 0 else "out"
    assert f'way="{way}"'.encode() in bench.metrics.render()
    await bench.look()
    assert len(heard) == 1


async def test_look__treasury_is_not_watched__its_loss_is_only_told(tmp_path: Path, heard: list[Alert]) -> None:
    bench = Bench(tmp_path, watch_treasury=False)
    for change in (0, -1, 0):
        bench.node.holds[TREASURY, TOKEN] += change
        await bench.look()

    assert [alert.name for alert in heard] == ["balance_changed"]
    assert bench.operation.state is OperatingState.LIVE


async def test_look__something_in_flight__waits_with_the_accounts(bench: Bench, heard: list[Alert]) -> None:
    await bench.look()
    bench.node.holds[OPERATOR, ""] -= 1
    for _ in range(3):
        await bench.look(quiet=False)

    assert heard == []


async def test_look__after_a_reorganisation__accounts_begin_anew(bench: Bench, heard: list[Alert]) -> None:
    await bench.look()
    booking = bench.report.book(included(bench.number), {TOKEN: "WETH"}, GAIN, touched=False)
    bench.watch.booked([booking])
    bench.watch.unwound(Block(bench.number - 5, Hash("0x0f"), Hash("0x0e"), 49, 10**7), 5, [booking])
    bench.node.holds[OPERATOR, ""] += 10**12
    bench.node.holds[TREASURY, TOKEN] -= 3
    for _ in range(3):
        await bench.look()

    assert heard == []
    assert b"arb_reorgs_total 1.0" in bench.metrics.render()


async def test_look__operator_runs_dry__pauses_until_it_is_funded(bench: Bench, heard: list[Alert]) -> None:
    bench.node.holds[OPERATOR, ""] = 2 * bench.watch.accounts.worst_gas * 2 * 10**7 - 1
    await bench.look()
    assert bench.operation.state is OperatingState.DEGRADED
    assert [alert.name for alert in heard] == ["operator_balance"]

    bench.node.holds[OPERATOR, ""] = ETH
    await bench.look()

    assert bench.operation.state is OperatingState.LIVE


class Payer:
    """A funder that says what it is told to say."""

    def __init__(self, result: TopUp) -> None:
        self.result, self.asked = result, 0

    async def top_up(self, operator: Address, base_fee_wei: int) -> TopUp:
        assert (operator, base_fee_wei) == (OPERATOR, 10**7)
        self.asked += 1
        return self.result


@pytest.mark.parametrize(
    ("result", "name"), [(TopUp.SENT, "topped_up"), (TopUp.CAPPED, "not_topped_up"), (TopUp.EMPTY, "not_topped_up")]
)
async def test_look__operator_needs_gas__funder_is_asked_and_it_is_told(
    bench: Bench, heard: list[Alert], result: TopUp, name: str
) -> None:
    bench.watch.accounts._funder = payer = Payer(result)  # type: ignore[assignment]
    bench.node.holds[OPERATOR, ""] = 0  # paused for want of gas, and nothing else
    await bench.look()

    assert payer.asked == 1
    assert name in [alert.name for alert in heard]


@pytest.mark.parametrize("stop", ["halt", "pause", "not listed", "enough"])
async def test_look__anything_else_is_amiss__nobody_pays_for_gas(bench: Bench, stop: str) -> None:
    bench.watch.accounts._funder = payer = Payer(TopUp.SENT)  # type: ignore[assignment]
    bench.node.holds[OPERATOR, ""] = ETH if stop == "enough" else 0
    match stop:
        case "halt":
            bench.operation.halt("told to")
        case "pause":
            bench.operation.pause("by_hand", "told to")
        case "not listed":
            bench.node.operators = []
    await bench.look()

    assert payer.asked == 0
