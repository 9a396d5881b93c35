"""
Small random markets, far from equilibrium, and every cycle of theirs by brute force.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from keeper.errors import PoolError, SwapReverts
from keeper.events import Event
from keeper.math.tick import Ticks
from keeper.math.tick_math import get_tick_at_sqrt_ratio
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.routes.graph import Edge
from keeper.types import Address, Reading

Hop = tuple[Edge, Pool]

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
        kinds: Which pools there are: Uniswap V2, V3, and ``n`` of several tokens.
    """
    rng = random.Random(seed)
    tokens = [address(i + 1) for i in range(rng.randrange(3, 7))]
    decimals = [rng.choice((18, 18, 6, 8)) for _ in tokens]
    dollars = [10 ** rng.uniform(-3, 4) for _ in tokens]
    units = [10**d / price for d, price in zip(decimals, dollars, strict=True)]
    pools: list[Pool] = []
    for n in range(rng.randrange(4, 14)):
        kind = rng.choice(kinds)
        chosen = sorted(rng.sample(range(len(tokens)), min(rng.choice((3, 4)), len(tokens)) if kind == "n" else 2))
        depth = 10 ** rng.uniform(1, 6)
        amounts = [depth * units[i] * math.exp(rng.gauss(0, 0.005)) for i in chosen]
        names = tuple(tokens[i] for i in chosen)
        if kind == "n":
            info = PoolInfo("equal_weights", "none", address(1_000 + n), names, 0)
            pools.append(EqualWeights(info, tuple(int(amount) + 1 for amount in amounts)))
        elif kind == "2":
            pools.append(v2_pool(1_000 + n, (names[0], names[1]), int(amounts[0]) + 1, int(amounts[1]) + 1))
        else:
            pools.append(_random_v3(rng, 1_000 + n, (names[0], names[1]), amounts))
    return tokens, pools


def _random_v3(rng: random.Random, n: int, tokens: tuple[Address, Address], amounts: Sequence[float]) -> Pool:
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


def all_cycles(pools: Sequence[Pool], token: Address, max_hops: int) -> list[list[Hop]]:
    """Every cycle from *token* over different tokens and pools."""
    return list(_continued(pools, token, max_hops, [], {token}))


def _continued(
    pools: Sequence[Pool], token: Address, max_hops: int, path: list[Hop], seen: set[Address]
) -> Iterator[list[Hop]]:
    at = path[-1][0].token_out if path else token
    for pool in pools:
        if at not in pool.tokens or any(edge.pool == pool.address for edge, _ in path):
            continue
        for token_out in pool.tokens:
            longer = [*path, (Edge(pool.address, at, token_out), pool)]
            if token_out == token and len(path) >= 1 and at != token:
                yield longer
            elif token_out not in seen and len(longer) < max_hops:
                yield from _continued(pools, token, max_hops, longer, seen | {token_out})


def gain(cycle: Sequence[Hop], amount_in: int) -> int:
    """What an input gains, or a great loss where a pool refuses it."""
    amount = amount_in
    try:
        for edge, pool in cycle:
            amount = pool.amount_out(edge.token_in, edge.token_out, amount)
    except SwapReverts:
        return -(1 << 200)
    return amount - amount_in


def best_amount(cycle: Sequence[Hop], rng: random.Random) -> tuple[int, int]:
    """
    The highest gain and its input, by a grid over all sizes, a zoom into its best place, and the least inputs for many
    numbers of units of each token in between.
    """
    grid = sorted({int(10 ** (k / 6)) for k in range(6 * 31)})
    best = max((gain(cycle, amount), amount) for amount in grid)
    i = grid.index(best[1])
    low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
    while high - low > 40:
        steps = [low + (high - low) * k // 12 for k in range(13)]
        found = max((gain(cycle, amount), amount) for amount in steps)
        best, j = max(best, found), steps.index(found[1])
        low, high = steps[max(j - 2, 0)], steps[min(j + 2, 12)]
    best = max(best, *((gain(cycle, amount), amount) for amount in range(max(low, 1), high + 1)))
    return max(best, *((gain(cycle, amount), amount) for amount in _least_inputs(cycle, best[1], rng)), (0, 0))


def _least_inputs(cycle: Sequence[Hop], near: int, rng: random.Random) -> Iterator[int]:
    amount = near
    for place, (edge, pool) in enumerate(cycle[:-1]):
        try:
            amount = pool.amount_out(edge.token_in, edge.token_out, amount)
        except SwapReverts:
            return
        units = {*range(amount - 40, amount + 41), *(int(amount * (1 + rng.gauss(0, 1e-4))) for _ in range(120))}
        for wanted in units | {int(amount * (1 + rng.gauss(0, 3e-3))) for _ in range(40)}:
            try:
                for before, seller in reversed(cycle[: place + 1]):
                    wanted = seller.amount_in(before.token_in, before.token_out, wanted)
            except PoolError:
                continue
            yield wanted
