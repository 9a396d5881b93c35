"""
A chain whose prices, clock, blocks and contracts are not what they were.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from keeper.execution.operation import OperatingState
from keeper.preflight import Deployment
from localnet import Localnet
from soak import faults
from soak.flight import Flight
from tests.faults.pace import Pacer

pytestmark = pytest.mark.asyncio(loop_scope="module")

FEE = "baseFeePerGas"


@contextmanager
def base_fee(flight: Flight, factor: int) -> Iterator[None]:
    """Have every header tell a multiple of its base fee."""

    def dearer(header: Any) -> Any:
        if not isinstance(header, dict) or FEE not in header:
            return header
        return header | {FEE: hex(int(header[FEE], 16) * factor)}

    def told(head: dict[str, Any]) -> list[str]:
        params = head["params"]
        return [json.dumps(head | {"params": params | {"result": dearer(params["result"])}})]

    with ExitStack() as stack:
        stack.enter_context(flight.first.relay.retelling(told))
        for proxy in (flight.first, flight.second):
            headers = ("eth_getBlockByNumber", "eth_getBlockByHash")
            stack.enter_context(proxy.inject(faults.retold(dearer), *headers))
        yield


@pytest.mark.parametrize("factor", [10, 100])
async def test_base_fee__is_many_times_higher__only_what_pays_is_sent(checked: Flight, factor: int) -> None:
    with base_fee(checked, factor):
        await checked.pass_blocks(6)


async def test_base_fee__is_above_the_cap__nothing_is_sent(checked: Flight) -> None:
    with base_fee(checked, 1_000):
        await checked.pass_blocks(2)
        sent = len(checked.sent)
        await checked.pass_blocks(8)

        assert len(checked.sent) == sent
        assert checked.keeper.market.head.base_fee_wei > 10**10


async def test_chain__l1_price_tips_and_compression_change__keeper_reckons_with_them_soon(
    checked: Flight, chain: Localnet
) -> None:
    before = checked.arbos
    chain.set_l1_price(before.l1_wei_per_unit * 20)
    chain.set_collect_tips(True)
    try:
        await checked.until(lambda: checked.arbos.collects_tips)
        assert checked.arbos.l1_wei_per_unit == before.l1_wei_per_unit * 20
        await checked.pass_blocks(3)
    finally:
        chain.set_l1_price(before.l1_wei_per_unit)
        chain.set_collect_tips(False)
    await checked.until(lambda: checked.arbos == before)


@contextmanager
def replaced(net: Localnet, address: str, code: str) -> Iterator[None]:
    """Have a contract be another one."""
    own = net.rpc("eth_getCode", address, "latest")
    net.rpc("anvil_setCode", address, code)
    try:
        yield
    finally:
        net.rpc("anvil_setCode", address, own)


REVERTS = "0x60006000fd"


async def test_executor__is_other_code__nothing_is_sent_and_it_halts_until_a_person_has_looked(
    checked: Flight, chain: Localnet
) -> None:
    executor = Deployment.load(checked.settings().state_dir / "deployment.json").executor
    operation = checked.keeper.operation
    with replaced(chain, executor, REVERTS):
        await checked.pass_blocks(2)
        sent = len(checked.sent)
        await checked.until(lambda: operation.state is OperatingState.HALTED)
        await checked.pass_blocks(6)

        assert set(operation.reasons) == {"code_changed"}
        assert len(checked.sent) == sent
    await checked.pass_blocks(6)
    assert len(checked.sent) == sent
    operation.rearm(checked.journal.halts)


@pytest.mark.parametrize("code", ["0x", REVERTS], ids=["destroyed", "paused"])
@pytest.mark.parametrize("name", ["uniswap_v3 WETH/USDC 500", "uniswap_v2 WETH/USDC 3000"])
async def test_pool__is_destroyed_or_paused__nothing_goes_through_it(
    checked: Flight, chain: Localnet, name: str, code: str
) -> None:
    reverted = checked.keeper.report.transactions["reverted"]
    with replaced(chain, chain.layout.pool(name).address, code):
        await checked.pass_blocks(8)

    assert checked.keeper.report.transactions["reverted"] <= reverted + 2


async def test_sequencer__stops_and_catches_up_in_a_burst__keeper_decides_on_the_last_block(
    checked: Flight, pacer: Pacer
) -> None:
    before, behind = checked.blocks, checked.keeper.report.refused["behind"]
    with pacer.paused():
        await asyncio.sleep(1.0)
        pacer.mine(60)
        await checked.until(lambda: checked.blocks >= before + 60)

    assert checked.keeper.report.refused["behind"] > behind


async def test_blocks__of_one_second__are_told_apart(checked: Flight, chain: Localnet, pacer: Pacer) -> None:
    before = checked.blocks
    with pacer.paused():
        pacer.mine(8)
        await checked.until(lambda: checked.blocks >= before + 8)
    head = int(chain.rpc("eth_blockNumber"), 16)
    stamps = [chain.rpc("eth_getBlockByNumber", hex(head - age), False)["timestamp"] for age in range(4)]
    assert len(set(stamps)) <= 2


async def test_chain__clock_jumps_ahead__plans_are_valid_by_its_time(
    checked: Flight, chain: Localnet, pacer: Pacer
) -> None:
    latest = int(chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    pacer.jump(60)

    await checked.until(lambda: checked.keeper.market.head.timestamp >= latest + 60)
