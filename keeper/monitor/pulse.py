"""
How well the process itself does: how late its event loop is, how long it stops for garbage, what its clock is worth.
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self

from keeper.monitor.metrics import Metrics

#: Between two looks at the event loop.
_SECONDS = 0.25

#: So many of the last blocks tell what the wall clock is worth; Arbitrum's timestamps are whole seconds, four blocks
#: each.
_BLOCKS = 20

#: Blocks this near to the wall clock are of a chain that follows it; a fork's or a replay's are not.
_FOLLOWS_SECONDS = 5.0


class Pulse:
    """
    Measures while it is entered.
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.perf_counter) -> None:
        self._metrics, self._clock = metrics, clock
        self._collecting_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        gc.callbacks.append(self.collecting)
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        gc.callbacks.remove(self.collecting)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def collecting(self, phase: str, info: Mapping[str, Any]) -> None:
        """The collector begins or ends; called by it."""
        if phase == "start":
            self._collecting_since = self._clock()
        elif self._collecting_since is not None:
            taken = self._clock() - self._collecting_since
            self._metrics.gc_pause.labels(str(info["generation"])).observe(taken)
            self._collecting_since = None

    async def _run(self) -> None:
        while True:
            due = self._clock() + _SECONDS
            await asyncio.sleep(_SECONDS)
            self._metrics.loop_lag.observe(max(self._clock() - due, 0.0))


class Clocks:
    """
    What the wall clock is worth, compared with a steady clock and with the timestamps of blocks.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()
        self._lags: deque[float] = deque(maxlen=_BLOCKS)
        self._follows = False

    def block(self, timestamp: int) -> float:
        """
        A block of this Unix second has come; return how late it is at least, 0.0 where the chain keeps another time.
        """
        lag = self._wall() - timestamp
        # Not for good by the first: a keeper is started, too, where its node is behind. What once follows, follows.
        self._follows = self._follows or abs(lag) <= _FOLLOWS_SECONDS
        self._lags.append(lag)
        # A timestamp is the second that had begun.
        return max(lag - 1.0, 0.0) if self._follows else 0.0

    def again(self) -> None:
        """
        The chain took blocks back: what time it keeps is to be seen again. A production chain's is the same; anvil's
        falls behind by what was taken back.
        """
        self._follows = False
        self._lags.clear()

    def skew(self) -> float:
        """
        Return by how many seconds the wall clock seems to be wrong: what it was set by since this was asked last, or
        how far all of the last blocks are ahead of it.
        """
        offset = self._wall() - self._steady()
        step, self._offset = offset - self._offset, offset
        behind = min(max(self._lags), 0.0) if self._follows and len(self._lags) == _BLOCKS else 0.0
        return step if abs(step) > abs(behind) else behind
