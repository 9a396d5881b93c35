"""
What the keeper sees of the chain, its executor and its machine, and what stops it.
"""

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.chain.arbitrum import Ordering
from keeper.errors import JournalError, KeeperError, NonceError
from keeper.execution.operation import OperatingState
from keeper.monitor.alerts import Alert
from keeper.types import Block, Hash
from tests.unit.test_journal import OPERATOR
from tests.watch_world import ARBOS, ETH, TREASURY, Bench, bench, heard

__all__ = ["bench", "heard"]


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
