"""
Which of several keepers with one operator key may send: at most one at any time, and none that only believes it may.

A session's advisory lock chooses the leader, but does not hold it back: a process that was stopped goes on, and one
that is cut off does not know that the server let its lock go. So there are three things more:

* an *epoch*, one higher with each leader. Every write compares it within its own transaction, so that nothing of an
  earlier leader's is written any more, and what is not written is not sent;
* a *lease*: a leader asks the server several times a lease, and sends nothing once the last answered question is too
  old. The server ends a session that has not asked for a lease, and with it the lock;
* a *wait*: whoever takes over waits for one lease of his predecessor's before he leads, unless that one resigned.
"""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable

import psycopg
import structlog

from keeper.errors import LeaderError
from keeper.journal.postgres import BoundedConnection, connect
from keeper.journal.store import Store
from keeper.types import Address

_log = structlog.get_logger("leader")

#: A leader asks so often in a lease, and whoever stands by.
_BEATS = 4

#: A leader's own part of the lease; the rest is for clocks that run differently.
_SHARE = 0.8

#: A standby's pause after the server was out of reach.
_PAUSE_SECONDS = 1.0

_TAKE_OVER = """
INSERT INTO leaders AS l (sender, epoch, holder, at, lease_seconds, resigned) VALUES (%s, 1, %s, %s, %s, 0)
ON CONFLICT (sender) DO UPDATE SET epoch = l.epoch + 1, holder = excluded.holder, at = excluded.at,
    lease_seconds = excluded.lease_seconds, resigned = 0
RETURNING epoch
"""


def _seconds() -> float:
    """A clock that no one sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Leadership:
    """
    Stands by, leads, and stops leading, in a thread of its own with a connection of its own: what keeps the keeper busy
    does not cost it the lease, and what stops the process stops the thread.

    Attributes:
        epoch: Of this leader; 0 before it leads.
    """

    def __init__(self, url: str, scope: str, lease_seconds: float, clock: Callable[[], float] = _seconds) -> None:
        """
        Args:
            scope: The chain; its senders are led apart.
            lease_seconds: For how long a leader may be out of touch.
        """
        self.epoch = 0
        self._url = url
        self._scope = scope
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._sender = Address("")
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._leads_from = float("inf")
        self._held_until = float("-inf")
        self._lost = ""

    # ---------------------------------------------------------------- for the keeper's thread

    def stand_for(self, sender: Address) -> bool:
        """
        Begin to stand by, the first time; return whether this process leads.

        Raises:
            LeaderError: It did and does not any more.
        """
        if self._thread is None:
            self._sender = sender
            self._thread = threading.Thread(target=self._run, name="leadership", daemon=True)
            self._thread.start()
        if not self.epoch:
            return False
        self.require()
        return self._clock() >= self._leads_from

    def require(self) -> None:
        """
        Raises:
            LeaderError: This process does not lead, or cannot be sure of it.
        """
        if self._lost:
            raise LeaderError(self._lost)
        if not self.epoch:
            raise LeaderError(f"this keeper does not lead {self._sender}: it stands by")
        if self._clock() >= self._held_until:
            raise LeaderError(
                f"this keeper's lease of {self._sender} ran out: it was stopped, or the journal's server is out of"
                " reach, and another keeper may lead"
            )

    def fence(self, store: Store) -> None:
        """
        Within a transaction of the journal: it will be written only if this process leads until then.

        Raises:
            LeaderError: Another one leads.
        """
        self.require()
        # Locked, so that the next leader begins after this transaction.
        found = store.query("SELECT epoch, holder FROM leaders WHERE sender = ? FOR SHARE", (self._sender,))
        if not found or found[0]["epoch"] != self.epoch:
            self._lost = self._deposed(found[0]["holder"] if found else "nobody")
            raise LeaderError(self._lost)

    def resign(self) -> None:
        """Stop leading, or standing by."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                # The server ends a session that asks nothing for a lease: its process is stopped, or cut off.
                limit = f"{round(self._lease_seconds * 1_000)}ms"
                with connect(self._url, self._lease_seconds, idle_session_timeout=limit) as connection:
                    self._stand_by(connection)
                    if self.epoch:
                        self._lead(connection)
                        return
            except psycopg.Error as error:
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                if self.epoch:
                    self._lost = f"the journal's server is out of reach, so another keeper may lead: {reason}"
                    _log.error("leadership_lost", sender=self._sender, epoch=self.epoch, reason=reason)
                    return
                _log.warning("standby_disturbed", sender=self._sender, reason=reason)
                self._stop.wait(_PAUSE_SECONDS)

    def _stand_by(self, connection: BoundedConnection) -> None:
        lock = int.from_bytes(hashlib.sha256(f"{self._scope} {self._sender}".encode()).digest()[:8], signed=True)
        told = False
        while not self._stop.is_set():
            began = self._clock()
            if _ask(connection, "SELECT pg_try_advisory_lock(%s) AS value", lock):
                self._take_over(connection, began)
                return
            if not told:
                told = True
                _log.warning("keeper_stands_by", sender=self._sender)
            self._stop.wait(self._lease_seconds / _BEATS)

    def _take_over(self, connection: BoundedConnection, began: float) -> None:
        found = connection.execute("SELECT * FROM leaders WHERE sender = %s", (self._sender,)).fetchone()
        wait = 0.0 if found is None or found["resigned"] else found["lease_seconds"]
        epoch = _ask(connection, _TAKE_OVER, self._sender, self._holder, time.time(), self._lease_seconds)
        self._leads_from = self._clock() + wait
        self._held_until = began + _SHARE * self._lease_seconds
        self.epoch = int(epoch)
        _log.warning("leadership_taken", sender=self._sender, epoch=self.epoch, leads_in_seconds=wait)

    def _lead(self, connection: BoundedConnection) -> None:
        while not self._stop.wait(self._lease_seconds / _BEATS):
            began = self._clock()
            found = connection.execute("SELECT * FROM leaders WHERE sender = %s", (self._sender,)).fetchone()
            if found is None or found["epoch"] != self.epoch:
                self._lost = self._deposed(found["holder"] if found else "nobody")
                return
            self._held_until = began + _SHARE * self._lease_seconds
        connection.execute(
            "UPDATE leaders SET resigned = 1 WHERE sender = %s AND epoch = %s", (self._sender, self.epoch)
        )

    def _deposed(self, holder: str) -> str:
        return f"this keeper does not lead {self._sender} any more: {holder} does"


def _ask(connection: BoundedConnection, statement: str, *values: object) -> int:
    """The one value of the one row that a statement returns."""
    (row,) = connection.execute(statement, values).fetchall()
    (value,) = row.values()
    return int(value)
