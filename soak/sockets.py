"""
The WebSocket of a node that misbehaves: it passes on what the real one tells, or does not.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import aiohttp
from aiohttp import WSMsgType, web

#: What becomes of a head that the node tells: frames that are sent instead, as text.
Retold: TypeAlias = Callable[[dict[str, Any]], list[str]]


class Relay:
    """
    Attributes:
        connections: How many were accepted so far.
        told: How many heads were passed on so far.
    """

    def __init__(self, behind: str) -> None:
        self.connections = 0
        self.told = 0
        self._behind = behind.replace("http", "ws", 1)
        self._open: set[web.WebSocketResponse] = set()
        self._requests: dict[web.WebSocketResponse, web.Request] = {}
        self._dead = False
        self._retold: Retold | None = None
        self._refused = False
        self._hangs_up = False

    @contextmanager
    def dead(self) -> Iterator[None]:
        """Say nothing any more, not even to a ping, and leave connections open."""
        self._dead = True
        try:
            yield
        finally:
            self._dead = False

    @contextmanager
    def retelling(self, retold: Retold) -> Iterator[None]:
        """Tell something else than each head."""
        self._retold = retold
        try:
            yield
        finally:
            self._retold = None

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Accept no connection."""
        self._refused = True
        try:
            yield
        finally:
            self._refused = False

    @contextmanager
    def hanging_up(self) -> Iterator[None]:
        """Accept every subscription, and hang up at once."""
        self._hangs_up = True
        try:
            yield
        finally:
            self._hangs_up = False

    async def close_all(self, code: int = 1001) -> int:
        """
        Close every connection with this code, or with none at all where it is 1006; return how many there were.
        """
        sockets = list(self._open)
        for ours in sockets:
            if code == 1006:
                transport = self._requests[ours].transport
                if transport is not None:
                    transport.abort()
            else:
                with suppress(ConnectionError):
                    await ours.close(code=code, drain=False)
        return len(sockets)

    async def serve(self, incoming: web.Request) -> web.StreamResponse:
        """Connect whoever comes with the real node."""
        if self._refused:
            return web.Response(status=503)
        ours = web.WebSocketResponse(autoping=False, timeout=0.2)
        await ours.prepare(incoming)
        self.connections += 1
        self._open.add(ours)
        self._requests[ours] = incoming
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(self._behind) as theirs:
                await _first(self._upwards(ours, theirs), self._downwards(ours, theirs))
        except (aiohttp.ClientError, ConnectionError):
            pass  # one of the two has gone
        finally:
            self._open.discard(ours)
            del self._requests[ours]
            with suppress(ConnectionError):
                await ours.close()
        return ours

    async def _upwards(self, ours: web.WebSocketResponse, theirs: aiohttp.ClientWebSocketResponse) -> None:
        async for message in ours:
            if message.type is WSMsgType.TEXT:
                await theirs.send_str(message.data)
            elif message.type is WSMsgType.PING and not self._dead:
                await ours.pong(message.data)

    async def _downwards(self, ours: web.WebSocketResponse, theirs: aiohttp.ClientWebSocketResponse) -> None:
        async for message in theirs:
            if message.type is not WSMsgType.TEXT or self._dead:
                continue
            is_head = "eth_subscription" in message.data
            for text in self._retold(json.loads(message.data)) if is_head and self._retold else [message.data]:
                await ours.send_str(text)
            self.told += is_head
            if self._hangs_up:
                return


async def _first(*endless: Any) -> None:
    """Run all until one ends, and end the others."""
    tasks = [asyncio.ensure_future(each) for each in endless]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
