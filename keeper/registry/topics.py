"""
Whose events tell of the pools of a family.
"""

from collections.abc import Iterable, Mapping

from keeper.events import TOPICS, balancer_v2, balancer_v3, camelot, curve, uniswap_v2, uniswap_v3, uniswap_v4
from keeper.types import Hash

_TOPICS: Mapping[str, Iterable[Hash]] = {
    "uniswap_v2": uniswap_v2.TOPICS,
    "uniswap_v3": uniswap_v3.TOPICS,
    "uniswap_v4": uniswap_v4.TOPICS,
    "camelot_v2": {*uniswap_v2.TOPICS, *camelot.TOPICS},
    "camelot_v3": {*uniswap_v3.TOPICS, *camelot.TOPICS},
    "curve_stableswap": curve.TOPICS,
    "curve_stableswap_ng": curve.TOPICS,
    "curve_cryptoswap": curve.TOPICS,
    "balancer_weighted": balancer_v2.TOPICS,
    "balancer_stable": balancer_v2.TOPICS,
    "balancer_v3_weighted": balancer_v3.TOPICS,
    "balancer_v3_stable": balancer_v3.TOPICS,
}


def topics_of(families: Iterable[str]) -> list[Hash]:
    """
    Return the topics by which pools of these families are followed.
    """
    return sorted({topic for family in families for topic in _TOPICS.get(family, TOPICS)})
