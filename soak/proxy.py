"""
A node that misbehaves on demand: HTTP JSON-RPC and WebSocket in front of a real one.

    proxy = await FaultProxy(net.url).start()
    with proxy.inject(status(503), "eth_getLogs") as rule:
        await rule.hit(3)

It runs in the event loop of whoever starts it.
"""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import aiohttp
from aiohttp import web

from soak.sockets import Relay

#: A JSON-RPC request or answer.
Message: TypeAlias = dict[str, Any]

#: What a fault makes of a request: a message, or whatever goes over the wire instead.
Reaction: TypeAlias = web.StreamResponse | Any

SENDS = "eth_sendRawTransaction"
_MAX_BODY = 64 * 2**20


@dataclass(slots=True)
class Exchange:
    """
    One request on its way through the proxy.

    Attributes:
        forward: Asks the real node, and returns its answer.
        http: The request as it came, for faults of the transport.
    """

    request: Message
    forward: Callable[[], Awaitable[Message]]
    http: web.Request

    @property
    def method(self) -> str:
        return str(self.request["method"])

    def result(self, value: Any) -> Message:
        """Return an answer with this result."""
        return {"jsonrpc": "2.0", "id": self.request["id"], "result": value}

    def error(self, code: int, words: str, data: Any = None) -> Message:
        """Return an answer with this error."""
        error = {"code": code, "message": words} | ({"data": data} if data is not None else {})
        return {"jsonrpc": "2.0", "id": self.request["id"], "error": error}


Fault: TypeAlias = Callable[[Exchange], Awaitable[Reaction]]


@dataclass(slots=True)
class Rule:
    """
    A fault in force.

    Attributes:
        methods: Which requests it concerns; empty for all.
        count: How many of them at most; None for all of them.
        chance: Tells of each whether it is concerned.
        hits: How many were so far.
    """

    fault: Fault
    methods: frozenset[str]
    count: int | None = None
    chance: Callable[[], bool] | None = None
    hits: int = 0
    _struck: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, method: str) -> bool:
        """Whether a request with this method is concerned; it is counted then."""
        if self.methods and method not in self.methods:
            return False
        if (self.count is not None and self.hits >= self.count) or (self.chance is not None and not self.chance()):
            return False
        self.hits += 1
        self._struck.set()
        return True

    async def hit(self, times: int = 1, seconds: float = 120.0) -> None:
        """Return when the fault has struck so often; TimeoutError if it does not."""
        async with asyncio.timeout(seconds):
            while self.hits < times:
                self._struck.clear()
                await self._struck.wait()


class FaultProxy:
    """
    Attributes:
        url: Where it listens.
        calls: How often each method was asked.
        relay: The faults of its WebSocket.
        on_send: Called with the bytes of every transaction before anything else happens to them.
    """

    def __init__(self, behind: str) -> None:
        self.url = ""
        self.calls: Counter[str] = Counter()
        self.relay = Relay(behind)
        self.on_send: Callable[[bytes], None] = lambda raw: None
        self._behind = behind
        self._rules: list[Rule] = []
        self._port = 0
        self._site: web.SockSite | None = None

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    async def start(self) -> Self:
        """Begin to listen on a free port of the loopback interface."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        application = web.Application(client_max_size=_MAX_BODY)
        application.router.add_post("/{tail:.*}", self._post)
        application.router.add_get("/{tail:.*}", self.relay.serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await self._listen()
        return self

    async def stop(self) -> None:
        """Let go of everything."""
        await self.relay.close_all()
        await self._runner.cleanup()
        await self._session.close()

    @contextmanager
    def inject(
        self, fault: Fault, *methods: str, count: int | None = None, chance: Callable[[], bool] | None = None
    ) -> Iterator[Rule]:
        """
        Have the fault in force while the block runs; the youngest comes first.
        """
        rule = Rule(fault, frozenset(methods), count, chance)
        self._rules.insert(0, rule)
        try:
            yield rule
        finally:
            self._rules.remove(rule)

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """
        Refuse connections, and cut those that there are, while the block runs.
        """
        assert self._site is not None
        await self._site.stop()
        await self.relay.close_all()
        if self._runner.server is not None:
            await self._runner.server.shutdown(0.05)
        try:
            yield
        finally:
            await self._listen()

    async def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._site = web.SockSite(self._runner, listener)
        await self._site.start()

    async def _post(self, incoming: web.Request) -> web.StreamResponse:
        body = await incoming.read()
        request = json.loads(body)
        method = request["method"]
        self.calls[method] += 1
        if method == SENDS:
            self.on_send(bytes.fromhex(request["params"][0][2:]))
        rule = next((rule for rule in self._rules if rule.takes(method)), None)
        if rule is None:
            return web.Response(body=await self._ask(body), content_type="application/json")

        async def forward() -> Message:
            answer: Message = json.loads(await self._ask(json.dumps(exchange.request).encode()))
            return answer

        exchange = Exchange(request, forward, incoming)
        reaction = await rule.fault(exchange)
        return reaction if isinstance(reaction, web.StreamResponse) else web.json_response(reaction)

    async def _ask(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._behind, data=body, headers=headers) as answer:
            return await answer.read()
