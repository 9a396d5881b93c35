"""
The few shapes that every layer shares.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import NewType, TypeAlias, TypeVar, dataclass_transform

#: ``0x`` and 40 lower-case hex digits, as nodes write them in logs: no conversion between a log and a lookup.
Address = NewType("Address", str)

#: ``0x`` and 64 lower-case hex digits.
Hash = NewType("Hash", str)

ZERO_ADDRESS = Address("0x" + "00" * 20)

_Made = TypeVar("_Made")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[_Made]) -> type[_Made]:
    """
    Make a slotted dataclass that nobody changes, for what is made with every log and for every candidate.

    The type checker refuses a change as it does of a frozen dataclass. The interpreter does not: there, its refusal
    would take four times as long as all else that making one takes.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass(frozen=True, slots=True)
class Block:
    """
    The part of a header that decisions need.

    Attributes:
        timestamp: The sequencer's clock, in whole seconds.
        base_fee_wei: Price of one unit of gas before any tip.
        logs_bloom: What the block's logs leave in 2048 bits; None if it is not known.
    """

    number: int
    hash: Hash
    parent_hash: Hash
    timestamp: int
    base_fee_wei: int
    logs_bloom: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 token."""

    address: Address
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Call:
    """A read of a contract: who is asked, and the calldata."""

    target: Address
    data: bytes


#: What a call returned, or None where it reverted.
Answer: TypeAlias = bytes | None

#: A read in rounds: yields the calls of a round, is sent their answers in the same order, and returns the result.
#: Whoever drives it decides how calls travel; many readings advance together in one Multicall3 call a round.
_T = TypeVar("_T")
Reading: TypeAlias = Generator[Sequence[Call], Sequence[Answer], _T]
