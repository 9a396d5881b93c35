"""
The dashboard as a whole: it watches the loop, and serves what it saw.
"""

import asyncio
import errno
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
from aiohttp import web

from keeper.errors import ConfigError
from keeper.monitor.dashboard.board import Board, Identity
from keeper.monitor.dashboard.gate import Gate
from keeper.monitor.dashboard.guard import Guard
from keeper.monitor.dashboard.moment import Moment
from keeper.monitor.dashboard.seat import LIVE, STARTING, Seat
from keeper.monitor.dashboard.server import Server, event
from keeper.monitor.dashboard.viewers import Viewers

_log = structlog.get_logger("dashboard")

#: Between two updates; at rest, between two signs of life.
_UPDATE_SECONDS = 0.25
_REST_SECONDS = 2.0

#: A loop that went round this long ago has stopped, and a head this old is not traded on.
_LOOP_SECONDS = 5.0
_HEAD_SECONDS = 15.0

#: So many ports are tried, from the one that was asked for.
_PORTS = 20

_TOKEN_FILE = "dashboard.token"  # noqa: S105 - its name


class Dashboard:
    """
    Watches a keeper and serves what it saw, in the keeper's own event loop: where it can wait, between blocks.

    Attributes:
        url: Where it is served, once it is.
        viewers: Who looks.
    """

    def __init__(
        self, identity: Identity, seat: Seat, host: str, port: int, names: Sequence[str], state_dir: Path
    ) -> None:
        self.url = ""
        self.viewers = Viewers()
        self._identity, self._seat = identity, seat
        self._host, self._port, self._state_dir = host, port, state_dir
        self._guard = Guard((host, *names))
        self._board = Board(identity, seat)
        self._news = asyncio.Event()
        self._gate = Gate()
        self._ticked_at = time.monotonic()
        self._runner: web.AppRunner | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """
        Serve.

        Raises:
            ConfigError: It cannot be served there.
        """
        server = Server(self, self._seat, self._guard, self.viewers)
        # Whoever still looks when the keeper ends is told so by the end of his stream.
        self._runner = web.AppRunner(server.app(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            self.url = await self._bind(self._runner)
            self._guard.write_token(self._state_dir / _TOKEN_FILE)
        except ConfigError:
            await self._runner.cleanup()
            raise
        self._task = asyncio.create_task(self._publish())
        self._task.add_done_callback(_tell_failure)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._gate.open()
        self.viewers.let_go()
        if self._runner is not None:
            await self._runner.cleanup()
        (self._state_dir / _TOKEN_FILE).unlink(missing_ok=True)

    def notice(self, to_terminal: bool) -> str:
        """
        Return what to tell whoever starts the keeper: on a terminal with the token, elsewhere it would be in a log.
        """
        instead = "" if f":{self._port}/" in self.url else f" (port {self._port} is taken)"
        if to_terminal:
            return f"Dashboard: {self.url}#{self._guard.token}{instead}"
        return f"Dashboard: {self.url}, its token in {self._state_dir / _TOKEN_FILE}{instead}"

    # ---------------------------------------------------------------- the loop's side

    def ticked(self) -> None:
        """The loop went round."""
        self._ticked_at = time.monotonic()
        self._gate.open()

    def block_began(self) -> None:
        """A block is being handled."""
        self._gate.shut()

    def block_ended(self, moment: Moment) -> None:
        """Take the end of a block."""
        self._board.note(moment)
        self._gate.open()
        self._news.set()

    # ---------------------------------------------------------------- the server's side

    def changed(self) -> None:
        """Something was switched."""
        self._news.set()

    def snapshot(self) -> bytes:
        """Everything that is shown."""
        return self._board.snapshot()

    def status(self) -> Mapping[str, Any]:
        """State and numbers; amounts are integers, in wei."""
        standing, moment = self._seat.status(), self._board.moment
        identity = self._identity
        status: dict[str, Any] = {
            "state": standing.state,
            "may_send": standing.may_send,
            "reasons": dict(standing.reasons),
            "breakers": dict(standing.breakers),
            "alive": not self.alive(),
            "ready": not self.ready(),
            "version": identity.version,
            "chain_id": identity.chain_id,
            "executor": identity.executor,
            "operator": identity.operator,
        }
        if moment is None:
            return status
        report, block = moment.report, moment.block
        return status | {
            "head": {"number": block.number, "hash": block.hash, "timestamp": block.timestamp},
            "pools": {"followed": len(moment.market), "stale": len(moment.market.stale)},
            "quarantined": len(moment.quarantine.pools),
            "blocks": report.blocks,
            "opportunities": report.opportunities,
            "transactions": dict(report.transactions),
            "in_flight": moment.in_flight,
            "refused": dict(report.refused),
            "reorgs": report.reorgs,
            "cache_hit_rate": moment.market.counts.hit_rate,
            "rpc_calls": sum(moment.calls.values()),
            "gas_wei": report.gas_wei,
            "net_profit_wei": report.net_profit_wei,
            "viewers": len(self.viewers),
        }

    def alive(self) -> str:
        """Why the loop seems to have stopped; empty if it does not. A start takes as long as it takes."""
        silent = time.monotonic() - self._ticked_at
        if silent <= _LOOP_SECONDS or self._seat.status().state == STARTING:
            return ""
        return f"the loop went round {silent:.0f} seconds ago"

    def ready(self) -> str:
        """Why the keeper does not trade; empty if it does."""
        standing, moment = self._seat.status(), self._board.moment
        if standing.state != LIVE or not standing.may_send:
            return f"{standing.state}: {'; '.join(standing.reasons.values()) or 'it does not send'}"
        if reason := self.alive():
            return reason
        age = time.time() - moment.block.timestamp if moment is not None else None
        if age is None:
            return "no block was handled yet"
        return "" if age <= _HEAD_SECONDS else f"the head is {age:.0f} seconds old"

    async def turn(self) -> None:
        """Wait until the keeper has time for one piece of work, though not for ever."""
        await self._gate.turn()

    async def _publish(self) -> None:
        """Tell all viewers what is new, not more often than they can read it."""
        while True:
            try:
                async with asyncio.timeout(_REST_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            await self.turn()
            # With nobody there, too: what happens meanwhile is to be seen by who comes later.
            self.viewers.tell(event("update", self._board.update()))
            await asyncio.sleep(_UPDATE_SECONDS)

    async def _bind(self, runner: web.AppRunner) -> str:
        """Listen at the first port that is free, and return the address."""
        last = min(self._port + _PORTS, 65_536)
        for port in range(self._port, last):
            try:
                await web.TCPSite(runner, self._host, port).start()
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise ConfigError(
                    f"the dashboard cannot be served at {self._host} port {port}: {error.strerror}"
                ) from None
            host = f"[{self._host}]" if ":" in self._host else self._host
            return f"http://{host}:{port}/"
        raise ConfigError(
            f"the dashboard finds no free port from {self._port} to {last - 1} at {self._host}: choose another"
            " dashboard_port, or 0 for no dashboard"
        )


def _tell_failure(task: asyncio.Task[None]) -> None:
    """The keeper goes on without the page; that it stands still is not kept secret."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("dashboard_failed", reason=f"{type(error).__name__}: {error}")
