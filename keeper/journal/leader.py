"""
Which of several keepers with the same operator keys may send: at most one at any time, and none that only believes it
may.

A session's advisory lock chooses the leader, but does not hold it back: a process that was stopped goes on, and one
that is cut off does not know that the server let its lock go. So there are three things more:

* an *epoch* for each key, one higher with each leader. Every write compares it within its own transaction, so that
  nothing of an earlier leader's is written any more, and what is not written is not sent;
* a *lease*: a leader asks the server several times a lease, and sends nothing once the last answered question is too
  old. The server ends a session that has not asked for a lease, and with it the lock;
* a *wait*: whoever takes over waits for one lease of his predecessor's before he leads, unless that one resigned.
"""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import psycopg
import structlog

from keeper.errors import LeaderError
from keeper.journal.postgres import BoundedConnection, connect
from keeper.journal.rows import Row
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
        epochs: Of this leader, by sender; empty before it leads.
    """

    def __init__(self, url: str, scope: str, lease_seconds: float, clock: Callable[[], float] = _seconds) -> None:
        """
        Args:
            scope: The chain; its senders are led apart.
            lease_seconds: For how long a leader may be out of touch.
        """
        self.epochs: Mapping[Address, int] = {}
        self._url = url
        self._scope = scope
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._senders: tuple[Address, ...] = ()
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._leads_from = float("inf")
        self._held_until = float("-inf")
        self._lost = ""

    # ---------------------------------------------------------------- for the keeper's thread

    def stand_for(self, senders: Iterable[Address]) -> bool:
        """
        Begin to stand by, the first time; return whether this process leads all of these.

        Raises:
            LeaderError: It did and does not any more.
        """
        if self._thread is None:
            self._senders = tuple(sorted(set(senders)))
            self._thread = threading.Thread(target=self._run, name="leadership", daemon=True)
            self._thread.start()
        if not self.epochs:
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
        if not self.epochs:
            raise LeaderError(f"this keeper does not lead {self._of}: it stands by")
        if self._clock() >= self._held_until:
            raise LeaderError(
                f"this keeper's lease of {self._of} ran out: it was stopped, or the journal's server is out of reach,"
                " and another keeper may lead"
            )

    def fence(self, store: Store) -> None:
        """
        Within a transaction of the journal: it will be written only if this process leads until then.

        Raises:
            LeaderError: Another one leads.
        """
        self.require()
        marks = ", ".join("?" * len(self._senders))
        # Locked, so that the next leader begins after this transaction.
        statement = f"SELECT sender, epoch, holder FROM leaders WHERE sender IN ({marks}) FOR SHARE"  # noqa: S608
        self._compare(store.query(statement, self._senders))
        self.require()

    def epoch(self, sender: Address) -> int:
        """
        Raises:
            LeaderError: *sender* is none of those that this process stands for.
        """
        if sender not in self.epochs:
            raise LeaderError(f"this keeper does not lead {sender}")
        return self.epochs[sender]

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
                    if self.epochs:
                        self._lead(connection)
                        return
            except (psycopg.Error, LeaderError) as error:
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                if self.epochs:
                    self._lost = self._lost or f"the journal's server is out of reach, and another may lead: {reason}"
                    _log.error("leadership_lost", senders=self._of, reason=reason)
                    return
                _log.warning("standby_disturbed", senders=self._of, reason=reason)
                self._stop.wait(_PAUSE_SECONDS)

    def _stand_by(self, connection: BoundedConnection) -> None:
        told = False
        while not self._stop.is_set():
            began = self._clock()
            if self._lock(connection):
                self._take_over(connection, began)
                return
            if not told:
                told = True
                _log.warning("keeper_stands_by", senders=self._of)
            self._stop.wait(self._lease_seconds / _BEATS)

    def _lock(self, connection: BoundedConnection) -> bool:
        """Have the locks of all senders, or none."""
        for sender in self._senders:
            name = hashlib.sha256(f"{self._scope} {sender}".encode()).digest()
            lock = int.from_bytes(name[:8], signed=True)
            (row,) = connection.execute("SELECT pg_try_advisory_lock(%s) AS had", (lock,)).fetchall()
            if not row["had"]:
                connection.execute("SELECT pg_advisory_unlock_all()")
                return False
        return True

    def _take_over(self, connection: BoundedConnection, began: float) -> None:
        before = self._leaders(connection)
        waits = [row["lease_seconds"] for row in before if not row["resigned"]]
        values = [(sender, self._holder, time.time(), self._lease_seconds) for sender in self._senders]
        with connection.transaction():
            epochs = {each[0]: connection.execute(_TAKE_OVER, each).fetchall()[0]["epoch"] for each in values}
        self._leads_from = self._clock() + max(waits, default=0.0)
        self._held_until = began + _SHARE * self._lease_seconds
        self.epochs = epochs
        _log.warning("leadership_taken", epochs=epochs, leads_in_seconds=max(waits, default=0.0))

    def _lead(self, connection: BoundedConnection) -> None:
        while not self._stop.wait(self._lease_seconds / _BEATS):
            began = self._clock()
            self._compare(self._leaders(connection))
            self._held_until = began + _SHARE * self._lease_seconds
        for sender, epoch in self.epochs.items():
            connection.execute("UPDATE leaders SET resigned = 1 WHERE sender = %s AND epoch = %s", (sender, epoch))

    def _leaders(self, connection: BoundedConnection) -> list[Row]:
        return [*connection.execute("SELECT * FROM leaders WHERE sender = ANY(%s)", (list(self._senders),))]

    def _compare(self, leaders: Iterable[Row]) -> None:
        """Note, and tell, that this process does not lead any more."""
        found = {row["sender"]: row for row in leaders}
        for sender, epoch in self.epochs.items():
            if sender not in found or found[sender]["epoch"] != epoch:
                holder = found[sender]["holder"] if sender in found else "nobody"
                self._lost = f"this keeper does not lead {sender} any more: {holder} does"
                raise LeaderError(self._lost)

    @property
    def _of(self) -> str:
        return ", ".join(self._senders)
