"""
A real HTTP receiver on loopback that takes, refuses, limits or hangs, as it is told.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Receiver:
    """
    Attributes:
        url: Where it is, with a secret in its path as providers have them.
        taken: The bodies of the requests that it answered with success.
        asked: How many requests there were.
        answers: What it does next: a status, a status with headers, or ``hang``; success when there is nothing left.
    """

    url: str = ""
    taken: list[Any] = field(default_factory=list)
    asked: int = 0
    answers: list[int | tuple[int, dict[str, str]] | str] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        body = await request.json() if request.can_read_body else request.method
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "hang":
            self.hanging.set()
            await asyncio.Event().wait()
        status, headers = answer if isinstance(answer, tuple) else (int(answer), {})
        if status < 300:
            self.taken.append(body)
        self._news.set()
        return web.Response(status=status, headers=headers)

    async def until(self, asked: int) -> None:
        """Wait until so many requests were answered, ten seconds at most."""
        async with asyncio.timeout(10):
            while self.asked < asked:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/services/SECRET"
    try:
        yield receiver
    finally:
        await runner.cleanup()
