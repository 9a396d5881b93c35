"""
A JSON-RPC server on loopback that keeps what it is sent and answers as it is told.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class HttpReceiver:
    """
    Attributes:
        url: Where it listens; what follows the port must never be shown.
        requests: Methods and parameters, as they came.
        answer: A result, an error object (with ``code`` and ``message``), a whole response, or a function of the
            parameters that returns one of these.
        arrived: Whether anything came.
        hold: Set it free to have an answer given that waits.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, Any]] = []
        self.answer: Any = "0x"
        self.arrived = asyncio.Event()
        self.hold: asyncio.Event | None = None

    async def _post(self, incoming: web.Request) -> web.Response:
        request = await incoming.json()
        assert set(request) == {"jsonrpc", "id", "method", "params"}
        self.requests.append((request["method"], request["params"]))
        self.arrived.set()
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answer(*request["params"]) if isinstance(self.answer, Callable) else self.answer  # type: ignore[arg-type]
        if isinstance(answer, web.Response):
            return answer
        field = "error" if isinstance(answer, dict) and "code" in answer else "result"
        return web.json_response({"jsonrpc": "2.0", "id": request["id"], field: answer})


@asynccontextmanager
async def receiving() -> AsyncIterator[HttpReceiver]:
    """Yield a server that listens."""
    receiver = HttpReceiver()
    application = web.Application()
    application.router.add_post("/secret", receiver._post)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/secret"
    try:
        yield receiver
    finally:
        if receiver.hold is not None:
            receiver.hold.set()
        await runner.cleanup()
