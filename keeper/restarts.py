"""
Back-off against restart loops: whatever starts a keeper again and again does so as fast as it can.

Each start is written down before anything is asked of a node, and forgotten once the keeper has lived for a while or
has ended as one that was told to. What is left are lives that ended soon: the more there are in a row, the longer the
next one waits before it trades.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from keeper.files import replace_file

_log = structlog.get_logger("restarts")

#: The file in the state directory.
STARTS_FILE = "starts.json"

#: A life that has lasted so long did not end at its start.
SOUND_SECONDS = 60.0

#: The first wait, doubled with each further failure, and the longest: no node that is back waits longer for its keeper.
_WAIT_SECONDS = (5.0, 60.0)

#: Starts before that are no part of a loop.
_WINDOW_SECONDS = 3_600.0

#: As many are kept.
_KEPT = 100


class Restarts:
    """
    The starts that came to nothing, of one state directory.

    Attributes:
        failures: How many lives in a row ended soon, before this one.
    """

    def __init__(self, state_dir: Path, most: int, clock: Callable[[], float] = time.time) -> None:
        """
        Args:
            most: With so many failures the next life waits; 0 for never.
            clock: Unix seconds: it goes on from one life to the next.
        """
        self._path = state_dir / STARTS_FILE
        self._most = most
        self._clock = clock
        self._before: list[float] = []
        self.failures = 0

    def begin(self) -> float:
        """
        Write this start down, and return for how many seconds it must wait.
        """
        now = self._clock()
        # A clock that was put back would have them come later.
        self._before = [at for at in self._load() if 0 <= now - at <= _WINDOW_SECONDS][-_KEPT:]
        self.failures = len(self._before)
        self._save([*self._before, now])
        if not 0 < self._most <= self.failures:
            return 0.0
        shortest, longest = _WAIT_SECONDS
        return float(min(shortest * 2 ** min(self.failures - self._most, 10), longest))

    def sound(self) -> None:
        """
        This life is none of those: forget them all.
        """
        self._save([])

    def excuse(self) -> None:
        """
        This life ended soon, and no restart is to blame: forget it, and not the others.
        """
        self._save(self._before)

    def _load(self) -> list[float]:
        try:
            return [float(at) for at in json.loads(self._path.read_text())["starts"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError):
            _log.warning("starts_refused", file=self._path.name)
            return []

    def _save(self, starts: list[float]) -> None:
        """A disk that does not take them is the business of the breakers."""
        try:
            if starts:
                replace_file(self._path, [json.dumps({"starts": starts}).encode()])
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("starts_not_written", reason=error.strerror)
