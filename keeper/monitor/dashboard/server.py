"""
The dashboard over HTTP: the page, its updates, the switches, and what supervisors and Prometheus ask for.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any, Protocol

import structlog
from aiohttp import web

from keeper.monitor.dashboard.guard import Guard
from keeper.monitor.dashboard.seat import OPERATOR, Seat
from keeper.monitor.dashboard.viewers import Viewers
from keeper.redaction import redact

_log = structlog.get_logger("dashboard")

_PAGE = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

#: A reason is a sentence, not a file.
_MOST_BYTES = 4_096
_MOST_REASON = 200

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Source(Protocol):
    """
    What is served.
    """

    async def turn(self) -> None:
        """Wait until the keeper has time for one piece of work."""

    def snapshot(self) -> bytes:
        """Everything that is shown, as JSON."""

    def status(self) -> Mapping[str, Any]:
        """State and numbers, exact."""

    def alive(self) -> str:
        """Why the keeper is not alive; empty if it is."""

    def ready(self) -> str:
        """Why it does not trade; empty if it does."""

    def changed(self) -> None:
        """Something was switched: viewers want to know."""


class Server:
    """
    The routes, and who is behind them.
    """

    def __init__(self, source: Source, seat: Seat, guard: Guard, viewers: Viewers) -> None:
        self._source, self._seat, self._guard, self._viewers = source, seat, guard, viewers
        folder = files("keeper.monitor.dashboard") / "page"
        self._files = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in _PAGE.items()}

    def app(self) -> web.Application:
        """
        Return what aiohttp runs.
        """
        app = web.Application(middlewares=[self._check], client_max_size=_MOST_BYTES)
        for path in self._files:
            app.router.add_get(path, self._file)
        app.router.add_get("/events", self._events)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/status", self._status)
        app.router.add_get("/metrics", self._metrics)
        for action in ("pause", "resume", "halt"):
            app.router.add_post(f"/{action}", self._act)
        return app

    # ---------------------------------------------------------------- who may

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._guard.knows_host(request.host):
            return _refusal(421, "this host is not known: use an IP address, localhost, or a name of dashboard_names")
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = _refusal(error.status, error.reason.lower())
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    # ---------------------------------------------------------------- to look

    async def _file(self, request: web.Request) -> web.Response:
        await self._source.turn()
        content, kind = self._files[request.path]
        return web.Response(body=content, content_type=kind, charset="utf-8")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        await self._source.turn()
        viewer = self._viewers.join()
        if viewer is None:
            return _refusal(503, "too many pages are open")
        # At once: each update that he is told from now on is newer.
        snapshot = self._source.snapshot()
        response = web.StreamResponse(headers=_HEADERS | {"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            await response.write(b"retry: 1000\n" + event("snapshot", snapshot))
            while (update := await viewer.next()) is not None:
                await self._source.turn()
                await response.write(update)
        except ConnectionError:
            pass  # he left
        finally:
            self._viewers.leave(viewer)
        return response

    async def _livez(self, _request: web.Request) -> web.Response:
        return _verdict("alive", self._source.alive())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _verdict("ready", self._source.ready())

    async def _status(self, _request: web.Request) -> web.Response:
        await self._source.turn()
        return web.json_response(self._source.status())

    async def _metrics(self, _request: web.Request) -> web.Response:
        await self._source.turn()
        return web.Response(
            body=self._seat.metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    # ---------------------------------------------------------------- to act

    async def _act(self, request: web.Request) -> web.Response:
        action = request.path.removeprefix("/")
        if not self._guard.is_own(request.headers.get("Origin"), request.host):
            return _refusal(403, "another site's page may not do this")
        if not self._guard.accepts(request.headers.get("Authorization")):
            _log.warning("action_refused", action=action, reason="wrong token")
            return _refusal(403, "the token is wrong: the keeper wrote this run's to dashboard.token in its state_dir")
        reason, name = await _said(request)
        match action:
            case "pause":
                self._seat.pause(OPERATOR, reason or "paused from the dashboard")
            case "resume":
                self._seat.resume(name or OPERATOR)
            case _:
                self._seat.halt(reason or "halted from the dashboard")
        standing = self._seat.status()
        _log.warning("operator_acted", action=action, reason=reason, state=standing.state)
        self._source.changed()
        return web.json_response({"state": standing.state, "reasons": dict(standing.reasons)})


async def _said(request: web.Request) -> tuple[str, str]:
    """Why the operator does it, and, of a pause that something else made, the name by which it is resumed."""
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        body = None
    told = [body.get(key, "") if isinstance(body, dict) else None for key in ("reason", "name")]
    if not all(isinstance(text, str) for text in told):
        raise web.HTTPBadRequest(reason='The body must be empty or {"reason": "...", "name": "..."}')
    reason, name = (redact(" ".join(str(text).split())[:_MOST_REASON]) for text in told)
    return reason, name


def event(name: str, data: bytes) -> bytes:
    """
    Return a server-sent event; *data* is one line.
    """
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


def _verdict(word: str, reason: str) -> web.Response:
    return web.json_response({word: not reason} | ({"reason": reason} if reason else {}), status=503 if reason else 200)


def _refusal(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=_HEADERS)
