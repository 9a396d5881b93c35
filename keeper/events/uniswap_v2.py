"""
Logs of the factories and pairs of Uniswap V2 and its forks.
"""

import struct
from binascii import a2b_hex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keeper.events.log import Log, address, topic, uint, words
from keeper.types import Address, Hash, value


@dataclass(frozen=True, slots=True)
class PairCreated:
    """A Uniswap V2 factory deployed a pair."""

    pool: Address
    factory: Address
    token0: Address
    token1: Address


@value
class Sync:
    """A Uniswap V2 pair's reserves after a swap, mint, burn or sync."""

    pool: Address
    reserve0: int
    reserve1: int


@value
class V2Swap:
    """A swap in a Uniswap V2 pair, emitted right after its Sync."""

    pool: Address
    amount0_in: int
    amount1_in: int
    amount0_out: int
    amount1_out: int


Event: TypeAlias = PairCreated | Sync | V2Swap


def _pair_created(log: Log) -> PairCreated:
    pair, _ = words(log, 3, 2)
    return PairCreated(address(pair), log["address"].lower(), address(topic(log, 1)), address(topic(log, 2)))


#: Both reserves, each after its padding.
_SYNC = struct.Struct(">18s14s18s14s")
_ABOVE_UINT112 = bytes(18)


def _sync(log: Log) -> Sync:
    if len(log["topics"]) != 1:
        raise ValueError(f"{len(log['topics'])} topics instead of 1")
    above0, reserve0, above1, reserve1 = _SYNC.unpack(a2b_hex(log["data"][2:]))
    if above0 != _ABOVE_UINT112 or above1 != _ABOVE_UINT112:
        raise ValueError("a reserve exceeds uint112")
    return Sync(log["address"].lower(), uint(reserve0), uint(reserve1))


_V2_SWAP = struct.Struct(">32s32s32s32s")


def _v2_swap(log: Log) -> V2Swap:
    if len(log["topics"]) != 3:
        raise ValueError(f"{len(log['topics'])} topics instead of 3")
    amount0_in, amount1_in, amount0_out, amount1_out = _V2_SWAP.unpack(a2b_hex(log["data"][2:]))
    return V2Swap(log["address"].lower(), uint(amount0_in), uint(amount1_in), uint(amount0_out), uint(amount1_out))


#: Decoders by the hash of the signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    Hash("0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9"): _pair_created,
    Hash("0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1"): _sync,
    Hash("0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822"): _v2_swap,
}
