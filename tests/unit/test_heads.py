import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve

from keeper.chain.heads import PolledHeads, SubscribedHeads
from tests.clock import SteppedPolicy, advance
from tests.fake_node import header, url_of


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return SteppedPolicy()


def told(head: Any, subscription: Any = "0x1") -> dict[str, str]:
    """A notification, as text."""
    return {
        "text": json.dumps({"method": "eth_subscription", "params": {"subscription": subscription, "result": head}})
    }


class Publisher:
    """A node's WebSocket that tells the heads put into its queue; None hangs up."""

    def __init__(self) -> None:
        self.heads: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.subscriptions = 0
        self.offers_heads = True

    async def __call__(self, socket: ServerConnection) -> None:
        request = json.loads(await socket.recv())
        assert (request["method"], request["params"]) == ("eth_subscribe", ["newHeads"])
        self.subscriptions += 1
        await socket.send(json.dumps({"id": 1, "result": "0x1"} if self.offers_heads else {"id": 1, "error": {}}))
        while (head := await self._next(socket)) is not None:
            if "text" in head:
                await socket.send(head["text"])
                continue
            if "silence" in head:
                await socket.wait_closed()
                return
            await socket.send(
                json.dumps({"method": "eth_subscription", "params": {"subscription": "0x1", "result": head}})
            )

    async def _next(self, socket: ServerConnection) -> dict[str, Any] | None:
        """The next head; None when it is to hang up, or the other side has: the server waits for its handlers."""
        head, closed = asyncio.ensure_future(self.heads.get()), asyncio.ensure_future(socket.wait_closed())
        await asyncio.wait({head, closed}, return_when=asyncio.FIRST_COMPLETED)
        closed.cancel()
        if head.done():
            return head.result()
        head.cancel()
        return None


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
async def server(publisher: Publisher) -> AsyncIterator[Server]:
    async with serve(publisher, "127.0.0.1", 0) as server:
        yield server


async def first_told(heads: SubscribedHeads) -> int:
    async with asyncio.timeout(10):
        while True:
            if (block := await heads.next()) is not None:
                return block.number


async def test_subscribed__head_is_told__is_returned(publisher: Publisher, server: Server) -> None:
    publisher.heads.put_nowait(header(7))

    async with SubscribedHeads(url_of(server), 0.01) as heads:
        assert await first_told(heads) == 7


async def test_subscribed__connection_lost__is_made_again(publisher: Publisher, server: Server) -> None:
    async with SubscribedHeads(url_of(server), 0.01) as heads:
        publisher.heads.put_nowait(header(7))
        assert await first_told(heads) == 7
        publisher.heads.put_nowait(None)
        publisher.heads.put_nowait(header(8))

        assert await first_told(heads) == 8
    assert publisher.subscriptions == 2


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[" * 2_000,
        "x" * 2_000_000,
        told({**header(8), "hash": None})["text"],
        told({**header(8), "number": 8})["text"],
        told("0x8")["text"],
        told(None)["text"],
        '{"method": "eth_subscription"}',
        '{"method": "eth_subscription", "params": []}',
    ],
    ids=["no JSON", "deep", "2 MB", "no hash", "number", "text", "null", "no params", "list"],
)
async def test_subscribed__node_tells_what_is_no_head__connection_is_made_again(
    publisher: Publisher, server: Server, text: str
) -> None:
    async with SubscribedHeads(url_of(server), 0.01) as heads:
        for item in ({"text": text}, {"silence": True}, header(9)):
            publisher.heads.put_nowait(item)

        assert await first_told(heads) == 9
    assert publisher.subscriptions == 2


async def test_subscribed__news_that_was_not_asked_for__is_passed_over(publisher: Publisher, server: Server) -> None:
    for item in (told(header(8), subscription="0x2"), {"text": "[]"}, {"text": '{"id": 7, "result": true}'}, header(9)):
        publisher.heads.put_nowait(item)

    async with SubscribedHeads(url_of(server), 0.01) as heads:
        assert await first_told(heads) == 9
    assert publisher.subscriptions == 1


async def test_subscribed__subscription_lost_on_an_open_connection__is_made_again(
    publisher: Publisher, server: Server
) -> None:
    for item in (header(7), {"silence": True}, header(8)):
        publisher.heads.put_nowait(item)
    async with SubscribedHeads(url_of(server), 0.01) as heads:
        assert await first_told(heads) == 7
        advance(5.5)

        assert await first_told(heads) == 8
    assert publisher.subscriptions == 2


async def test_subscribed__nobody_there__lets_the_caller_look() -> None:
    async with SubscribedHeads("ws://127.0.0.1:9", 0.001) as heads:
        assert await heads.next() is None


async def test_subscribed__node_without_heads__lets_the_caller_look(publisher: Publisher, server: Server) -> None:
    publisher.offers_heads = False

    async with SubscribedHeads(url_of(server), 0.001) as heads:
        assert await heads.next() is None


async def test_polled__after_its_time__says_look() -> None:
    assert await PolledHeads(0.001).next() is None
