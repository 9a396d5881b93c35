"""
The bloom filter of a block header: whether logs can be in the block, and whether some were withheld.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from keeper.keccak import keccak

Log: TypeAlias = Mapping[str, Any]


@lru_cache(maxsize=65_536)
def bits(item: str) -> int:
    """
    Return the three bits that an address or a topic, as hex, sets in a bloom filter (Ethereum's yellow paper, M3:2048).
    """
    digest = keccak(bytes.fromhex(item.removeprefix("0x")))
    mask = 0
    for at in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[at : at + 2]) & 2047)
    return mask


def may_hold(bloom: int, item: str) -> bool:
    """
    Whether *item* can be in a block with this bloom filter: False is certain, True is not.
    """
    mask = bits(item)
    return bloom & mask == mask


def bloom_of(logs: Iterable[Log]) -> int:
    """
    Return the bloom filter of a block that has exactly these logs.
    """
    bloom, items = 0, set[str]()
    for log in logs:
        items.add(log["address"].lower())
        items.update(log["topics"])
    for item in items:
        bloom |= bits(item)
    return bloom


def unaccounted(bloom: int, logs: Iterable[Log], topics: Sequence[str]) -> list[str]:
    """
    Return those of *topics* that the bloom filter may hold and none of the *logs* has for its first.
    """
    present = {log["topics"][0] for log in logs}
    return [topic for topic in topics if topic not in present and may_hold(bloom, topic)]
