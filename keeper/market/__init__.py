"""
The market: every pool as of the head block, kept by one rule that a setting can loosen.

Apply if the event tells, otherwise forget until read. A read never returns an old state: a pool is current, or it is
stale and refuses.
"""

from keeper.market.audit import Audit
from keeper.market.counts import CacheCounts
from keeper.market.fields import Fee, Field, Reserve, TickRange
from keeper.market.market import Market
from keeper.market.memory import Memory
from keeper.market.policy import CachePolicy
from keeper.market.quarantine import Quarantine
from keeper.market.shelf import RING

__all__ = [
    "RING",
    "Audit",
    "CacheCounts",
    "CachePolicy",
    "Fee",
    "Field",
    "Market",
    "Memory",
    "Quarantine",
    "Reserve",
    "TickRange",
]
