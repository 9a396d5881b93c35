"""
Logs of Balancer V3: of the Vault, which swaps, and of the pools.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keeper.events.log import Log, address, topic, uint, words
from keeper.types import Address, Hash

#: The same on every chain.
VAULT = Address("0xba1333333333a1ba1108e8412f11850a5c319ba9")


@dataclass(frozen=True, slots=True)
class BalancerV3Swap:
    """A swap that *vault* says it made in a Balancer V3 pool; anyone can say so, but there is only one Vault."""

    pool: Address
    vault: Address
    token_in: Address
    token_out: Address
    amount_in: int
    amount_out: int
    swap_fee: int
    swap_fee_amount: int


@dataclass(frozen=True, slots=True)
class BalancerV3SwapFeeChanged:
    """The fee of a Balancer V3 pool, in 1e-18, as *vault* says."""

    pool: Address
    vault: Address
    swap_fee: int


@dataclass(frozen=True, slots=True)
class BalancerV3Changed:
    """
    Liquidity, the protocol's fee, the amplification or the pauses of a Balancer V3 pool changed, as *emitter* says,
    which is the Vault or the pool; the state that follows is not told.
    """

    pool: Address
    emitter: Address


Event: TypeAlias = BalancerV3Swap | BalancerV3SwapFeeChanged | BalancerV3Changed


def _swap(log: Log) -> BalancerV3Swap:
    amount_in, amount_out, swap_fee, swap_fee_amount = words(log, 4, 4)
    return BalancerV3Swap(
        address(topic(log, 1)),
        log["address"].lower(),
        address(topic(log, 2)),
        address(topic(log, 3)),
        uint(amount_in),
        uint(amount_out),
        uint(swap_fee),
        uint(swap_fee_amount),
    )


def _swap_fee_changed(log: Log) -> BalancerV3SwapFeeChanged:
    (swap_fee,) = words(log, 2, 1)
    return BalancerV3SwapFeeChanged(address(topic(log, 1)), log["address"].lower(), uint(swap_fee))


def _changed(log: Log) -> BalancerV3Changed:
    """What the Vault says of a pool."""
    return BalancerV3Changed(address(topic(log, 1)), log["address"].lower())


def _amplification_changed(log: Log) -> BalancerV3Changed:
    """What a pool says of itself."""
    return BalancerV3Changed(log["address"].lower(), log["address"].lower())


#: Decoders by the hash of the signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    Hash("0x0874b2d545cb271cdbda4e093020c452328b24af12382ed62c4d00f5c26709db"): _swap,
    Hash("0x89d41522342fabac1471ca6073a5623e5caf367b03ca6e9a001478d0cf8be4a1"): _swap_fee_changed,
    # LiquidityAdded, LiquidityRemoved, AggregateSwapFeePercentageChanged, PoolPausedStateChanged,
    # PoolRecoveryModeStateChanged; AmpUpdateStarted, AmpUpdateStopped.
    Hash("0xa26a52d8d53702bba7f137907b8e1f99ff87f6d450144270ca25e72481cca871"): _changed,
    Hash("0xfbe5b0d79fb94f1e81c0a92bf86ae9d3a19e9d1bf6202c0d3e75120f65d5d8a5"): _changed,
    Hash("0xe4d371097beea42453a37406e2aef4c04f3c548f84ac50e72578662c0dcd7354"): _changed,
    Hash("0x57e20448028297190122571be7cb6c1b1ef85730c673f7c72f533c8662419aa7"): _changed,
    Hash("0xc2354cc2f78ea57777e55ddd43a7f22b112ce98868596880edaeb22b4f9c73a9"): _changed,
    Hash("0x1835882ee7a34ac194f717a35e09bb1d24c82a3b9d854ab6c9749525b714cdf2"): _amplification_changed,
    Hash("0xa0d01593e47e69d07e0ccd87bece09411e07dd1ed40ca8f2e7af2976542a0233"): _amplification_changed,
}
