"""
Markets to search: a generated one of any size, and the real pools of Arbitrum One with generated reserves.

Prices agree up to each pool's fee, so a market at rest has no arbitrage; what moves it are swaps of the given size.
"""

import csv
import gzip
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from pathlib import Path

from benchmarks._other_pools import TokenPrice, other_pool
from keeper.errors import SwapReverts
from keeper.math.tick import Ticks
from keeper.math.tick_math import MAX_TICK, get_tick_at_sqrt_ratio
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address

TICK_SPACING = {100: 1, 500: 10, 2_500: 50, 3_000: 60, 10_000: 200}

#: Symbol, decimals and dollars of the tokens that most pools have on one side.
_HUBS = (
    ("WETH", 18, 3_000.0),
    ("USDC", 6, 1.0),
    ("USDT", 6, 1.0),
    ("ARB", 18, 1.0),
    ("WBTC", 8, 60_000.0),
    ("DAI", 18, 1.0),
    ("GMX", 18, 30.0),
    ("LINK", 18, 15.0),
)

#: The share of draws that give a pool of Curve or Balancer; the others give two pools on average.
_OTHERS = 0.09

#: Swaps are log-normal: dollars in the middle, and the deviation of the logarithm. None takes more of a pool than this.
_SWAP_DOLLARS, _SWAP_SPREAD, _SWAP_MOST = 100.0, 1.8, 0.005


@dataclass(frozen=True, slots=True)
class World:
    """
    A market at rest.

    Attributes:
        tokens: The hubs first.
        dollars: What each pool holds, roughly; as *pools*, the deepest first.
    """

    tokens: Sequence[TokenPrice]
    pools: Sequence[Pool]
    dollars: Sequence[float]

    def moved(self, rng: random.Random, n: int) -> list[Pool]:
        """
        Return n different pools after a swap each, drawn by activity: the pool of rank r with weight 1 / r.
        """
        chosen: dict[int, Pool] = {}
        while len(chosen) < n:
            i = min(int(exp(rng.random() * log(len(self.pools)))), len(self.pools)) - 1
            if i not in chosen and (after := self._swapped(rng, i)) is not None:
                chosen[i] = after
        return list(chosen.values())

    def _swapped(self, rng: random.Random, i: int) -> Pool | None:
        pool = self.pools[i]
        token_in, token_out = rng.sample(list(pool.tokens), 2)
        price = next(token for token in self.tokens if token.address == token_in)
        dollars = min(_SWAP_DOLLARS * exp(rng.gauss(0, _SWAP_SPREAD)), _SWAP_MOST * self.dollars[i])
        try:
            return pool.swap(token_in, token_out, max(int(price.units(dollars)), 1))[1]
        except SwapReverts:
            return None


def generated(pools: int, tokens: int, seed: int = 1, others: bool = False) -> World:
    """
    Return a market of hubs and a long tail, where many pairs have several pools: two thirds are Uniswap V3.

    Args:
        others: Whether one pool in twenty is Curve's or Balancer's.
    """
    rng = random.Random(seed)
    prices = [_hub(i) for i in range(len(_HUBS))]
    prices += [
        TokenPrice(Address(f"0x{i + 1:040x}"), f"T{i}", 18, exp(rng.gauss(0, 2.5))) for i in range(len(_HUBS), tokens)
    ]
    made: list[tuple[Pool, float]] = []
    while len(made) < pools:
        if others and rng.random() < _OTHERS:
            made.append(other_pool(rng, len(made), prices[: len(_HUBS)], prices[len(_HUBS) :]))
            continue
        one, other, dollars = _pair(rng, prices)
        for fee_pips in _fees(rng):
            family = "uniswap_v3" if fee_pips else "uniswap_v2"
            info = _info(family, len(made), one, other, fee_pips or 3_000)
            made.append((_pool(rng, info, one, other, dollars * exp(rng.gauss(0, 1))), dollars))
    return _world(prices, made[:pools])


