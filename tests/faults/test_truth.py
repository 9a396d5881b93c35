"""
Nodes that answer, and do not tell the truth, or not yet.
"""

import random
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from keeper.chain.follower import Follower, NewBlock, to_block
from keeper.chain.rpc import Rpc
from keeper.errors import ChainError
from keeper.events import TOPICS
from keeper.journal import State
from keeper.types import Block
from localnet import Localnet
from soak import faults
from soak.flight import Flight
from soak.oracles import Oracles
from soak.proxy import Exchange, Fault, FaultProxy, Reaction
from soak.tables import CALLS, LIES, RECEIPTS, without_one
from tests.clock import advance
from tests.faults.pace import Pacer

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Blocks that a follower has missed: more than are asked for one by one.
MISSED = 24


def everywhere(flight: Flight, stack: ExitStack, fault: Fault, *methods: str, **limits: Any) -> None:
    """Have a fault in force on both nodes."""
    for proxy in (flight.first, flight.second):
        stack.enter_context(proxy.inject(fault, *methods, **limits))


# -------------------------------------------------------------------- heads


async def test_node__lags__the_other_is_asked_first(checked: Flight) -> None:
    with checked.first.inject(faults.lagging(40), *faults.HEADS):
        for _ in range(2):  # heads are compared every five seconds, and a request is given up after three
            advance(2.6)
            await checked.pass_blocks(1)
        await checked.until(lambda: checked.rpc.health[0]["lag_blocks"] > 20)
        before = checked.second.calls["eth_getLogs"]
        await checked.pass_blocks(3)

        assert checked.second.calls["eth_getLogs"] > before


async def test_nodes__both_lag_and_no_head_is_told__nothing_is_taken_back(checked: Flight) -> None:
    reorgs = checked.keeper.report.reorgs
    with ExitStack() as stack:
        stack.enter_context(checked.first.relay.refusing())
        await checked.first.relay.close_all()
        everywhere(checked, stack, faults.lagging(5), *faults.HEADS)
        await checked.pass_blocks(3)

    assert checked.keeper.report.reorgs == reorgs


async def test_nodes__heads_go_backwards__nothing_is_taken_back(checked: Flight) -> None:
    reorgs = checked.keeper.report.reorgs
    choice = random.Random(1)
    with ExitStack() as stack:
        stack.enter_context(checked.first.relay.refusing())
        await checked.first.relay.close_all()
        everywhere(checked, stack, faults.lagging(7), *faults.HEADS, chance=lambda: choice.random() < 0.5)
        await checked.pass_blocks(10)

    assert checked.keeper.report.reorgs == reorgs


async def test_node__turns_out_to_be_of_another_chain__is_asked_nothing_else(checked: Flight) -> None:
    with ExitStack() as stack:
        stack.enter_context(checked.first.inject(faults.result("0x1"), "eth_chainId"))
        cut = stack.enter_context(checked.first.inject(faults.abort, "eth_getLogs", count=1))
        await cut.hit()
        await checked.until(lambda: checked.first.calls["eth_chainId"] > 1)
        before = checked.first.calls["eth_getLogs"]
        await checked.pass_blocks(3)

        assert checked.first.calls["eth_getLogs"] == before


# -------------------------------------------------------------------- logs of the latest blocks


@pytest.mark.parametrize("fault", LIES.values(), ids=LIES)
async def test_node__logs_are_not_those_of_the_header__is_not_believed_and_left_alone(
    checked: Flight, fault: Fault
) -> None:
    with checked.first.inject(fault, "eth_getLogs") as rule:
        await rule.hit()
        await checked.until(lambda: checked.rpc.health[0]["failures"] > 0)
        await checked.pass_blocks(3)


