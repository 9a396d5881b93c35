"""
Logs of Uniswap V4's PoolManager. What they call a pool is the first 20 bytes of its id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keeper.events.log import Log, fits, int24, pool_of_id, uint, words
from keeper.types import Address, Hash


@dataclass(frozen=True, slots=True)
class V4Initialize:
    """A Uniswap V4 pool got its first price, as *manager* says."""

    pool: Address
    manager: Address
    sqrt_price_x96: int
    tick: int


@dataclass(frozen=True, slots=True)
class V4Swap:
    """A swap in a Uniswap V4 pool: amounts are signed from the trader's side, price to tick are the state after it."""

    pool: Address
    manager: Address
    amount0: int
    amount1: int
    sqrt_price_x96: int
    liquidity: int
    tick: int
    fee_pips: int


@dataclass(frozen=True, slots=True)
class V4ModifyLiquidity:
    """Liquidity was added to the ticks [tick_lower, tick_upper) of a Uniswap V4 pool, or removed if negative."""

    pool: Address
    manager: Address
    tick_lower: int
    tick_upper: int
    liquidity_delta: int


@dataclass(frozen=True, slots=True)
class V4ProtocolFeeUpdated:
    """What the protocol adds to the fee of a Uniswap V4 pool: twelve bits for each direction, token0's the lower."""

    pool: Address
    manager: Address
    protocol_fee: int


Event: TypeAlias = V4Initialize | V4Swap | V4ModifyLiquidity | V4ProtocolFeeUpdated


def _v4_initialize(log: Log) -> V4Initialize:
    _fee, _spacing, _hooks, sqrt_price_x96, tick = words(log, 4, 5)
    return V4Initialize(pool_of_id(log), log["address"].lower(), fits(uint(sqrt_price_x96), 160), int24(tick))


def _v4_swap(log: Log) -> V4Swap:
    amount0, amount1, sqrt_price_x96, liquidity, tick, fee_pips = words(log, 3, 6)
    return V4Swap(
        pool_of_id(log),
        log["address"].lower(),
        uint(amount0, signed=True),
        uint(amount1, signed=True),
        fits(uint(sqrt_price_x96), 160),
        fits(uint(liquidity), 128),
        int24(tick),
        fits(uint(fee_pips), 24),
    )


def _v4_modify_liquidity(log: Log) -> V4ModifyLiquidity:
    tick_lower, tick_upper, liquidity_delta, _salt = words(log, 3, 4)
    return V4ModifyLiquidity(
        pool_of_id(log),
        log["address"].lower(),
        int24(tick_lower),
        int24(tick_upper),
        uint(liquidity_delta, signed=True),
    )


def _v4_protocol_fee_updated(log: Log) -> V4ProtocolFeeUpdated:
    (protocol_fee,) = words(log, 2, 1)
    return V4ProtocolFeeUpdated(pool_of_id(log), log["address"].lower(), fits(uint(protocol_fee), 24))


#: Decoders by the hash of the signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    Hash("0xdd466e674ea557f56295e2d0218a125ea4b4f0f6f3307b95f85e6110838d6438"): _v4_initialize,
    Hash("0x40e9cecb9f5f1f1c5b9c97dec2917b7ee92e57ba5563708daca94dd84ad7112f"): _v4_swap,
    Hash("0xf208f4912782fd25c7f114ca3723a2d5dd6f3bcc3ac8db5af63baa85f711d5ec"): _v4_modify_liquidity,
    Hash("0xe9c42593e71f84403b84352cd168d693e2c9fcd1fdbcc3feb21d92b43e6696f9"): _v4_protocol_fee_updated,
}
