"""
The nodes: which chain they are of, how fast they are, and what they let themselves be asked.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from keeper.abi import call
from keeper.chain.answers import octets
from keeper.chain.endpoint import Endpoint
from keeper.chain.reader import CALLS_PER_REQUEST, decode_aggregate3, encode_aggregate3
from keeper.commands.doctor.finding import Finding, fail, ok, warn
from keeper.config import ChainFacts, Settings
from keeper.errors import ChainError, RpcError
from keeper.redaction import redact_url
from keeper.types import Address

#: Arbitrum's block time: a node that needs longer for the least request tells of every block too late.
_SLOW_SECONDS = 0.25

#: Ranges of blocks for ``eth_getLogs``, tried in this order; a keeper that was away catches up in such pieces.
_RANGES = (1_000_000, 100_000, 10_000, 1_000, 100, 10)
_SMALL_RANGE = 1_000

#: So far back only archives have the state.
_OLD_BLOCKS = 1_000_000

#: Timestamps are whole seconds.
_STAMP_SECONDS = 1.0

_WS_SECONDS = 10.0


async def look_at_node(
    ask: Endpoint, name: str, settings: Settings, facts: ChainFacts, requests: int
) -> AsyncIterator[Finding]:
    """
    Yield what there is to say about an HTTP node; it ends early where the node is out of reach or of another chain.

    Args:
        requests: How many of them its speed is measured by.
    """
    try:
        chain_id = int(await ask("eth_chainId"), 16)
        head = await ask("eth_getBlockByNumber", "latest", False)
        number, age = int(head["number"], 16), time.time() - int(head["timestamp"], 16)
    except RpcError as error:
        yield fail(f"{name} reach", str(error), "check the URL and the key in it, or take the node out of rpc_urls")
        return
    except (TypeError, KeyError, ValueError):
        yield fail(f"{name} reach", f"{ask.url} does not answer as a node does", "check the URL")
        return
    if chain_id != facts.chain_id:
        words = f"{ask.url} is of chain {chain_id}; {facts.name} is chain {facts.chain_id}"
        yield fail(f"{name} chain", words, "use a node of the right chain, or another `chain`")
        return
    yield ok(f"{name} chain", f"{ask.url} is of chain {chain_id}, at block {number:,}")
    yield _clock(name, age, settings)
    yield await _speed(ask, name, requests)
    yield await _logs(ask, name, facts, head["hash"], number)
    yield await _multicall(ask, name, facts, head["hash"])
    yield await _pending(ask, name, facts)
    yield await _archive(ask, name, facts, number)


def _clock(name: str, age: float, settings: Settings) -> Finding:
    check = f"{name} clock"
    if age > settings.hard_stale_head_seconds:
        words = f"its latest block is {age:.0f} s old by this machine's clock: nothing would be sent"
        return fail(
            check, words, "if other nodes show the same, set this machine's clock (NTP); else the node is behind"
        )
    if age < -(_STAMP_SECONDS + settings.max_clock_skew_seconds):
        words = f"its latest block is {-age:.1f} s in the future by this machine's clock"
        return fail(check, words, "set this machine's clock (NTP): deadlines of programs would be over too early")
    if age > settings.stale_head_seconds:
        return warn(
            check, f"its latest block is {age:.1f} s old", "nothing is sent on such a head: see that it is rare"
        )
    return ok(check, f"its latest block is {max(age, 0.0):.1f} s old by this machine's clock")


async def _speed(ask: Endpoint, name: str, requests: int) -> Finding:
    taken = []
    for _ in range(requests):
        began = time.perf_counter()
        await ask("eth_blockNumber")
        taken.append(time.perf_counter() - began)
    words = f"median of {requests} requests {median(taken) * 1_000:.1f} ms, slowest {max(taken) * 1_000:.1f} ms"
    if median(taken) > _SLOW_SECONDS:
        return warn(
            f"{name} speed", words, "longer than a block takes: use a node nearer to the sequencer, or run here"
        )
    return ok(f"{name} speed", words)


async def _logs(ask: Endpoint, name: str, facts: ChainFacts, head: str, number: int) -> Finding:
    check, nobody = f"{name} eth_getLogs", facts.multicall3  # who logs nothing
    if not await _answers(lambda: ask("eth_getLogs", {"blockHash": head, "address": nobody})):
        return fail(check, "refuses logs by block hash", "use another node: the keeper asks for nothing else")
    for size in _RANGES:
        first = max(number - size + 1, 0)
        asked = {"fromBlock": hex(first), "toBlock": hex(number), "address": nobody}
        if await _answers(lambda asked=asked: ask("eth_getLogs", asked)):  # type: ignore[misc]
            words = f"takes ranges of {number - first + 1:,} blocks at least"
            if size < _SMALL_RANGE < number:
                return warn(
                    check, words, "finding pools and catching up takes many requests: a node without that limit"
                )
            return ok(check, words)
    return fail(check, "refuses every range of blocks", "use another node: missed blocks could not be caught up with")


async def _multicall(ask: Endpoint, name: str, facts: ChainFacts, head: str) -> Finding:
    check, size = f"{name} batch", CALLS_PER_REQUEST
    asked = call(Address(facts.multicall3), "getChainId()")
    while size:
        request = {"to": facts.multicall3, "data": "0x" + encode_aggregate3([asked] * size).hex()}
        try:
            told = await ask("eth_call", request, {"blockHash": head})
            answers = decode_aggregate3(octets(told, "answer to a multicall"), size)
        except ChainError:
            size //= 2
            continue
        if answers[0] is None or int.from_bytes(answers[0]) != facts.chain_id:
            return fail(check, "Multicall3 does not answer with the chain's id", f"is {facts.multicall3} Multicall3?")
        if size < CALLS_PER_REQUEST:
            words = f"answers {size:,} calls in one eth_call, {CALLS_PER_REQUEST:,} are asked for"
            return fail(check, words, "use a node that grants an eth_call 50 M gas and a megabyte")
        return ok(check, f"answers {size:,} calls in one eth_call, pinned to a block hash")
    advice = f"is {facts.multicall3} Multicall3 on this chain? Does the node take block hashes in eth_call?"
    return fail(check, "answers no batch of calls through Multicall3", advice)


async def _pending(ask: Endpoint, name: str, facts: ChainFacts) -> Finding:
    asked = call(Address(facts.multicall3), "getChainId()")
    request = {"to": facts.multicall3, "data": "0x" + asked.data.hex()}
    if await _answers(lambda: ask("eth_call", request, "pending")):
        return ok(f"{name} simulation", "executes calls on the pending state")
    return fail(
        f"{name} simulation", "refuses calls on the pending state", "use another node: nothing could be simulated"
    )


async def _archive(ask: Endpoint, name: str, facts: ChainFacts, number: int) -> Finding:
    old = max(number - _OLD_BLOCKS, 1)
    if await _answers(lambda: ask("eth_getBalance", facts.multicall3, hex(old))):
        return ok(f"{name} archive", f"has the state of block {old:,}")
    return ok(f"{name} archive", f"has no state of block {old:,}; only `backtest --rpc-url` and forks need that")


async def _answers(request: Callable[[], Awaitable[Any]]) -> bool:
    try:
        await request()
    except RpcError:
        return False
    return True


async def look_at_heads(url: str, facts: ChainFacts) -> AsyncIterator[Finding]:
    """
    Yield what there is to say about the WebSocket endpoint.
    """
    shown = redact_url(url)
    try:
        async with asyncio.timeout(_WS_SECONDS), connect(url, open_timeout=5) as socket:
            chain_id = await _told(socket, 1, "eth_chainId", [])
            if chain_id is None or int(chain_id, 16) != facts.chain_id:
                words = f"{shown} is of chain {chain_id and int(chain_id, 16)}; {facts.name} is chain {facts.chain_id}"
                yield fail("websocket", words, "use an endpoint of the right chain for ws_url")
                return
            if await _told(socket, 2, "eth_subscribe", ["newHeads"]) is None:
                yield fail(
                    "websocket", f"{shown} does not offer newHeads", "use another endpoint, or none: heads are polled"
                )
                return
            began = time.perf_counter()
            await socket.recv()
            yield ok("websocket", f"{shown} told of a head after {time.perf_counter() - began:.2f} s")
    except (OSError, WebSocketException, TimeoutError, ValueError, TypeError, AttributeError) as error:
        words = f"{shown} gives no heads: {type(error).__name__}"
        yield fail("websocket", words, "check ws_url, or take it out: heads are polled then, which is later")


async def _told(socket: Any, number: int, method: str, params: list[str]) -> Any:
    await socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
    return json.loads(await socket.recv()).get("result")


async def look_at_receivers(settings: Settings) -> AsyncIterator[Finding]:
    """
    Yield whether those answer who are sent bytes, and who signs.
    """
    receivers = [(f"endpoint {endpoint.kind}", endpoint.url) for endpoint in settings.endpoints]
    receivers += [("remote signer", settings.signer_url)] if settings.signer_url is not None else []
    for check, url in receivers:
        async with Endpoint(url.get_secret_value()) as ask:
            try:
                await ask("eth_chainId")
            except RpcError as error:
                # Who only takes transactions refuses the question, and so does answer.
                if error.code is None:
                    yield fail(check, str(error), "check its URL in the settings, or take it out")
                    continue
            yield ok(check, f"{ask.url} answers")
