"""
Logs of Balancer V2: of the Vault, which swaps, and of the pools.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keeper.events.log import Log, address, fits, pool_of_id, topic, uint, words
from keeper.types import Address, Hash

#: The same on every chain.
VAULT = Address("0xba12222222228d8ba445958a75a0704d566bf2c8")


@dataclass(frozen=True, slots=True)
class BalancerSwap:
    """A swap that *vault* says it made in a Balancer V2 pool; anyone can say so, but there is only one Vault."""

    pool: Address
    vault: Address
    token_in: Address
    token_out: Address
    amount_in: int
    amount_out: int


@dataclass(frozen=True, slots=True)
class BalancerBalancesChanged:
    """A join or exit that *vault* says it made in a Balancer V2 pool: by how much each balance grew."""

    pool: Address
    vault: Address
    tokens: tuple[Address, ...]
    deltas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BalancerSwapFeeChanged:
    """The fee of a Balancer pool, in 1e-18."""

    pool: Address
    swap_fee: int


@dataclass(frozen=True, slots=True)
class BalancerPausedChanged:
    """A Balancer pool stopped or resumed."""

    pool: Address
    paused: bool


Event: TypeAlias = BalancerSwap | BalancerBalancesChanged | BalancerSwapFeeChanged | BalancerPausedChanged


def _balancer_swap(log: Log) -> BalancerSwap:
    amount_in, amount_out = words(log, 4, 2)
    return BalancerSwap(
        pool_of_id(log),
        log["address"].lower(),
        address(topic(log, 2)),
        address(topic(log, 3)),
        uint(amount_in),
        uint(amount_out),
    )


def _balancer_balances_changed(log: Log) -> BalancerBalancesChanged:
    """Of each token what came in or went out, less what the protocol took of the pool."""
    n, odd = divmod((len(log["data"]) - 2) // 64 - 6, 3)
    if odd or n < 0:
        raise ValueError("its arrays do not fill it")
    parts = words(log, 3, 6 + 3 * n)
    offsets, (tokens, deltas, fees) = parts[:3], (parts[k : k + n + 1] for k in range(3, 6 + 3 * n, n + 1))
    if [uint(part) for part in (*offsets, tokens[0], deltas[0], fees[0])] != [
        *(32 * k for k in (3, 4 + n, 5 + 2 * n)), n, n, n,
    ]:  # fmt: skip
        raise ValueError("its arrays are not one after the other")
    return BalancerBalancesChanged(
        pool_of_id(log),
        log["address"].lower(),
        tuple(map(address, tokens[1:])),
        tuple(uint(delta, signed=True) - uint(fee) for delta, fee in zip(deltas[1:], fees[1:], strict=True)),
    )


def _balancer_swap_fee_changed(log: Log) -> BalancerSwapFeeChanged:
    (swap_fee,) = words(log, 1, 1)
    return BalancerSwapFeeChanged(log["address"].lower(), uint(swap_fee))


def _balancer_paused_changed(log: Log) -> BalancerPausedChanged:
    (paused,) = words(log, 1, 1)
    return BalancerPausedChanged(log["address"].lower(), bool(fits(uint(paused), 1)))


#: Decoders by the hash of the signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    Hash("0x2170c741c41531aec20e7c107c24eecfdd15e69c9bb0a8dd37b1840b9e0b207b"): _balancer_swap,
    Hash("0xe5ce249087ce04f05a957192435400fd97868dba0e6a4b4c049abf8af80dae78"): _balancer_balances_changed,
    Hash("0xa9ba3ffe0b6c366b81232caab38605a0699ad5398d6cce76f91ee809e322dafc"): _balancer_swap_fee_changed,
    Hash("0x9e3a5e37224532dea67b89face185703738a228a6e8a23dee546960180d3be64"): _balancer_paused_changed,
}
