"""
What a node can do wrong with a request: each a function from an exchange to what goes over the wire instead.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from eth_utils.crypto import keccak

from soak.proxy import Exchange, Fault, Message, Reaction


async def abort(exchange: Exchange) -> Reaction:
    """Cut the connection."""
    if exchange.http.transport is not None:
        exchange.http.transport.abort()
    return web.Response()


def hang(seconds: float = 3_600.0) -> Fault:
    """Take the request, and say nothing for so long."""

    async def fault(exchange: Exchange) -> Reaction:
        await asyncio.sleep(seconds)
        return await exchange.forward()

    return fault


async def take_and_hang(exchange: Exchange) -> Reaction:
    """Do what is asked, and never say so."""
    await exchange.forward()
    return await hang()(exchange)


def status(code: int, **headers: str) -> Fault:
    """An HTTP status; underscores of header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def fault(exchange: Exchange) -> Reaction:
        return web.Response(status=code, headers=named)

    return fault


def body(text: str | bytes, content_type: str = "application/json", **headers: str) -> Fault:
    """Whatever text for an answer, with status 200."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    encoded = text.encode() if isinstance(text, str) else text

    async def fault(exchange: Exchange) -> Reaction:
        return web.Response(body=encoded, content_type=content_type, headers=named)

    return fault


async def truncated(exchange: Exchange) -> Reaction:
    """The first half of the true answer."""
    whole = json.dumps(await exchange.forward()).encode()
    return web.Response(body=whole[: len(whole) // 2], content_type="application/json")


async def closed_in_the_middle(exchange: Exchange) -> Reaction:
    """The first half of the true answer, of a length that is announced whole; then the connection is cut."""
    whole = json.dumps(await exchange.forward()).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
    await response.prepare(exchange.http)
    await response.write(whole[: len(whole) // 2])
    return await abort(exchange)


def dripping(seconds: float) -> Fault:
    """The true answer, a byte at a time."""

    async def fault(exchange: Exchange) -> Reaction:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(exchange.http)
        for byte in json.dumps(await exchange.forward()).encode():
            await response.write(bytes([byte]))
            await asyncio.sleep(seconds)
        return response

    return fault


def slow(seconds: float) -> Fault:
    """The true answer, late."""

    async def fault(exchange: Exchange) -> Reaction:
        await asyncio.sleep(seconds)
        return await exchange.forward()

    return fault


def error(code: int, words: str, data: Any = None) -> Fault:
    """A JSON-RPC error."""

    async def fault(exchange: Exchange) -> Reaction:
        return exchange.error(code, words, data)

    return fault


def result(value: Any) -> Fault:
    """This for a result, whatever is asked."""

    async def fault(exchange: Exchange) -> Reaction:
        return exchange.result(value)

    return fault


def changed(change: Callable[[Message], Any]) -> Fault:
    """The whole answer, changed."""

    async def fault(exchange: Exchange) -> Reaction:
        return change(await exchange.forward())

    return fault


def retold(change: Callable[[Any], Any]) -> Fault:
    """The true result, changed; errors stay."""

    async def fault(exchange: Exchange) -> Reaction:
        answer = await exchange.forward()
        return answer | {"result": change(answer["result"])} if "result" in answer else answer

    return fault


def asked_instead(change: Callable[[Message], Mapping[str, Any]]) -> Fault:
    """The true answer to another request."""

    async def fault(exchange: Exchange) -> Reaction:
        identity = exchange.request["id"]
        exchange.request = {**change(exchange.request)}
        return await exchange.forward() | {"id": identity}

    return fault


def late(seconds: float, fault: Fault) -> Fault:
    """What is asked happens so much later, after the fault's answer."""
    tasks: set[asyncio.Task[Any]] = set()

    async def happen(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.forward()

    async def react(exchange: Exchange) -> Reaction:
        task = asyncio.create_task(happen(exchange))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return await fault(exchange)

    return react


def lagging(blocks: int) -> Fault:
    """A node whose head is so many blocks behind; of ``eth_blockNumber`` and ``eth_getBlockByNumber``."""

    async def fault(exchange: Exchange) -> Reaction:
        asked = exchange.request
        if exchange.method == "eth_getBlockByNumber" and asked["params"][0] != "latest":
            return await exchange.forward()
        exchange.request = asked | {"method": "eth_blockNumber", "params": []}
        head = hex(max(int((await exchange.forward())["result"], 16) - blocks, 0))
        if exchange.method == "eth_blockNumber" and asked["method"] == "eth_blockNumber":
            return exchange.result(head)
        exchange.request = asked | {"params": [head, *asked["params"][1:]]}
        return await exchange.forward()

    return fault


#: What ``lagging`` is about.
HEADS = ("eth_blockNumber", "eth_getBlockByNumber")


def forked(height: int, name: bytes = b"fork") -> Fault:
    """
    A node on a chain of its own above a height: the same blocks under other hashes, which it knows by those only.
    """
    true: dict[str, str] = {}

    def disguised(block_hash: str) -> str:
        other = "0x" + keccak(bytes.fromhex(block_hash[2:]) + name).hex()
        true[other] = block_hash
        return other

    def told(value: Any) -> Any:
        match value:
            case list():
                return [told(item) for item in value]
            case {"parentHash": parent, "number": number, "hash": own} if int(number, 16) > height:
                above = int(number, 16) > height + 1
                return value | {"hash": disguised(own), "parentHash": disguised(parent) if above else parent}
            case {"blockHash": str(own), "blockNumber": number} if int(number, 16) > height:
                return (
                    value | {"blockHash": disguised(own)} | ({"logs": told(value["logs"])} if "logs" in value else {})
                )
        return value

    def asked(value: Any) -> Any:
        match value:
            case list():
                return [asked(item) for item in value]
            case dict():
                return {key: asked(item) for key, item in value.items()}
            case str():
                return true.get(value, value)
        return value

    async def fault(exchange: Exchange) -> Reaction:
        exchange.request = exchange.request | {"params": asked(exchange.request["params"])}
        answer = await exchange.forward()
        return answer | {"result": told(answer["result"])} if "result" in answer else answer

    return fault


async def swallow(exchange: Exchange) -> Reaction:
    """Say that a transaction was taken, and lose it."""
    return exchange.result("0x" + keccak(bytes.fromhex(exchange.request["params"][0][2:])).hex())
