"""
Small random markets, far from equilibrium.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from keeper.errors import PoolError, SwapReverts
from keeper.events import Event
from keeper.math.tick import Ticks
from keeper.math.tick_math import get_tick_at_sqrt_ratio
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.pools.uniswap_v4 import UniswapV4Pool
from keeper.types import Address, Reading

#: Fee in pips to tick spacing.
SPACINGS = {100: 1, 500: 10, 3_000: 60, 10_000: 200}


def address(n: int) -> Address:
    return Address(f"0x{n:040x}")


def v2_pool(n: int, tokens: tuple[Address, Address], reserve0: int, reserve1: int, fee_pips: int = 3_000) -> Pool:
    return UniswapV2Pool(PoolInfo("uniswap_v2", "sushi_v2", address(n), tokens, fee_pips), reserve0, reserve1)


def v3_pool(
    n: int,
    tokens: tuple[Address, Address],
    price: float,
    positions: Sequence[tuple[int, int, int]],
    fee_pips: int = 3_000,
) -> UniswapV3Pool:
    """A pool at a price, with positions of (lower tick, upper tick, liquidity)."""
    sqrt_price_x96 = int(math.sqrt(price) * 2**96)
    tick = get_tick_at_sqrt_ratio(sqrt_price_x96)
    ticks: dict[int, tuple[int, int]] = {}
    for lower, upper, amount in positions:
        for edge, sign in ((lower, 1), (upper, -1)):
            gross, net = ticks.get(edge, (0, 0))
            ticks[edge] = gross + amount, net + sign * amount
    liquidity = sum(amount for lower, upper, amount in positions if lower <= tick < upper)
    info = PoolInfo("uniswap_v3", "uniswap_v3", address(n), tokens, fee_pips, SPACINGS[fee_pips])
    return UniswapV3Pool(info, sqrt_price_x96, tick, liquidity, Ticks.of(ticks))


@dataclass(frozen=True)
class EqualWeights:
    """
    A pool of several tokens, any two of which trade as in a constant-product pair without a fee: a family that the
    routes do not know.
    """

    info: PoolInfo
    reserves: tuple[int, ...]
    sells_given: bool = True

    @property
    def address(self) -> Address:
        return self.info.address

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.info.tokens

    def rate(self, token_in: Address, token_out: Address) -> float:
        reserve_in, reserve_out = self._reserves(token_in, token_out)
        return reserve_out / reserve_in

    def depth(self, token_in: Address, token_out: Address) -> float:
        return float(self._reserves(token_in, token_out)[0])

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        reserve_in, reserve_out = self._reserves(token_in, token_out)
        if amount_in <= 0:
            raise SwapReverts("nothing goes in")
        return amount_in * reserve_out // (reserve_in + amount_in)

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        reserve_in, reserve_out = self._reserves(token_in, token_out)
        if not self.sells_given:
            raise PoolError("this pool has no exact-out")
        if not 0 < amount_out < reserve_out:
            raise SwapReverts("not so much is there")
        return -(-amount_out * reserve_in // (reserve_out - amount_out))

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        amount_out = self.amount_out(token_in, token_out, amount_in)
        reserves = list(self.reserves)
        reserves[self.tokens.index(token_in)] += amount_in
        reserves[self.tokens.index(token_out)] -= amount_out
        return amount_out, type(self)(self.info, tuple(reserves), self.sells_given)

    def apply(self, event: Event) -> Self | None:  # noqa: ARG002 - a sibling's
        return None

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:
        raise NotImplementedError

    def snapshot(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        raise NotImplementedError

    def _reserves(self, token_in: Address, token_out: Address) -> tuple[int, int]:
        return self.reserves[self.tokens.index(token_in)], self.reserves[self.tokens.index(token_out)]


def random_market(seed: int, kinds: str = "23") -> tuple[list[Address], list[Pool]]:
    """
    Tokens of 6, 8 and 18 decimals, and pools between them whose prices are off by a percent or so.

    Args:
        kinds: Which pools there are: Uniswap V2, V3 and V4, ``c`` Curve, ``w`` and ``s`` Balancer weighted and stable,
            ``n`` of a family that routes do not know.
    """
    rng = random.Random(seed)
    tokens = [address(i + 1) for i in range(rng.randrange(3, 7))]
    decimals = [rng.choice((18, 18, 6, 8)) for _ in tokens]
    dollars = [10 ** rng.uniform(-3, 4) for _ in tokens]
    units = [10**d / price for d, price in zip(decimals, dollars, strict=True)]
    pools: list[Pool] = []
    for n in range(rng.randrange(4, 14)):
        kind = rng.choice(kinds)
        most = rng.choice((3, 4)) if kind == "n" else {"c": 3, "s": 3, "w": 4}.get(kind, 2)
        chosen = sorted(rng.sample(range(len(tokens)), min(most, len(tokens))))
        depth = 10 ** rng.uniform(1, 6)
        amounts = [depth * units[i] * math.exp(rng.gauss(0, 0.005)) for i in chosen]
        names = [tokens[i] for i in chosen]
        pools.append(_random_pool(rng, kind, 1_000 + n, names, amounts, [units[i] for i in chosen]))
    return tokens, pools


def _random_pool(
    rng: random.Random, kind: str, n: int, names: list[Address], amounts: list[float], units: list[float]
) -> Pool:
    """
    Args:
        units: Smallest units of each token that a dollar buys.
    """
    tokens, balances = tuple(names), tuple(int(amount) + 1 for amount in amounts)
    scales = tuple(int(10**36 / unit) for unit in units)
    match kind:
        case "n":
            return EqualWeights(PoolInfo("equal_weights", "none", address(n), tokens, 0), balances)
        case "c":
            info = PoolInfo("curve_stableswap", "curve", address(n), tokens, 0)
            return CurveStableSwapPool(info, balances, scales, rng.choice((1_000, 20_000)), 4_000_000, 5 * 10**9)
        case "s":
            info = PoolInfo("balancer_stable", "balancer_v2", address(n), tokens, 0)
            return BalancerStablePool(info, balances, scales, rng.choice((50_000, 500_000)), 4 * 10**14)
        case "w":
            info = PoolInfo("balancer_weighted", "balancer_v2", address(n), tokens, 0)
            return _random_weighted(rng, info, balances)
        case "2":
            return v2_pool(n, (tokens[0], tokens[1]), *balances)
    pool = _random_v3(rng, n, (tokens[0], tokens[1]), amounts)
    if kind == "3":
        return pool
    protocol_fee = rng.choice((0, 0, 1_000 | 500 << 12))
    info = replace(pool.info, family="uniswap_v4", dex="uniswap_v4")
    return UniswapV4Pool(info, pool.sqrt_price_x96, pool.tick, pool.liquidity, protocol_fee, pool.ticks)


def _random_weighted(rng: random.Random, info: PoolInfo, balances: tuple[int, ...]) -> Pool:
    """Weights of tenths, and balances in their proportion."""
    parts = [rng.randrange(1, 6) for _ in balances]
    weights = [10**18 * part // sum(parts) for part in parts]
    weights[0] += 10**18 - sum(weights)
    held = tuple(balance * part for balance, part in zip(balances, parts, strict=True))
    factors = tuple(10**18 if balance > 10**16 else 10**30 for balance in balances)
    return BalancerWeightedPool(info, held, tuple(weights), factors, 3 * 10**15)


def _random_v3(rng: random.Random, n: int, tokens: tuple[Address, Address], amounts: Sequence[float]) -> UniswapV3Pool:
    fee_pips = rng.choice(list(SPACINGS))
    spacing, price = SPACINGS[fee_pips], amounts[1] / amounts[0]
    tick = round(math.log(price) / math.log(1.0001))
    positions = []
    for _ in range(rng.randrange(1, 8)):
        width = rng.choice((2, 5, 20, 100, 1_000)) * spacing
        middle = tick + rng.randrange(-width, width + 1)
        lower, upper = (middle - width) // spacing * spacing, (middle + width) // spacing * spacing
        amount = amounts[0] * math.sqrt(price) * rng.uniform(0.1, 10) / (1 - math.exp(-width / 20_000))
        positions.append((lower, max(upper, lower + spacing), int(amount) + 1))
    return v3_pool(n, tokens, price, positions, fee_pips)
