"""
What an event does to a pool that is kept, by policy.
"""

from enum import StrEnum

from keeper.events import Event, V2Swap
from keeper.pools.pool import Pool

#: Families all of whose state is told by events, or is known to change by events only: a proved log stream keeps them
#: young. Of the others something moves unannounced (a rate, a ramp): they age from the moment they were read.
ANNOUNCED = frozenset({"uniswap_v2", "uniswap_v3", "uniswap_v4", "balancer_weighted"})


class CachePolicy(StrEnum):
    """
    How pools are kept from block to block.

    ``ttl`` serves states that the chain has left, and is there to be compared with; the others never do.
    """

    NONE = "none"  # every pool is forgotten with every block
    TTL = "ttl"  # events are not listened to
    INVALIDATE = "invalidate"  # every swap, mint and burn makes its pool forgotten
    APPLY = "apply"  # what an event tells is applied; only what it does not tell is forgotten

    def followed(self, pool: Pool, event: Event) -> Pool | None:
        """
        Return *pool* after *event* of its own, or None if it is to be forgotten.
        """
        if self is CachePolicy.APPLY:
            return pool.apply(event)
        if self is CachePolicy.INVALIDATE:
            # A pair's Swap changes nothing that its Sync has not told, but it is one of the kinds that drop the entry.
            kept = pool.apply(event) is pool and not isinstance(event, V2Swap)
            return pool if kept else None
        return pool

    def renews(self, family: str) -> bool:
        """
        Whether a log stream that is proved gap-free keeps pools of *family* from ageing.
        """
        return self is CachePolicy.APPLY and family in ANNOUNCED
