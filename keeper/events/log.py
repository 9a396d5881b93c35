"""
The topics and words of a log, straight from their hex. What does not fit raises ValueError or struct.error.
"""

import struct
from collections.abc import Mapping
from typing import Any, TypeAlias

from keeper.types import Address

#: One result object of ``eth_getLogs``.
Log: TypeAlias = Mapping[str, Any]

uint = int.from_bytes

#: n words of 32 bytes, exactly.
_LAYOUTS = [struct.Struct(">" + "32s" * n) for n in range(8)]


def words(log: Log, topics: int, count: int) -> tuple[bytes, ...]:
    """Return the words of a log that has this number of topics and words."""
    if len(log["topics"]) != topics:
        raise ValueError(f"{len(log['topics'])} topics instead of {topics}")
    layout = _LAYOUTS[count] if count < len(_LAYOUTS) else struct.Struct(">" + "32s" * count)
    return layout.unpack(bytes.fromhex(log["data"][2:]))


def topic(log: Log, index: int) -> bytes:
    (word,) = _LAYOUTS[1].unpack(bytes.fromhex(log["topics"][index][2:]))
    return word  # type: ignore[no-any-return]


def address(word: bytes) -> Address:
    return Address(f"0x{fits(uint(word), 160):040x}")


def fits(value: int, bits: int) -> int:
    if value >> bits:
        raise ValueError(f"{value} exceeds uint{bits}")
    return value


def int24(word: bytes) -> int:
    value = uint(word, signed=True)
    if not -0x800000 <= value < 0x800000:
        raise ValueError(f"{value} exceeds int24")
    return value


def pool_of_id(log: Log) -> Address:
    """An id of Balancer begins with the pool's address; one of Uniswap V4 is cut to where an address would be."""
    return Address("0x" + topic(log, 1)[:20].hex())
