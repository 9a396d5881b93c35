"""
Logs of the factories and pools of Uniswap V3 and its forks.
"""

import struct
from binascii import a2b_hex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keeper.events.log import Log, address, fits, int24, topic, uint, words
from keeper.types import Address, Hash, value


@dataclass(frozen=True, slots=True)
class PoolCreated:
    """A Uniswap V3 factory deployed a pool."""

    pool: Address
    factory: Address
    token0: Address
    token1: Address
    fee_pips: int
    tick_spacing: int


@dataclass(frozen=True, slots=True)
class V3Initialize:
    """A Uniswap V3 pool got its first price."""

    pool: Address
    sqrt_price_x96: int
    tick: int


@value
class V3Swap:
    """
    A swap in a Uniswap V3 pool: amounts are signed from the pool's side, the rest is the state after it.
    """

    pool: Address
    amount0: int
    amount1: int
    sqrt_price_x96: int
    liquidity: int
    tick: int


@value
class V3Mint:
    """Liquidity *amount* was added to the ticks [tick_lower, tick_upper) of a Uniswap V3 pool."""

    pool: Address
    tick_lower: int
    tick_upper: int
    amount: int
    amount0: int
    amount1: int


@value
class V3Burn:
    """Liquidity *amount* was removed from the ticks [tick_lower, tick_upper) of a Uniswap V3 pool."""

    pool: Address
    tick_lower: int
    tick_upper: int
    amount: int
    amount0: int
    amount1: int


@dataclass(frozen=True, slots=True)
class V3SetFeeProtocol:
    """The protocol's share of a Uniswap V3 pool's fees changed; what a swap pays and gets did not."""

    pool: Address
    fee_protocol0: int
    fee_protocol1: int


Event: TypeAlias = PoolCreated | V3Initialize | V3Swap | V3Mint | V3Burn | V3SetFeeProtocol


def _pool_created(log: Log) -> PoolCreated:
    tick_spacing, pool = words(log, 4, 2)
    return PoolCreated(
        address(pool),
        log["address"].lower(),
        address(topic(log, 1)),
        address(topic(log, 2)),
        fits(uint(topic(log, 3)), 24),
        int24(tick_spacing),
    )


def _v3_initialize(log: Log) -> V3Initialize:
    sqrt_price_x96, tick = words(log, 1, 2)
    return V3Initialize(log["address"].lower(), fits(uint(sqrt_price_x96), 160), int24(tick))


#: The five words of a swap, cut in one go: these are most logs there are.
_SWAP = struct.Struct(">32s32s32s32s32s")
_PANCAKE_SWAP = struct.Struct(_SWAP.format + "64x")
_ABOVE_UINT160, _ABOVE_UINT128, _ABOVE_INT24 = 1 << 160, 1 << 128, 1 << 23


def _v3_swap(log: Log, layout: struct.Struct = _SWAP) -> V3Swap:
    if len(log["topics"]) != 3:
        raise ValueError(f"{len(log['topics'])} topics instead of 3")
    amount0, amount1, price, in_range, at = layout.unpack(a2b_hex(log["data"][2:]))
    sqrt_price_x96, liquidity, tick = uint(price), uint(in_range), uint(at, signed=True)
    if sqrt_price_x96 >= _ABOVE_UINT160 or liquidity >= _ABOVE_UINT128 or not -_ABOVE_INT24 <= tick < _ABOVE_INT24:
        raise ValueError("its price, its liquidity or its tick exceeds uint160, uint128 or int24")
    return V3Swap(
        log["address"].lower(),
        uint(amount0, signed=True),
        uint(amount1, signed=True),
        sqrt_price_x96,
        liquidity,
        tick,
    )


def _pancake_v3_swap(log: Log) -> V3Swap:
    """As Uniswap's, and the protocol's part of the fee in two more words."""
    return _v3_swap(log, _PANCAKE_SWAP)


#: Who pays; then the liquidity after its padding, and the amounts.
_MINT = struct.Struct(">32x16s16s32s32s")
_BURN = struct.Struct(">16s16s32s32s")
_PADDING = bytes(16)


def _v3_mint(log: Log) -> V3Mint:
    return V3Mint(*_position(log, _MINT))


def _v3_burn(log: Log) -> V3Burn:
    return V3Burn(*_position(log, _BURN))


def _position(log: Log, layout: struct.Struct) -> tuple[Address, int, int, int, int, int]:
    """Pool, lower tick, upper tick, liquidity and both amounts of a Mint or a Burn."""
    _signature, _owner, lower, upper = log["topics"]
    above, amount, amount0, amount1 = layout.unpack(a2b_hex(log["data"][2:]))
    if above != _PADDING:
        raise ValueError("its liquidity exceeds uint128")
    return log["address"].lower(), _tick(lower), _tick(upper), uint(amount), uint(amount0), uint(amount1)


def _tick(topic: str) -> int:
    word = a2b_hex(topic[2:])
    if len(word) != 32:
        raise ValueError(f"a topic of {len(word)} bytes")
    return int24(word)


def _v3_set_fee_protocol(log: Log) -> V3SetFeeProtocol:
    _old0, _old1, fee_protocol0, fee_protocol1 = words(log, 1, 4)
    return V3SetFeeProtocol(log["address"].lower(), fits(uint(fee_protocol0), 32), fits(uint(fee_protocol1), 32))


#: Decoders by the hash of the signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    Hash("0x783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118"): _pool_created,
    Hash("0x98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95"): _v3_initialize,
    Hash("0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"): _v3_swap,
    Hash("0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83"): _pancake_v3_swap,
    Hash("0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde"): _v3_mint,
    Hash("0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c"): _v3_burn,
    # Pancake V3's shares are finer than Uniswap V3's.
    Hash("0x973d8d92bb299f4af6ce49b52a8adb85ae46b9f214c4c4fc06ac77401237b133"): _v3_set_fee_protocol,
    Hash("0xb3159fed3ddfba67bae294599eafe2d0ec98c08bb38e0e5fb87d33154b6e05aa"): _v3_set_fee_protocol,
}
