"""
How old the pools are that nothing renews, and for how long what was forgotten has been wanted.
"""

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush

from keeper.market.counts import CacheCounts
from keeper.market.policy import CachePolicy
from keeper.market.shelf import Read
from keeper.types import Address


class Ageing:
    """
    The clock of the market: seconds of any steady clock; where none are told, the last ones told hold.

    Attributes:
        now: What it shows.
        proved_at: When the stream of logs was last known to be whole, None before anything was.
    """

    def __init__(self, ttl_seconds: float, policy: CachePolicy, counts: CacheCounts) -> None:
        self.now = 0.0
        self.proved_at: float | None = None
        self._ttl_seconds = ttl_seconds
        self._policy = policy
        self._counts = counts
        #: What ages from the moment it was read, the oldest first.
        self._queue: list[tuple[float, Address]] = []
        self._forgotten_at: dict[Address, float] = {}

    def tell(self, now: float | None) -> None:
        """Move the clock on."""
        if now is not None:
            if self.proved_at is not None:
                self._counts.seconds += now - self.now if now > self.now else 0.0
            self.now = now

    def ages(self, family: str) -> bool:
        """Whether nothing renews pools of a family."""
        return not self._policy.renews(family)

    def begin(self, address: Address, family: str, read: Read | None) -> None:
        """Let a pool age from when it was read, if nothing renews it."""
        if read is not None and self.ages(family):
            heappush(self._queue, (read[0], address))

    def unproved(self) -> bool:
        """Whether nothing is known to be current any more."""
        late = self.proved_at is not None and self.now - self.proved_at > self._ttl_seconds
        return late and self._policy is not CachePolicy.TTL

    def expired(self, read: Mapping[Address, Read]) -> Iterator[Address]:
        """Yield the pools whose last reading is too old, each once."""
        while self._queue and self.now - self._queue[0][0] > self._ttl_seconds:
            read_at, address = heappop(self._queue)
            if address in read and read[address][0] == read_at:
                yield address

    def forgotten(self, address: Address) -> None:
        """A pool, or a part of it, is unreadable from now on."""
        self._forgotten_at.setdefault(address, self.now)

    def read(self, address: Address) -> None:
        """A pool was read; count how long it was unreadable."""
        if (since := self._forgotten_at.pop(address, None)) is not None:
            self._counts.note_wait(self.now - since)

    def unwanted(self, address: Address) -> None:
        """Nobody waits for the pool any more."""
        self._forgotten_at.pop(address, None)
