"""
When to look at the chain: told by a node's WebSocket, or every few milliseconds.

A told head saves a request and the wait; it is never relied on. Whatever a broken subscription does not tell, the next
look by HTTP finds.
"""

import asyncio
import json
from contextlib import suppress
from typing import Protocol

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from keeper.chain.follower import to_block
from keeper.errors import ChainError
from keeper.redaction import redact_url
from keeper.types import Block

_log = structlog.get_logger("heads")

#: A subscription that tells nothing for so long is checked by HTTP; Arbitrum has four blocks a second.
SILENCE_SECONDS = 1.0

#: How long a node may take to accept a subscription.
_REPLY_SECONDS = 5

#: The pause before a new connection, doubled each time up to the second figure.
_RECONNECT_SECONDS = (0.2, 10.0)


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
        pause = _RECONNECT_SECONDS[0]
        while True:
            try:
                async with connect(self._url, open_timeout=5, ping_interval=5, ping_timeout=5) as socket:
                    await self._subscribe(socket)
                    pause = _RECONNECT_SECONDS[0]
                    await self._listen(socket)
            except (OSError, WebSocketException, TimeoutError, ChainError, ValueError) as error:
                _log.warning("subscription_lost", node=redact_url(self._url), reason=type(error).__name__)
            self._connected = False
            await asyncio.sleep(pause)
            pause = min(2 * pause, _RECONNECT_SECONDS[1])

    async def _subscribe(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}))
        # Not wait_for: before Python 3.12 it may swallow the cancellation that ends this task.
        async with asyncio.timeout(_REPLY_SECONDS):
            reply = json.loads(await socket.recv())
        if "result" not in reply:
            raise ChainError("the node does not offer newHeads")
        self._connected = True

    async def _listen(self, socket: ClientConnection) -> None:
        async for message in socket:
            told = json.loads(message)
            if told.get("method") == "eth_subscription":
                self._replace(to_block(told["params"]["result"]))

    def _replace(self, block: Block) -> None:
        """Only the newest head is of interest."""
        with suppress(asyncio.QueueEmpty):
            self._latest.get_nowait()
        self._latest.put_nowait(block)