async def test_node__logs_are_shuffled_and_told_twice__are_put_in_order(checked: Flight) -> None:
    choice = random.Random(2)

    def shuffled(logs: list[Any]) -> list[Any]:
        return choice.sample(logs * 2, 2 * len(logs))

    failures = checked.keeper.report.refused["chain_error"]
    with checked.first.inject(faults.retold(shuffled), "eth_getLogs") as rule:
        await rule.hit(8)

    assert checked.keeper.report.refused["chain_error"] == failures


# -------------------------------------------------------------------- logs of many blocks


@dataclass(frozen=True, slots=True)
class Missed:
    """
    Blocks that a follower is to catch up with.

    Attributes:
        logs: The places of each block's logs, as the node tells them block by block.
    """

    first: Block
    last: Block
    logs: list[list[str]]

    async def catch_up(self, follower: Follower) -> list[list[str]]:
        """The same, as a follower tells it."""
        news = [news async for news in follower.catch_up(self.last)]
        assert all(isinstance(item, NewBlock) for item in news)
        return [[log["logIndex"] for log in item.logs] for item in news if isinstance(item, NewBlock)]

    async def follower(self, rpc: Rpc) -> Follower:
        """One that has missed them."""
        follower = Follower(rpc, sorted(TOPICS))
        assert await follower.start_at(self.first.number, self.first.hash) is not None
        return follower


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def missed(flown: Oracles, chain: Localnet, pacer: Pacer) -> Missed:
    if int(chain.rpc("eth_blockNumber"), 16) < MISSED + 5:
        pacer.mine(MISSED)
    head = int(chain.rpc("eth_blockNumber"), 16) - 2
    blocks = [
        to_block(chain.rpc("eth_getBlockByNumber", hex(number), False)) for number in range(head - MISSED, head + 1)
    ]
    told = [chain.rpc("eth_getLogs", {"blockHash": block.hash, "topics": [sorted(TOPICS)]}) for block in blocks[1:]]
    return Missed(blocks[0], blocks[-1], [[log["logIndex"] for log in logs] for logs in told])


#: How providers say that a range is too large, and with which code. The limit is five blocks, whatever they say.
WORDS = [
    (-32602, "You can make eth_getLogs requests with up to a 10 block range."),
    (-32600, "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range."),
    (-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),
    (-32614, "eth_getLogs is limited to a 10,000 range"),
    (-32005, "query returned more than 10000 results. Try with this block range [0x1, 0x2]."),
    (-32000, "query exceeds max results 10000, retry with the range 1-2"),
    (-32000, "block range exceeds maximum allowed"),
    (-32701, "Please specify an address in your request or, to remove restrictions, order a dedicated node"),
    (-32000, "requested too many blocks from 1 to 61, maximum is set to 10"),
    (-32000, "logs matched by query exceeds limit of 10000"),
    (-32603, "exceed maximum block range: 10"),
    (-32012, "credits limited to 10 blocks range"),
    (-32602, "query timeout exceeded. Consider reducing your block range"),
]


def limited(code: int, words: str) -> Fault:
    async def fault(exchange: Exchange) -> Reaction:
        asked = exchange.request["params"][0]
        if "fromBlock" in asked and int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) >= 5:
            return exchange.error(code, words)
        return await exchange.forward()

    return fault


async def test_range__too_large_in_any_providers_words__is_halved_until_it_fits(
    checked: Flight, alone: FaultProxy, missed: Missed
) -> None:
    async with Rpc(alone.url) as rpc:
        for code, words in WORDS:
            follower = await missed.follower(rpc)
            with alone.inject(limited(code, words), "eth_getLogs") as rule:
                assert await missed.catch_up(follower) == missed.logs, words
                assert rule.hits >= MISSED // 5


