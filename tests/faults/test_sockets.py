"""
WebSockets that break, fall silent, or tell something else.
"""

import json
from contextlib import suppress
from typing import Any

import pytest

from soak import faults
from soak.flight import Flight
from soak.sockets import Retold
from tests.clock import advance

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def told_again(flight: Flight) -> None:
    """Return when a head is told once more."""
    told = flight.first.relay.told
    for _ in range(60):
        advance(1.6)  # longer than the first pause before a new connection, shorter than any request may take
        with suppress(TimeoutError):
            return await flight.until(lambda: flight.first.relay.told > told, 1.5)
    raise AssertionError("no head is told any more")


async def test_socket__falls_silent_with_its_connection_open__is_given_up_and_made_again(checked: Flight) -> None:
    await told_again(checked)
    connections = checked.first.relay.connections
    with checked.first.relay.dead():
        await checked.pass_blocks(2)
        advance(5.5)
        await checked.pass_blocks(2)

    await checked.until(lambda: checked.first.relay.connections > connections)
    await told_again(checked)


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011, 1013])
async def test_socket__is_closed__is_made_again(checked: Flight, code: int) -> None:
    await told_again(checked)
    connections = checked.first.relay.connections

    assert await checked.first.relay.close_all(code) == 1

    await checked.until(lambda: checked.first.relay.connections > connections)
    await told_again(checked)


async def test_subscription__is_lost_with_the_connection_alive__is_made_again(checked: Flight) -> None:
    await told_again(checked)
    connections = checked.first.relay.connections
    with checked.first.relay.retelling(lambda head: []):
        await checked.pass_blocks(2)
        advance(5.5)
        await checked.until(lambda: checked.first.relay.connections > connections)

    await told_again(checked)


def with_result(**fields: Any) -> Retold:
    def retold(head: dict[str, Any]) -> list[str]:
        params = head["params"]
        return [json.dumps(head | {"params": params | {"result": params["result"] | fields}})]

    return retold


def of_another(head: dict[str, Any]) -> list[str]:
    return [json.dumps(head | {"params": head["params"] | {"subscription": "0x77"}})]


TALES: dict[str, Retold] = {
    "no JSON": lambda head: ["no JSON"],
    "10 MB": lambda head: ["x" * 10_000_000],
    "nested": lambda head: ["[" * 2_000],
    "no head": lambda head: [json.dumps(head | {"params": {}})],
    "null": lambda head: [json.dumps(head | {"params": None})],
    "hash missing": with_result(hash=None),
    "number as a number": with_result(number=7),
    "another subscription's": of_another,
    "far ahead": with_result(number=hex(2**60), hash="0x" + "77" * 32, parentHash="0x" + "78" * 32),
    "another hash": with_result(hash="0x" + "77" * 32),
    "another parent": with_result(hash="0x" + "77" * 32, parentHash="0x" + "78" * 32),
    "bloom of nothing": with_result(logsBloom="0x" + "00" * 256),
    "twice and older ones": lambda head: [json.dumps(head)] * 3,
}


@pytest.mark.parametrize("retold", TALES.values(), ids=TALES)
async def test_socket__tells_something_else__is_not_relied_on(checked: Flight, retold: Retold) -> None:
    with checked.first.relay.retelling(retold):
        told = checked.first.relay.told
        await checked.until(lambda: checked.first.relay.told > told)
        await checked.pass_blocks(1)


async def test_socket__hangs_up_at_once_every_time__connections_are_few(checked: Flight) -> None:
    connections = checked.first.relay.connections
    with checked.first.relay.hanging_up():
        await checked.first.relay.close_all()
        for _ in range(8):
            await checked.pass_blocks(1)
            advance(1.0)

    # Eight seconds and what the blocks took.
    assert checked.first.relay.connections - connections <= 12


async def test_socket__is_refused__keeper_looks_by_itself(checked: Flight) -> None:
    with checked.first.relay.refusing():
        await checked.first.relay.close_all()
        await checked.pass_blocks(6)


@pytest.mark.parametrize("who", ["HTTP", "WebSocket"])
async def test_heads__one_way_is_ahead_of_the_other__blocks_come_once(checked: Flight, who: str) -> None:
    reorgs = checked.keeper.report.reorgs
    if who == "WebSocket":
        lag = faults.lagging(10)
        with checked.first.inject(lag, *faults.HEADS), checked.second.inject(lag, *faults.HEADS):
            await checked.pass_blocks(6)
    else:
        late: list[str] = []

        def ten_later(head: dict[str, Any]) -> list[str]:
            late.append(json.dumps(head))
            return late[-10:-9]

        with checked.first.relay.retelling(ten_later):
            await checked.pass_blocks(14)

    assert checked.keeper.report.reorgs == reorgs
