"""
Reads of contracts, pinned to one block and gathered into as few requests as their sizes allow.
"""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from keeper.chain.answers import octets
from keeper.chain.rpc import Rpc
from keeper.errors import ChainError, PoolError, RpcError
from keeper.types import Address, Answer, Call, Hash, Reading

T = TypeVar("T")

#: A request stays below both the 50 M gas that common nodes grant an ``eth_call`` and their size limits.
CALLS_PER_REQUEST = 1_500

#: Words of a node that had too little gas, or time, for all calls of a request: one of them may take all that there is.
_TOO_DEAR = ("out of gas", "outofgas", "execution aborted", "execution timeout")

_AGGREGATE3 = bytes.fromhex("82ad56cb")  # aggregate3((address,bool,bytes)[])
_WORD = 32


class Reader:
    """
    Drives readings to their end, all of them in step: each round of all is one Multicall3 call (or a few where it is
    large).
    """

    def __init__(self, rpc: Rpc, multicall3: Address) -> None:
        self._rpc = rpc
        self._multicall3 = multicall3

    async def read(self, readings: Sequence[Reading[T]], block_hash: Hash) -> list[T | PoolError]:
        """
        Return what each reading found at the block, or why it found nothing.

        Raises:
            RpcError: The node failed.
        """
        results: dict[int, T | PoolError] = {}
        waiting: dict[int, Sequence[Call]] = {}
        for index, reading in enumerate(readings):
            _advance(index, reading, None, waiting, results)
        while waiting:
            asked = dict(waiting)
            waiting.clear()
            answers = iter(await self.call([call for calls in asked.values() for call in calls], block_hash))
            for index, calls in asked.items():
                _advance(index, readings[index], [next(answers) for _ in calls], waiting, results)
        return [results[index] for index in range(len(readings))]

    async def call(self, calls: Sequence[Call], block_hash: Hash) -> list[Answer]:
        """
        Return the answers of *calls* at the block, in order; None where a call reverted.
        """
        chunks = [calls[start : start + CALLS_PER_REQUEST] for start in range(0, len(calls), CALLS_PER_REQUEST)]
        answered = await asyncio.gather(*(self._aggregate(chunk, block_hash) for chunk in chunks))
        return [answer for chunk in answered for answer in chunk]

    async def _aggregate(self, calls: Sequence[Call], block_hash: Hash) -> list[Answer]:
        request = {"to": self._multicall3, "data": "0x" + encode_aggregate3(calls).hex()}
        try:
            result = await self._rpc("eth_call", request, {"blockHash": block_hash})
        except RpcError as error:
            if error.code is None or not any(words in str(error).lower() for words in _TOO_DEAR):
                raise
            # A pool may ask contracts of its maker's, which need not be kind: it fails alone, not all others with it.
            if len(calls) == 1:
                return [None]
            half = len(calls) // 2
            return [*await self._aggregate(calls[:half], block_hash), *await self._aggregate(calls[half:], block_hash)]
        return decode_aggregate3(octets(result, "answer to a multicall"), len(calls))


def _advance(
    index: int,
    reading: Reading[T],
    answers: Sequence[Answer] | None,
    waiting: dict[int, Sequence[Call]],
    results: dict[int, T | PoolError],
) -> None:
    try:
        waiting[index] = next(reading) if answers is None else reading.send(answers)
    except StopIteration as end:
        results[index] = end.value
    except PoolError as error:
        results[index] = error


def encode_aggregate3(calls: Sequence[Call]) -> bytes:
    """
    Return calldata of Multicall3's ``aggregate3`` with failures allowed (by hand: eth_abi needs 60 us a call).
    """
    heads, bodies, offset = [], [], len(calls) * _WORD
    for call in calls:
        size = len(call.data)
        padded = call.data + bytes(-size % _WORD)
        heads.append(offset.to_bytes(_WORD, "big"))
        bodies.append(
            bytes.fromhex(call.target[2:]).rjust(_WORD, b"\0")
            + (1).to_bytes(_WORD, "big")
            + (96).to_bytes(_WORD, "big")
            + size.to_bytes(_WORD, "big")
            + padded
        )
        offset += 4 * _WORD + len(padded)
    head = (_WORD).to_bytes(_WORD, "big") + len(calls).to_bytes(_WORD, "big")
    return b"".join((_AGGREGATE3, head, *heads, *bodies))


def decode_aggregate3(data: bytes, count: int) -> list[Answer]:
    """
    Return what each of *count* calls answered, None where it failed.

    Raises:
        ChainError: The bytes are not Multicall3's answer to so many calls.
    """

    def word(at: int) -> int:
        if at + _WORD > len(data):
            raise ChainError("multicall: the answer is truncated")
        return int.from_bytes(data[at : at + _WORD], "big")

    if word(0) != _WORD or word(_WORD) != count:
        raise ChainError("multicall: the answer does not fit the calls")
    answers: list[Answer] = []
    base = 2 * _WORD
    for index in range(count):
        at = base + word(base + index * _WORD)
        success, body = word(at), at + word(at + _WORD)
        size = word(body)
        if body + _WORD + size > len(data):
            raise ChainError("multicall: the answer is truncated")
        answers.append(data[body + _WORD : body + _WORD + size] if success else None)
    return answers
