"""
What the cache did.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class CacheCounts:
    """
    What the cache did since the start.

    Attributes:
        hits: Pools that a decision read and that cost no request in its block.
        misses: Pools that a decision wanted and that were stale, or had to be read in that very block.
        applied: Events that told the pool's next state.
        invalidated: Times that a pool, or a field of it, was forgotten.
        evicted: Times that a pool was given up for busier ones.
        read: Times that a pool, or a field of it, was read from the chain.
        seconds: How long the market has lived, by its caller's clock.
        waited: Times that a pool was read again after it had been forgotten.
        waited_seconds: How long it was unreadable, over all those times.
        longest_wait_seconds: The longest of them.
    """

    hits: int = 0
    misses: int = 0
    applied: int = 0
    invalidated: int = 0
    evicted: int = 0
    read: int = 0
    seconds: float = 0.0
    waited: int = 0
    waited_seconds: float = 0.0
    longest_wait_seconds: float = 0.0

    @property
    def hit_rate(self) -> float:
        """Hits as a share of all reads by decisions; 1.0 where there was none."""
        reads = self.hits + self.misses
        return self.hits / reads if reads else 1.0

    @property
    def invalidated_per_second(self) -> float:
        return self.invalidated / self.seconds if self.seconds else 0.0

    @property
    def mean_wait_seconds(self) -> float:
        """Time from a pool's invalidation to its next read."""
        return self.waited_seconds / self.waited if self.waited else 0.0

    def note_wait(self, seconds: float) -> None:
        """Count a pool that is read again after so long."""
        self.waited += 1
        self.waited_seconds += seconds
        self.longest_wait_seconds = max(self.longest_wait_seconds, seconds)

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return {
            "hits": self.hits,
            "misses": self.misses,
            "hit_rate": round(self.hit_rate, 6),
            "applied": self.applied,
            "invalidated": self.invalidated,
            "invalidated_per_second": round(self.invalidated_per_second, 3),
            "evicted": self.evicted,
            "read": self.read,
            "mean_wait_seconds": round(self.mean_wait_seconds, 6),
            "longest_wait_seconds": round(self.longest_wait_seconds, 6),
        }
