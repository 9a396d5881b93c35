"""
What an amount of any token is worth in ETH, by the market's own prices.
"""

from collections.abc import Iterable, Mapping
from itertools import permutations
from math import prod

from keeper.errors import SwapReverts
from keeper.pools.pool import Pool
from keeper.types import Address


class Valuation:
    """
    Values an amount at what the deepest pool between the token and WETH would pay for it now, its fee included; over
    one other token where no pool is direct.
    """

    def __init__(self, pools: Iterable[Pool], weth: Address) -> None:
        self._weth = weth
        self._deepest = _deepest_by_pair(pools)
        self._ways: dict[Address, list[tuple[Pool, Address, Address]] | None] = {weth: []}
        self._worths: dict[tuple[Address, int], int | None] = {}
        self._prices: dict[Address, float | None] = {}

    def in_eth(self, token: Address, amount: int) -> int | None:
        """
        Return the worth of *amount* in wei, or None where no pool can tell.
        """
        if (token, amount) not in self._worths:
            self._worths[token, amount] = self._sold(token, amount)
        return self._worths[token, amount]

    def price(self, token: Address) -> float | None:
        """
        Return what the smallest unit is worth in wei, of an amount too small to move a price, or None as above.
        """
        if token not in self._prices:
            way = self._way(token)
            rates = None if way is None else [pool.rate(token_in, token_out) for pool, token_in, token_out in way]
            self._prices[token] = None if rates is None else prod(rates)
        return self._prices[token]

    def _sold(self, token: Address, amount: int) -> int | None:
        way = self._way(token)
        if way is None:
            return None
        for pool, token_in, token_out in way:
            try:
                amount = pool.amount_out(token_in, token_out, amount) if amount else 0
            except SwapReverts:
                return None
        return amount

    def _way(self, token: Address) -> list[tuple[Pool, Address, Address]] | None:
        if token not in self._ways:
            self._ways[token] = self._find(token)
        return self._ways[token]

    def _find(self, token: Address) -> list[tuple[Pool, Address, Address]] | None:
        if direct := self._deepest.get((token, self._weth)):
            return [(direct, token, self._weth)]
        for (token_in, middle), first in self._deepest.items():
            if token_in == token and (second := self._deepest.get((middle, self._weth))):
                return [(first, token, middle), (second, middle, self._weth)]
        return None


def _deepest_by_pair(pools: Iterable[Pool]) -> Mapping[tuple[Address, Address], Pool]:
    """The pool between two tokens whose price moves least per unit: the one with the most depth."""
    deepest: dict[tuple[Address, Address], Pool] = {}
    for pool in pools:
        for pair in permutations(pool.tokens, 2):
            best = deepest.setdefault(pair, pool)
            if best is not pool and pool.depth(*pair) > best.depth(*pair):
                deepest[pair] = pool
    return deepest
