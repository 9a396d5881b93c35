"""
Everything that a soak lets go wrong: troubles with a name, each for as long as its block runs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from random import Random
from typing import TypeAlias

from keeper.chain.arbitrum import read_arbos
from keeper.chain.rpc import Rpc
from soak import faults, tables
from soak.flight import FACTS, Flight
from soak.proxy import SENDS, Fault, FaultProxy
from soak.sockets import Relay

Trouble: TypeAlias = Callable[[Flight, Random], AbstractAsyncContextManager[None]]

_DEEPEST_REORG = 20
_CLOSE_CODES = (1000, 1001, 1006, 1008, 1011, 1013)


def of_requests(fault: Fault, *methods: str) -> Trouble:
    """A fault of requests, at the first node, the second or both, always or now and then."""

    @asynccontextmanager
    async def trouble(flight: Flight, choice: Random) -> AsyncIterator[None]:
        share = choice.choice((0.2, 0.6, 1.0))
        own = Random(choice.random())  # how many requests there are must not change what comes next
        with ExitStack() as stack:
            for proxy in _some(flight, choice):
                stack.enter_context(proxy.inject(fault, *methods, chance=lambda: own.random() < share))
            yield

    return trouble


def _some(flight: Flight, choice: Random) -> tuple[FaultProxy, ...]:
    return choice.choice(((flight.first,), (flight.second,), (flight.first, flight.second)))


@asynccontextmanager
async def down(flight: Flight, choice: Random) -> AsyncIterator[None]:
    """The first node, or both, refuse connections."""
    async with flight.first.down():
        if choice.random() < 0.5:
            yield
            return
        async with flight.second.down():
            yield


@asynccontextmanager
async def branch(flight: Flight, choice: Random) -> AsyncIterator[None]:
    """The first node, or both, are on a branch of their own."""
    height = int(flight.net.rpc("eth_blockNumber"), 16) - choice.randrange(_DEEPEST_REORG)
    with ExitStack() as stack:
        for proxy in _some(flight, choice):
            stack.enter_context(proxy.inject(faults.forked(height)))
        yield


@asynccontextmanager
async def reorganised(flight: Flight, choice: Random) -> AsyncIterator[None]:
    """The chain takes blocks back."""
    flight.net.reorganise(choice.randint(1, _DEEPEST_REORG))
    yield


@asynccontextmanager
async def killed(flight: Flight, choice: Random) -> AsyncIterator[None]:
    """The keeper is killed, and started again."""
    await flight.kill()
    await flight.start()
    yield


@asynccontextmanager
async def stopped(flight: Flight, choice: Random) -> AsyncIterator[None]:
    """The keeper is told to stop, and started again."""
    await flight.stop()
    await flight.start()
    yield


@asynccontextmanager
async def dearer(flight: Flight, choice: Random) -> AsyncIterator[None]:
    """L1 data cost twenty times as much, and tips are said to be collected."""
    async with Rpc(flight.net.url) as rpc:
        before = (await read_arbos(rpc, FACTS)).l1_wei_per_unit
    flight.net.set_l1_price(before * 20)
    flight.net.set_collect_tips(True)
    try:
        yield
    finally:
        flight.net.set_l1_price(before)
        flight.net.set_collect_tips(False)


@asynccontextmanager
async def blocked(flight: Flight, choice: Random) -> AsyncIterator[None]:
    """Requests take half a second."""
    with flight.first.inject(faults.slow(0.5)), flight.second.inject(faults.slow(0.5)):
        yield


def of_socket(how: Callable[[Relay], AbstractAsyncContextManager[None]]) -> Trouble:
    """A trouble of the WebSocket."""
    return lambda flight, choice: how(flight.first.relay)


@asynccontextmanager
async def silent(relay: Relay) -> AsyncIterator[None]:
    with relay.dead():
        yield


@asynccontextmanager
async def deaf(relay: Relay) -> AsyncIterator[None]:
    with relay.retelling(lambda head: []):
        yield


@asynccontextmanager
async def refused(relay: Relay) -> AsyncIterator[None]:
    with relay.refusing():
        await relay.close_all()
        yield


@asynccontextmanager
async def hung_up(relay: Relay) -> AsyncIterator[None]:
    with relay.hanging_up():
        await relay.close_all()
        yield


@asynccontextmanager
async def closed(relay: Relay) -> AsyncIterator[None]:
    for code in _CLOSE_CODES:
        await relay.close_all(code)
        await asyncio.sleep(0.1)
    yield


TROUBLES: dict[str, Trouble] = {
    **{f"no answer: {name}": of_requests(fault) for name, fault in tables.NO_ANSWER.items()},
    **{f"no result: {name}": of_requests(faults.result(value)) for name, value in tables.NO_RESULT.items()},
    **{f"logs: {name}": of_requests(fault, "eth_getLogs") for name, fault in tables.LIES.items()},
    **{f"receipt: {name}": of_requests(fault, "eth_getTransactionReceipt") for name, fault in tables.RECEIPTS.items()},
    **{f"call: {name}": of_requests(fault, "eth_call") for name, fault in tables.CALLS.items()},
    **{
        f"send: {name}": of_requests(faults.error(*told), SENDS)
        for name, told in (tables.REFUSALS | tables.DOUBTS).items()
    },
    "send: swallowed": of_requests(faults.swallow, SENDS),
    "send: taken, not answered": of_requests(faults.take_and_hang, SENDS),
    "send: taken late": of_requests(faults.late(2.0, faults.error(-32000, "context deadline exceeded")), SENDS),
    "lags": of_requests(faults.lagging(8), *faults.HEADS),
    "estimates: half": of_requests(faults.retold(lambda told: hex(int(told, 16) // 2)), "eth_estimateGas"),
    "hangs": of_requests(faults.hang()),
    "down": down,
    "slow": blocked,
    "branch": branch,
    "reorganised": reorganised,
    "prices": dearer,
    "killed": killed,
    "stopped": stopped,
    "socket: silent": of_socket(silent),
    "socket: deaf": of_socket(deaf),
    "socket: refused": of_socket(refused),
    "socket: hung up": of_socket(hung_up),
    "socket: closed": of_socket(closed),
}