def recorded(path: Path, seed: int = 1, others: bool = False) -> World:
    """
    Return the real pools of *path* (address, DEX, tokens, fee) with generated prices and reserves.

    A token that only one pool has is dead nine times out of ten: its pool holds a few dollars.

    Args:
        others: Whether to add a pool of Curve or Balancer for each twenty.
    """
    rng = random.Random(seed)
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    degree = Counter(row[f"token{i}"] for row in rows for i in (0, 1))
    hubs = {symbol: dollars for symbol, _, dollars in _HUBS}
    prices = {}
    for row in rows:
        for i in ("0", "1"):
            token = Address(row[f"token{i}"])
            symbol, decimals = row[f"symbol{i}"], int(row[f"decimals{i}"] or 18)
            known = hubs.get(symbol) if degree[token] > 50 else None
            if token not in prices:
                prices[token] = TokenPrice(token, symbol, decimals, known or exp(rng.gauss(0, 2.5)))
    made = []
    for row in rows:
        one, other = prices[Address(row["token0"])], prices[Address(row["token1"])]
        family = "uniswap_v3" if row["dex"].endswith("_v3") else "uniswap_v2"
        lesser = min(degree[one.address], degree[other.address])
        dollars = exp(rng.gauss(log(30.0 * lesser**2.2), 1.5)) if lesser > 1 or rng.random() < 0.1 else 5.0
        fee_pips = int(row["fee_pips"])
        tokens = (one.address, other.address)
        info = PoolInfo(family, row["dex"], Address(row["pool"]), tokens, fee_pips, TICK_SPACING.get(fee_pips, 0))
        made.append((_pool(rng, info, one, other, dollars), dollars))
    by_degree = sorted(prices.values(), key=lambda token: (-degree[token.address], token.address))
    if others:
        priced = [next(token for token in by_degree if token.symbol == symbol) for symbol, *_ in _HUBS]
        tail = [token for token in by_degree if token not in priced and degree[token.address] > 2]
        made += [other_pool(rng, n, priced, tail) for n in range(len(rows) // 20)]
    return _world(by_degree, made)


def _world(prices: Sequence[TokenPrice], made: Iterable[tuple[Pool, float]]) -> World:
    ranked = sorted(made, key=lambda pair: -pair[1])
    return World(prices, [pool for pool, _ in ranked], [dollars for _, dollars in ranked])


def _hub(i: int) -> TokenPrice:
    symbol, decimals, dollars = _HUBS[i]
    return TokenPrice(Address(f"0x{i + 1:040x}"), symbol, decimals, dollars)


def _pair(rng: random.Random, prices: Sequence[TokenPrice]) -> tuple[TokenPrice, TokenPrice, float]:
    """Two tokens and what a pool of theirs holds: hubs with each other, with any token, and tokens among themselves."""
    hubs, tail = prices[: len(_HUBS)], prices[len(_HUBS) :]
    hub = rng.choices(hubs, weights=[1 / (i + 1) ** 1.2 for i in range(len(hubs))])[0]
    kind = rng.random()
    if kind < 0.03:
        other, dollars = rng.choice([token for token in hubs if token is not hub]), 1e6 * exp(rng.gauss(0, 1.5))
    elif kind < 0.75:
        other, dollars = rng.choice(tail), 3e4 * exp(rng.gauss(0, 1.5))
    else:
        (hub, other), dollars = rng.sample(tail, 2), 5e3 * exp(rng.gauss(0, 1.5))
    one, other = sorted((hub, other), key=lambda token: token.address)
    return one, other, dollars


def _fees(rng: random.Random) -> list[int]:
    """The fees of the V3 pools of a pair; 0 stands for a V2 pair."""
    v3 = rng.sample((100, 500, 3_000, 10_000), rng.choice((0, 1, 1, 2)))
    return [*v3, 0] if not v3 or rng.random() < 0.4 else v3


def _info(family: str, n: int, one: TokenPrice, other: TokenPrice, fee_pips: int) -> PoolInfo:
    address = Address(f"0x{(1 << 100) + n:040x}")
    spacing = TICK_SPACING[fee_pips] if family == "uniswap_v3" else 0
    return PoolInfo(family, family, address, (one.address, other.address), fee_pips, spacing)


def _pool(rng: random.Random, info: PoolInfo, one: TokenPrice, other: TokenPrice, dollars: float) -> Pool:
    """A pool whose price is within its fee of the fair one."""
    noise = rng.uniform(-0.95, 0.95) * -log(1 - info.fee_pips / 1_000_000)
    amount0, amount1 = one.units(dollars / 2), other.units(dollars / 2)
    if info.family == "uniswap_v2":
        return UniswapV2Pool(info, int(amount0) + 1, int(amount1 * exp(noise)) + 1)
    return _v3_pool(rng, info, amount0, sqrt(amount1 / amount0 * exp(noise)))


def _v3_pool(rng: random.Random, info: PoolInfo, amount0: float, sqrt_price: float) -> UniswapV3Pool:
    """A few to hundreds of positions around the price; the widest holds a tenth of the liquidity."""
    sqrt_price_x96 = int(sqrt_price * 2**96)
    tick, spacing = get_tick_at_sqrt_ratio(sqrt_price_x96), info.tick_spacing
    positions = min(1 + int(exp(rng.gauss(2.2, 1.0))), 300)
    ticks: dict[int, tuple[int, int]] = {}
    liquidity = 0
    for i in range(positions):
        width = int(exp(rng.uniform(log(2 * spacing), log(40_000)))) if i else 100_000
        middle = tick + int(rng.gauss(0, width / 2))
        lower, upper = _usable(middle - width, spacing), _usable(middle + width + spacing, spacing)
        share = amount0 / positions * exp(rng.gauss(0, 0.7))
        amount = int(share * sqrt_price / (1 - exp(-width / 20_000))) + 1
        for edge, sign in ((lower, 1), (upper, -1)):
            gross, net = ticks.get(edge, (0, 0))
            ticks[edge] = gross + amount, net + sign * amount
        liquidity += amount if lower <= tick < upper else 0
    return UniswapV3Pool(info, sqrt_price_x96, tick, liquidity, Ticks.of(ticks))


def _usable(tick: int, spacing: int) -> int:
    most = MAX_TICK // spacing * spacing
    return max(-most, min(most, tick // spacing * spacing))
