"""
Pools of Curve and Balancer for generated markets: of pegged tokens, and of two to four tokens with weights.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool, PoolInfo
from keeper.types import Address

#: Hubs that are pegged to each other.
_DOLLARS = ("USDC", "USDT", "DAI")

_WEIGHTS = {2: ((50, 50), (80, 20)), 3: ((33, 33, 34), (50, 25, 25)), 4: ((25, 25, 25, 25), (40, 20, 20, 20))}


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """What a token is worth: dollars of a whole one."""

    address: Address
    symbol: str
    decimals: int
    dollars: float

    def units(self, dollars: float) -> float:
        """Smallest units that so many dollars buy."""
        return dollars / self.dollars * 10.0**self.decimals


def other_pool(
    rng: random.Random, n: int, hubs: Sequence[TokenPrice], tail: Sequence[TokenPrice]
) -> tuple[Pool, float]:
    """
    Return a pool at the fair price, and the dollars that it holds: half of them weighted, the others of pegged tokens.
    """
    address = Address(f"0x{(1 << 101) + n:040x}")
    if rng.random() < 0.5:
        return _weighted(rng, address, [rng.choice(hubs[:5]), *rng.sample(list(tail), rng.randrange(1, 4))])
    if rng.random() < 0.5:
        pegged = [hub for hub in hubs if hub.symbol in _DOLLARS]
        return _pegged(rng, address, rng.sample(pegged, rng.choice((2, 2, 3))))
    # a token and its wrapped kind, whose rate makes it worth the same
    return _pegged(rng, address, [rng.choice(hubs), rng.choice(tail)])


def _weighted(rng: random.Random, address: Address, tokens: Sequence[TokenPrice]) -> tuple[Pool, float]:
    dollars = 5e4 * exp(rng.gauss(0, 1.5))
    percents = rng.choice(_WEIGHTS[len(tokens)])
    balances = tuple(
        int(token.units(dollars * percent / 100)) + 1 for token, percent in zip(tokens, percents, strict=True)
    )
    info = PoolInfo("balancer_weighted", "balancer_v2", address, tuple(token.address for token in tokens), 0)
    factors = tuple(10 ** (36 - token.decimals) for token in tokens)
    weights = tuple(percent * 10**16 for percent in percents)
    return BalancerWeightedPool(info, balances, weights, factors, rng.choice((1, 3, 10)) * 10**15), dollars


def _pegged(rng: random.Random, address: Address, tokens: Sequence[TokenPrice]) -> tuple[Pool, float]:
    dollars = 3e5 * exp(rng.gauss(0, 1.5))
    balances = tuple(int(token.units(dollars / len(tokens) * exp(rng.gauss(0, 0.01)))) + 1 for token in tokens)
    scales = tuple(int(10**36 / token.units(1.0)) for token in tokens)
    names = tuple(token.address for token in tokens)
    if rng.random() < 0.7:
        info = PoolInfo("curve_stableswap", "curve", address, names, 0)
        return CurveStableSwapPool(info, balances, scales, rng.choice((20_000, 100_000)), 4_000_000, 5 * 10**9), dollars
    info = PoolInfo("balancer_stable", "balancer_v2", address, names, 0)
    return BalancerStablePool(info, balances, scales, rng.choice((200_000, 1_000_000)), 4 * 10**14), dollars
