"""
What of a pool its owners change: fees, ramps, rates and pauses. Not every such change is announced, and where it is,
the event may be one that is not followed; so it is read again in short intervals, together with what is stale.
"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.registry.window import TICK_RADIUS
from keeper.types import Reading

#: What is compared, by family. A pool that is paused, killed or on a ramp does not answer at all. Nothing of pairs and
#: pools of Uniswap V2 and V3 can be changed that concerns what they pay.
METADATA: Mapping[str, tuple[str, ...]] = {
    "uniswap_v4": ("protocol_fee",),
    "camelot_v2": ("fee_percents", "stable_swap", "owner_fee_share"),
    "camelot_v3": ("fee_zto", "fee_otz"),
    "curve_stableswap": ("a", "fee", "admin_fee"),
    "curve_stableswap_ng": ("a", "fee", "offpeg_fee_multiplier", "admin_fee", "rates"),
    "curve_cryptoswap": ("a", "gamma", "mid_fee", "out_fee", "fee_gamma"),
    "balancer_weighted": ("swap_fee",),
    "balancer_stable": ("amp", "swap_fee", "scaling_factors"),
    "balancer_v3_weighted": ("vault.swap_fee", "vault.aggregate_swap_fee", "vault.rates"),
    "balancer_v3_stable": ("amp", "vault.swap_fee", "vault.aggregate_swap_fee", "vault.rates"),
}

#: Families of which a part with few ticks is read: their fees stand beside the price.
_WITH_TICKS = frozenset({"uniswap_v4", "camelot_v3"})


def metadata_of(pool: Pool) -> tuple[Any, ...]:
    """
    Return the values that are compared; none where nothing of the family can be changed.
    """
    return tuple(attrgetter(name)(pool) for name in METADATA.get(pool.info.family, ()))


def metadata_reading(info: PoolInfo) -> Reading[Pool]:
    """
    Return a reading of the pool that tells at least its metadata: few calls, whatever the family.
    """
    return FAMILIES[info.family].read(info, 0 if info.family in _WITH_TICKS else TICK_RADIUS)