@pytest.mark.parametrize("cut", [without_one, lambda logs: logs[: len(logs) // 2], lambda logs: []])
async def test_range__answer_is_cut_short_without_an_error__is_not_believed(
    checked: Flight, alone: FaultProxy, missed: Missed, cut: Any
) -> None:
    async with Rpc(alone.url) as rpc:
        follower = await missed.follower(rpc)
        with alone.inject(faults.retold(cut), "eth_getLogs"), pytest.raises(ChainError):
            await missed.catch_up(follower)

        assert await missed.catch_up(follower) == missed.logs


async def test_range__logs_are_shuffled_and_told_twice__are_put_in_order(
    checked: Flight, alone: FaultProxy, missed: Missed
) -> None:
    choice = random.Random(3)
    fault = faults.retold(lambda logs: choice.sample(logs * 2, 2 * len(logs)))
    async with Rpc(alone.url) as rpc:
        follower = await missed.follower(rpc)
        with alone.inject(fault, "eth_getLogs"):
            assert await missed.catch_up(follower) == missed.logs


async def test_range__blocks_are_taken_back_between_its_parts__is_not_believed(
    checked: Flight, alone: FaultProxy, missed: Missed
) -> None:
    async with Rpc(alone.url) as rpc:
        follower = await missed.follower(rpc)
        with (
            alone.inject(faults.forked(missed.last.number - MISSED // 2), "eth_getLogs"),
            pytest.raises(ChainError, match="chain"),
        ):
            await missed.catch_up(follower)

        assert await missed.catch_up(follower) == missed.logs


# -------------------------------------------------------------------- receipts, calls, nonces


async def test_nodes__receipts_are_null_though_mined__keeper_waits(checked: Flight) -> None:
    with ExitStack() as stack:
        everywhere(checked, stack, faults.result(None), "eth_getTransactionReceipt")
        await checked.until(lambda: bool(checked.in_flight))
        (entry,) = checked.in_flight
        sent = len(checked.sent)
        await checked.pass_blocks(12)

        assert len(checked.sent) <= sent + 1
    await checked.until(lambda: not any(open_.id == entry.id for open_ in checked.in_flight))


@pytest.mark.parametrize("fault", RECEIPTS.values(), ids=RECEIPTS)
async def test_nodes__receipts_are_malformed__keeper_waits_for_better_ones(checked: Flight, fault: Fault) -> None:
    with ExitStack() as stack:
        everywhere(checked, stack, fault, "eth_getTransactionReceipt")
        await checked.until(lambda: bool(checked.in_flight))
        await checked.pass_blocks(3)


async def test_node__tells_other_receipts__nothing_is_final_until_they_agree(checked: Flight) -> None:
    def reverted(told: Any) -> Any:
        return told and told | {"status": "0x0"}

    with checked.second.inject(faults.retold(reverted), "eth_getTransactionReceipt"):
        await checked.until(lambda: bool(checked.disputed))
        hashes = checked.disputed
        await checked.pass_blocks(3)
        told = {entry.transaction.hash: entry.state for entry in checked.entries}
        assert {told[transaction_hash] for transaction_hash in hashes} == {State.SOFT}

    await checked.until(lambda: not checked.disputed)


@pytest.mark.parametrize("fault", CALLS.values(), ids=CALLS)
async def test_node__calls_fail__keeper_reads_what_it_needs_later(checked: Flight, fault: Fault) -> None:
    with checked.first.inject(fault, "eth_call", count=20) as rule:
        await rule.hit(3)


async def test_node__nonce_is_lower_than_true__nothing_is_signed_twice(checked: Flight) -> None:
    lower = faults.retold(lambda told: hex(max(int(told, 16) - 3, 0)))
    with checked.first.inject(lower, "eth_getTransactionCount"):
        await checked.pass_blocks(8)


@pytest.mark.parametrize("factor", [0.5, 10.0])
async def test_nodes__estimates_are_far_off__costs_gas_at_most(checked: Flight, factor: float) -> None:
    off = faults.retold(lambda told: hex(int(int(told, 16) * factor)))
    with ExitStack() as stack:
        everywhere(checked, stack, off, "eth_estimateGas")
        await checked.pass_blocks(6)
