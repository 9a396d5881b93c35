"""
Alerts on their way to their receivers, and the sign of life that alarms by its absence.

Nothing here makes the keeper wait: each receiver has a bounded queue and a task of its own, so that one that hangs
holds up nobody. Of one kind of news a first message goes out at once; what follows soon is counted and summed up.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import aiohttp
import structlog

from keeper.monitor.alerts import Alert, Severity
from keeper.monitor.metrics import Metrics
from keeper.monitor.sinks import NotDelivered, Sink
from keeper.redaction import redact_url

_log = structlog.get_logger("alerts")

#: Alerts that may wait for one receiver.
_WAITING = 100

_ATTEMPTS = 4

#: The pause after a failed attempt, doubled each time, and the longest that a receiver may ask for.
_BACK_OFF_SECONDS, _LONGEST_SECONDS = 1.0, 300.0

#: What is still on its way when the keeper ends may take so long.
_DRAIN_SECONDS = 5.0

#: How long the receiver of a sign of life may take.
_HEARTBEAT_SECONDS = 10.0

#: How long after the last tick of the loop the keeper still counts as alive.
ALIVE_SECONDS = 5.0


@dataclass(slots=True)
class _Lately:
    """
    Attributes:
        until: Until when alerts of the name are counted only.
        more: How many were.
        last: The last of them.
    """

    until: float
    more: int = 0
    last: Alert | None = None


class Delivery:
    """
    Hands alerts to every receiver. To be used as a context, and registered as a receiver of alerts.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        metrics: Metrics,
        pause_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        back_off_seconds: float = _BACK_OFF_SECONDS,
        drain_seconds: float = _DRAIN_SECONDS,
    ) -> None:
        """
        Args:
            pause_seconds: Alerts of one name that follow within so long of the last message are summed up.
        """
        self._metrics, self._pause_seconds, self._clock = metrics, pause_seconds, clock
        self._back_off_seconds, self._drain_seconds = back_off_seconds, drain_seconds
        self._queues: list[tuple[Sink, asyncio.Queue[Alert]]] = [(sink, asyncio.Queue(_WAITING)) for sink in sinks]
        self._lately: dict[str, _Lately] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._serve(sink, queue)) for sink, queue in self._queues]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give what is on its way a little time."""
        self._sum_up(everything=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                await asyncio.gather(*(queue.join() for _, queue in self._queues))
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for sink, queue in self._queues:
            if lost := queue.qsize():
                self._count(sink, "dropped", lost)

    def take(self, alert: Alert) -> None:
        """
        Deliver an alert, or count it if one of its name was delivered lately; returns at once.
        """
        now = self._clock()
        lately = self._lately.get(alert.name)
        if lately is not None and now < lately.until:
            lately.more, lately.last = lately.more + 1, alert
            for sink, _ in self._queues:
                self._count(sink, "suppressed")
            return
        if lately is not None and lately.more:
            self._put(self._summary(lately))
        self._lately[alert.name] = _Lately(now + self._pause_seconds)
        self._put(alert)

    def look(self) -> None:
        """
        Sum up what was counted, where its time has passed.
        """
        self._sum_up(everything=False)

    def _sum_up(self, everything: bool) -> None:
        now = self._clock()
        for name, lately in list(self._lately.items()):
            if now >= lately.until or everything:
                del self._lately[name]
                if lately.more:
                    self._put(self._summary(lately))
                    self._lately[name] = _Lately(now + self._pause_seconds)

    def _summary(self, lately: _Lately) -> Alert:
        assert lately.last is not None
        times = "once" if lately.more == 1 else f"{lately.more} times"
        return Alert(lately.last.severity, lately.last.name, f"{times} more, the last: {lately.last.text}")

    def _put(self, alert: Alert) -> None:
        for sink, queue in self._queues:
            if queue.full():
                self._count(sink, "dropped")
                if alert.severity is not Severity.PAGE or not _made_room(queue):
                    continue
            queue.put_nowait(alert)

    async def _serve(self, sink: Sink, queue: "asyncio.Queue[Alert]") -> None:
        while True:
            alert = await queue.get()
            try:
                await self._deliver(sink, alert)
            except asyncio.CancelledError:
                self._count(sink, "dropped")
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the next alert must not be lost to it
                self._count(sink, "failed")
                _log.error("alert_not_delivered", sink=sink.name, alert=alert.name, reason=type(error).__name__)
            finally:
                queue.task_done()

    async def _deliver(self, sink: Sink, alert: Alert) -> None:
        pause = self._back_off_seconds
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(pause)
            try:
                await sink.deliver(alert)
            except NotDelivered as error:
                _log.warning("alert_not_delivered", sink=sink.name, alert=alert.name, reason=str(error))
                if error.final:
                    break
                pause = min(max(2 * pause, error.retry_after or 0.0), _LONGEST_SECONDS)
            else:
                self._count(sink, "sent")
                return
        self._count(sink, "failed")

    def _count(self, sink: Sink, outcome: str, times: int = 1) -> None:
        self._metrics.alerts.labels(sink.name, outcome).inc(times)


def _made_room(queue: "asyncio.Queue[Alert]") -> bool:
    """Whether something less urgent could be given up."""
    waiting = [queue.get_nowait() for _ in range(queue.qsize())]
    for _ in waiting:
        queue.task_done()
    victim = next((place for place, alert in enumerate(waiting) if alert.severity is not Severity.PAGE), None)
    if victim is not None:
        del waiting[victim]
    for alert in waiting:
        queue.put_nowait(alert)
    return victim is not None


class Heartbeat:
    """
    Asks for a URL every few seconds while the keeper's loop ticks. Whoever keeps the URL alarms when that ends.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        seconds: float,
        ticked_at: Callable[[], float],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            ticked_at: When the loop last did something, by *clock*.
        """
        self._session, self._url, self._seconds = session, url, seconds
        self._ticked_at, self._metrics, self._clock = ticked_at, metrics, clock
        self._shown = redact_url(url)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await self.beat()
            await asyncio.sleep(self._seconds)

    async def beat(self) -> None:
        """
        Ask once, if the loop is alive.
        """
        if self._clock() - self._ticked_at() > ALIVE_SECONDS:
            self._metrics.heartbeats.labels("withheld").inc()
            return
        outcome = "failed"
        try:
            timeout = aiohttp.ClientTimeout(total=_HEARTBEAT_SECONDS)
            async with self._session.get(self._url, timeout=timeout) as answer:
                outcome = "sent" if answer.status < 400 else "failed"
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            pass
        self._metrics.heartbeats.labels(outcome).inc()
        if outcome == "failed":
            _log.warning("heartbeat_failed", sink=self._shown)
