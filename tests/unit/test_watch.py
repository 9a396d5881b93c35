"""
What the keeper sees of itself, on a node in memory.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.chain.arbitrum import ArbosParameters, Ordering
from keeper.config import load_settings
from keeper.errors import JournalError, KeeperError, NonceError
from keeper.execution.funder import TopUp
from keeper.execution.operation import OperatingState, Operation
from keeper.execution.transactions import Outcome
from keeper.execution.wire import Unsigned
from keeper.journal import Journal, State
from keeper.monitor.alerts import Alert, received_by
from keeper.monitor.metrics import Metrics
from keeper.monitor.report import Report
from keeper.preflight import Deployment
from keeper.types import Address, Block, Hash
from keeper.watch import Subject, Watch
from tests.fake_node import FakeNode
from tests.operator_world import SIGNERS
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR, TOKEN, TRANSACTION

TREASURY = Address("0x" + "0c" * 20)
MULTICALL3 = Address("0x" + "ca" * 20)
CODE = b"\x60\x00"
ARBOS = ArbosParameters(
    l1_wei_per_unit=10**9,
    brotli_level=1,
    ordering=Ordering.ARRIVAL,
    version=60,
    min_base_fee_wei=20_000_000,
    estimates_l1=True,
)
ETH = 10**18
GAIN = TRANSACTION.predicted[0][1]


class Node(FakeNode):
    """
    An executor, and who holds what.
    """

    def __init__(self) -> None:
        super().__init__()
        self.health = [{"node": "http://fake", "paused": False}]
        self.paused, self.operators = False, [OPERATOR]
        self.holds = {(OPERATOR, ""): ETH, (TREASURY, TOKEN): 5, (EXECUTOR, TOKEN): 0}
        self.answers = {"eth_chainId": hex(42161), "eth_getCode": "0x" + CODE.hex(), "eth_call": self._multicall}

    def _multicall(self, request: dict[str, Any], _: object) -> str:
        from eth_abi.abi import decode

        (calls,) = decode(["(address,bool,bytes)[]"], bytes.fromhex(request["data"][10:]))
        answers = [(True, self._answer(Address(target), data)) for target, _, data in calls]
        return "0x" + encode(["(bool,bytes)[]"], [answers]).hex()

    def _answer(self, target: Address, data: bytes) -> bytes:
        if data == keccak(text="paused()")[:4]:
            return encode(["bool"], [self.paused])
        if data == keccak(text="operators()")[:4]:
            return encode(["address[]"], [self.operators])
        token = "" if target == MULTICALL3 else target
        return encode(["uint256"], [self.holds[Address("0x" + data[-20:].hex()), token]])


class Bench:
    """A watch over a keeper that has begun."""

    def __init__(self, directory: Path, **given: object) -> None:
        self.node = Node()
        self.journal_path = directory / "journal.sqlite"
        self.journal = Journal.open(self.journal_path, 42161, GENESIS)
        self.operation = Operation(directory)
        self.metrics, self.report = Metrics(), Report()
        code_hash = Hash("0x" + keccak(CODE).hex())
        deployment = Deployment(42161, GENESIS, EXECUTOR, code_hash, TREASURY, (TOKEN,))
        self.subject = Subject(deployment, (OPERATOR,), {TOKEN: "WETH"}, 42161, MULTICALL3)
        self.settings = load_settings(rpc_url="http://fake", state_dir=directory, **given)
        self.watch = self.another()
        self.operation.begin()
        self.number = 100

    def another(self) -> Watch:
        return Watch(
            self.node,  # type: ignore[arg-type]
            self.settings,
            self.subject,
            self.journal,
            self.operation,
            self.metrics,
            self.report,
        )

    async def look(self, arbos: ArbosParameters = ARBOS, quiet: bool = True) -> None:
        self.number += 20
        await self.watch.look(Block(self.number, Hash("0x01"), Hash("0x00"), 50, 10**7), arbos, quiet)

    def book(self, outcome: Outcome, worth_wei: int) -> None:
        self.watch.booked([self.report.book(outcome, {TOKEN: "WETH"}, worth_wei, touched=False)])

    @property
    def tripped(self) -> set[str]:
        return set(self.watch.breakers.tripped)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def heard() -> Iterator[list[Alert]]:
    heard: list[Alert] = []
    with received_by(heard.append):
        yield heard


def included(number: int, gas_wei: int = 10**12) -> Outcome:
    return Outcome(TRANSACTION, State.SOFT, ((TOKEN, GAIN),), gas_wei, (number, 0))


async def test_look__all_is_well__changes_nothing(bench: Bench, heard: list[Alert]) -> None:
    for _ in range(3):
        await bench.look()

    assert bench.operation.state is OperatingState.LIVE
    assert heard == []
    assert bench.metrics.registry.get_sample_value("arb_operator_balance_wei", {"key": OPERATOR}) == ETH
    assert b'arb_ordering_policy{policy="arrival"} 1.0' in bench.metrics.render()


async def test_look__executor_paused__halts(bench: Bench, heard: list[Alert]) -> None:
    bench.node.paused = True

    await bench.look()

    assert bench.tripped == {"executor_paused"}
    assert bench.operation.state is OperatingState.HALTED
    assert [(str(alert.severity), alert.name) for alert in heard] == [("page", "executor_paused")]


async def test_look__operator_removed__halts(bench: Bench) -> None:
    bench.node.operators = [TREASURY]

    await bench.look()

    assert bench.tripped == {"operator_removed"}


async def test_look__other_code__halts(bench: Bench) -> None:
    bench.node.answers["eth_getCode"] = "0x6001"

    await bench.look()

    assert bench.tripped == {"code_changed"}
    assert bench.operation.state is OperatingState.HALTED


async def test_look__other_chain__halts(bench: Bench) -> None:
    bench.node.answers["eth_chainId"] = "0x1"

    await bench.look()

    assert bench.tripped == {"chain_id"}


async def test_look__flag_in_the_journal__halts(bench: Bench, heard: list[Alert]) -> None:
    with closing(sqlite3.connect(bench.journal_path)) as database, database:
        database.execute("INSERT INTO meta VALUES ('halt', 'moving house')")

    await bench.look()
    bench.watch.tick()
    bench.watch.tick()

    assert bench.operation.reasons == {"journal_flag": "the journal's halt flag is set: moving house"}
    assert [(alert.name, alert.text) for alert in heard] == [
        ("halted", "the keeper is halted (journal_flag): the journal's halt flag is set: moving house")
    ]


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


async def test_look__chain_collects_tips_now__pauses(bench: Bench) -> None:
    await bench.look()
    await bench.look(replace(ARBOS, ordering=Ordering.PRIORITY_GAS))

    assert bench.tripped == {"ordering_changed"}


async def test_look__disk_is_gone__halts(bench: Bench) -> None:
    bench.watch._surroundings._settings = bench.settings.model_copy(update={"state_dir": Path("/nowhere")})

    await bench.look()

    assert bench.tripped == {"disk"}


async def test_look__one_node_of_two_is_down__is_told(bench: Bench, heard: list[Alert]) -> None:
    bench.node.health = [{"node": "http://a", "paused": True}, {"node": "http://b", "paused": False}]

    await bench.look()

    assert [alert.name for alert in heard] == ["node_down"]
    assert b'arb_rpc_provider_state{provider="http://a"} 0.0' in bench.metrics.render()


async def test_look__a_day_of_opportunities_without_success__is_told(bench: Bench, heard: list[Alert]) -> None:
    bench.report.opportunities = 3
    bench.watch._succeeded_at -= 86_401

    await bench.look()
    await bench.look()

    assert [alert.name for alert in heard] == ["no_success"]


@pytest.mark.parametrize(
    ("error", "breaker"),
    [(NonceError("moved"), "nonce_moved"), (JournalError("full"), "journal"), (KeeperError("odd"), "books")],
)
def test_fatal__halts_by_its_name(bench: Bench, heard: list[Alert], error: KeeperError, breaker: str) -> None:
    bench.watch.fatal(error)
    bench.watch.tick()

    assert bench.tripped == {breaker}
    assert bench.operation.state is OperatingState.HALTED
    assert [alert.name for alert in heard] == [breaker]


def test_halt_of_an_earlier_life__pages_again(bench: Bench, heard: list[Alert]) -> None:
    bench.operation.halt("0.03 ETH were lost", "loss_hour")

    bench.another().tick()

    assert [(alert.name, alert.text) for alert in heard] == [
        ("halted", "the keeper is halted (loss_hour): 0.03 ETH were lost")
    ]


def test_booked__losses__trip(bench: Bench) -> None:
    bench.book(Outcome(TRANSACTION, State.REVERTED, gas_wei=3 * 10**16, position=(101, 0)), worth_wei=0)

    assert {"loss_hour", "failed_gas"} <= bench.tripped
    spent = bench.metrics.registry.get_sample_value("arb_gas_spent_wei_total", {"outcome": "failure"})
    assert spent == 3 * 10**16


def test_booked__bids_and_gas__are_counted(bench: Bench) -> None:
    bidding = replace(TRANSACTION, bid_wei=10**12)
    for state in (State.SOFT, State.REVERTED, State.REVERTED, State.DROPPED):
        bench.book(Outcome(bidding, state, gas_used=0 if state is State.DROPPED else 150_000), worth_wei=10**12)
    bench.book(Outcome(TRANSACTION, State.SOFT, gas_used=150_000), worth_wei=10**12)  # that bid nothing

    told = bench.metrics.registry.get_sample_value
    results = {result: told("arb_bid_result_total", {"result": result}) for result in ("won", "lost", "unknown")}
    assert results == {"won": 1, "lost": 2, "unknown": 1}
    assert told("arb_gas_used_total") == 600_000


def test_sent__tip__is_that_of_the_bytes_and_told_once(bench: Bench) -> None:
    raw, _ = SIGNERS[0].sign_now(Unsigned(42161, 3, EXECUTOR, b"", 300_000, 10**9, 5 * 10**6))

    for _ in range(2):
        bench.watch.sent([replace(TRANSACTION, raw=raw)])

    told = bench.metrics.registry.get_sample_value
    assert (told("arb_tip_wei_count"), told("arb_tip_wei_sum")) == (1, 5 * 10**6)


def test_booked__losses__are_known_to_the_next_life_until_it_is_armed_again(bench: Bench) -> None:
    loss = Outcome(TRANSACTION, State.REVERTED, gas_wei=15 * 10**15, position=(101, 0))
    bench.book(loss, worth_wei=0)
    bench.operation.resume("failed_gas")

    bench.watch = bench.another()
    bench.book(loss, worth_wei=0)

    assert "loss_hour" in bench.tripped
    bench.operation.rearm()
    bench.watch = bench.another()
    bench.book(loss, worth_wei=0)
    assert "loss_hour" not in bench.tripped


def test_results__cannot_be_understood__are_none(bench: Bench) -> None:
    (bench.settings.state_dir / "results.json").write_text('{"wei_by_minute": [3]}')

    assert bench.another().breakers.results == {}


def test_booked__dropped__is_no_result(bench: Bench) -> None:
    for _ in range(9):
        bench.book(Outcome(TRANSACTION, State.DROPPED), worth_wei=0)

    assert bench.tripped == set()
    assert b'arb_tx_total{status="dropped"} 9.0' in bench.metrics.render()


@pytest.mark.parametrize(("limit", "sends"), [(5.0, False), (60.0, True)])
def test_advanced__node_serves_old_blocks__head_is_as_old_as_they_are(
    tmp_path: Path, limit: float, sends: bool
) -> None:
    bench = Bench(tmp_path, max_block_lag_seconds=limit)
    now = int(time.time())
    for number, timestamp in enumerate((now, now - 20)):
        bench.watch.advanced(Block(number, Hash("0x01"), Hash("0x00"), timestamp, 10**7))

    assert bench.watch.may_send() is sends


async def test_may_send__head_stands_still_within_a_decision__does_not(bench: Bench) -> None:
    assert bench.watch.may_send()
    bench.watch.breakers._moved_at -= 6
    await asyncio.sleep(0)

    assert not bench.watch.may_send()
