"""
What a node answered, if it is of the kind that was asked for.

A result of another kind is the node's failure like any other, never the keeper's: null where a number must be, a list
for a hash, half a byte.
"""

import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from keeper.errors import ChainError
from keeper.types import Hash

_HASH_DIGITS = 64

#: How deep Python nests calls, as it does unless told otherwise. Parsers stop there; a library that ape loads allows a
#: hundred times as much, and then an answer that is nested so deep ends the process.
_MOST_NESTED = 1_000


def parsed(answer: bytes | str) -> Any:
    """
    Return what an answer says, in half the time that the standard library takes: logs come in tens of kilobytes.

    Raises:
        ChainError: It is not JSON, or nested deeper than any answer.
    """
    if sys.getrecursionlimit() > _MOST_NESTED:
        sys.setrecursionlimit(_MOST_NESTED)
    try:
        return msgspec.json.decode(answer)
    except (ValueError, RecursionError):
        raise ChainError("the node's answer is not JSON") from None


def quantity(told: Any, what: str) -> int:
    """
    Return a number that is told as hex.

    Raises:
        ChainError: It is none; *what* says of what.
    """
    try:
        if told.startswith("0x"):
            return int(told, 16)
    except (AttributeError, TypeError, ValueError):
        pass
    raise ChainError(f"the node's {what} is not a number")


def octets(told: Any, what: str) -> bytes:
    """
    Return bytes that are told as hex.

    Raises:
        ChainError: They are none; *what* says which.
    """
    try:
        if told.startswith("0x"):
            return bytes.fromhex(told[2:])
    except (AttributeError, TypeError, ValueError):
        pass
    raise ChainError(f"the node's {what} is not hex")


def to_hash(told: Any, what: str) -> Hash:
    """
    Return a hash.

    Raises:
        ChainError: It is none; *what* says of what.
    """
    if isinstance(told, str) and len(told) == 2 + _HASH_DIGITS and octets(told, what):
        return Hash(told)
    raise ChainError(f"the node's {what} is not a hash")


def fields(told: Any, what: str) -> Mapping[str, Any]:
    """
    Return an object.

    Raises:
        ChainError: It is none; *what* says which.
    """
    if not isinstance(told, dict):
        raise ChainError(f"the node's {what} is not an object")
    return told
