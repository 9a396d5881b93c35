"""
When to look at the chain: told by a node's WebSocket, or every few milliseconds.

A told head saves a request and the wait; it is never relied on. Whatever a broken subscription does not tell, the next
look by HTTP finds. A subscription that tells nothing any more is made anew, on a connection of its own.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from keeper.chain.answers import fields, parsed
from keeper.chain.follower import to_block
from keeper.config import Settings
from keeper.errors import ChainError
from keeper.redaction import redact_url
from keeper.types import Block

_log = structlog.get_logger("heads")

#: A subscription that tells nothing for so long is checked by HTTP; Arbitrum has four blocks a second.
SILENCE_SECONDS = 1.0

#: How long a node may take to accept a subscription.
_REPLY_SECONDS = 5

#: And to say good-bye.
_CLOSE_SECONDS = 0.5

#: A connection over which no head came for so long is given up, whatever it says to a ping.
_DEAD_SECONDS = 5.0

#: The pause before a new connection, doubled each time up to the second figure, and longer by up to a half at random:
#: many clients that lost one node do not come back at once.
_RECONNECT_SECONDS = (1.0, 10.0)
_SPREAD = 0.5


class Heads(Protocol):
    """Whoever says when to look."""

    async def next(self) -> Block | None:
        """Return when it is time to look: with the latest head if it is known, else with None."""
        ...


class PolledHeads:
    """Looks every few milliseconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def next(self) -> Block | None:
        await asyncio.sleep(self._seconds)
        return None


class SubscribedHeads:
    """
    Told by a node over WebSocket; reconnects by itself, and lets the caller look in the meantime.
    """

    def __init__(self, url: str, poll_seconds: float) -> None:
        self._url = url
        self._poll_seconds = poll_seconds
        self._latest: asyncio.Queue[Block] = asyncio.Queue(maxsize=1)
        self._connected = False
        self._pause = _RECONNECT_SECONDS[0]
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "SubscribedHeads":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def next(self) -> Block | None:
        try:
            async with asyncio.timeout(SILENCE_SECONDS if self._connected else self._poll_seconds):
                return await self._latest.get()
        except TimeoutError:
            return None

    async def _run(self) -> None:
        while True:
            try:
                async with connect(
                    self._url, open_timeout=5, ping_interval=5, ping_timeout=5, close_timeout=_CLOSE_SECONDS
                ) as socket:
                    await self._listen(socket, await self._subscribe(socket))
            except (OSError, WebSocketException, TimeoutError, ChainError, ValueError) as error:
                _log.warning("subscription_lost", node=redact_url(self._url), reason=type(error).__name__)
            self._connected = False
            spread = 1 + _SPREAD * random.random()  # noqa: S311 - nobody gains by guessing
            await asyncio.sleep(self._pause * spread)
            self._pause = min(2 * self._pause, _RECONNECT_SECONDS[1])

    async def _subscribe(self, socket: ClientConnection) -> Any:
        """Ask for heads, and return what the node calls the subscription."""
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}))
        # Not wait_for: before Python 3.12 it may swallow the cancellation that ends this task.
        async with asyncio.timeout(_REPLY_SECONDS):
            reply = parsed(await socket.recv())
        if not isinstance(reply, dict) or "result" not in reply:
            raise ChainError("the node does not offer newHeads")
        self._connected = True
        return reply["result"]

    async def _listen(self, socket: ClientConnection, subscription: Any) -> None:
        """Take heads until the connection ends, or none came for too long."""
        while True:
            async with asyncio.timeout(_DEAD_SECONDS):
                while (block := _head(await socket.recv(), subscription)) is None:
                    pass
            self._replace(block)
            self._pause = _RECONNECT_SECONDS[0]

    def _replace(self, block: Block) -> None:
        """Only the newest head is of interest."""
        with suppress(asyncio.QueueEmpty):
            self._latest.get_nowait()
        self._latest.put_nowait(block)


@asynccontextmanager
async def open_heads(settings: Settings) -> AsyncIterator[Heads]:
    """
    Yield the heads that a node tells over WebSocket or, where the settings name none, those found by looking.
    """
    if settings.ws_url is None:
        yield PolledHeads(settings.poll_seconds)
        return
    async with SubscribedHeads(settings.ws_url.get_secret_value(), settings.poll_seconds) as heads:
        yield heads


def _head(message: str | bytes, subscription: Any) -> Block | None:
    """
    Return the head that a message tells, or None if it is about something else.

    Raises:
        ChainError, ValueError: It is no message of a node's.
    """
    told = parsed(message)
    if not isinstance(told, dict) or told.get("method") != "eth_subscription":
        return None
    parameters = fields(told.get("params"), "notification")
    if parameters.get("subscription") != subscription:
        return None
    return to_block(fields(parameters.get("result"), "head"))
