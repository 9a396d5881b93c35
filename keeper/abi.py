"""
Calldata and answers of the few calls that the keeper makes by hand.
"""

from functools import lru_cache
from typing import Any

from eth_abi.abi import decode as _decode
from eth_abi.abi import encode as _encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from keeper.errors import ChainError
from keeper.types import Address, Answer, Call


@lru_cache(maxsize=1024)
def selector(signature: str) -> bytes:
    """The first four bytes of the hash of ``name(type,...)``."""
    return keccak(text=signature)[:4]


def call(target: Address, signature: str, *arguments: Any) -> Call:
    """
    Return a call of ``name(type,...)`` with *arguments*.
    """
    types = signature[signature.index("(") + 1 : -1]
    return Call(target, selector(signature) + _encode(types.split(",") if types else [], arguments))


def answer(kinds: str, data: Answer, what: str) -> Any:
    """
    Return the values in *data*: one value alone, several as a tuple.

    Raises:
        ChainError: The call reverted or answered something else; *what* says which one it was.
    """
    types = kinds.split(",")
    if not data:
        raise ChainError(f"{what}: the contract gave no answer")
    try:
        values = _decode(types, data)
    except DecodingError:
        raise ChainError(f"{what}: the contract answered something unexpected") from None
    return values[0] if len(types) == 1 else values
