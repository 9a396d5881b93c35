"""
Random states of Curve's pools and swaps in them, from a seed: what the independent implementation is asked for, and the
models too. Nothing but the standard library, so that both can import it.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

#: States of each kind.
COUNT = 2_500


class StableSwap(NamedTuple):
    """A StableSwap NG pool and a swap in it."""

    balances: list[int]
    rates: list[int]
    A: int
    fee: int
    offpeg_fee_multiplier: int
    admin_fee: int
    i: int
    j: int
    dx: int

    def xp(self) -> list[int]:
        """Return the balances with 18 decimals."""
        return [balance * rate // 10**18 for balance, rate in zip(self.balances, self.rates, strict=True)]


class CryptoSwap(NamedTuple):
    """A cryptoswap pool and a swap in it; its invariant is the one that the independent implementation finds."""

    balances: list[int]
    precisions: list[int]
    price_scale: list[int]
    ANN: int
    gamma: int
    mid_fee: int
    out_fee: int
    fee_gamma: int
    i: int
    j: int
    dx: int

    def xp_after(self) -> list[int]:
        """Return the balances once the input is there, in units of the invariant."""
        balances = list(self.balances)
        balances[self.i] += self.dx
        first, *others = (balance * unit for balance, unit in zip(balances, self.precisions, strict=True))
        return [first, *(x * price // 10**18 for x, price in zip(others, self.price_scale, strict=True))]


def stableswaps() -> Iterator[StableSwap]:
    rng = random.Random(11)
    for turn in range(COUNT):
        n = 2 + turn % 7
        decimals = [rng.choice((2, 6, 6, 8, 18, 18)) for _ in range(n)]
        rates = [10 ** (36 - d) * rng.choice((1_000, rng.randint(1_001, 1_400))) // 1_000 for d in decimals]
        whole = rng.choice((10, 10**4, 10**7, 10**10))
        balances = [max(10**d * whole // rng.choice((1, 1, 2, 7, 50)) + rng.randrange(10**d), 1) for d in decimals]
        i, j = rng.sample(range(n), 2)
        yield StableSwap(
            balances,
            rates,
            rng.choice((1, rng.randint(1, 10), rng.randint(10, 5_000), 10**5)),
            rng.choice((0, 1_000_000, 4_000_000, rng.randrange(5 * 10**8))),
            rng.choice((10**10, 2 * 10**10, 5 * 10**10, rng.randrange(10**10, 20 * 10**10))),
            5 * 10**9,
            i,
            j,
            _amount(rng, balances[i]),
        )


def cryptoswaps(n: int) -> Iterator[CryptoSwap]:
    rng = random.Random(20 + n)
    for _ in range(COUNT):
        decimals = [rng.choice((6, 6, 8, 18, 18)) for _ in range(n)]
        price_scale = [rng.randrange(10**14, 10 ** rng.randint(15, 23)) for _ in range(n - 1)]
        whole = 10 ** rng.randint(20, 27)
        # Of one value each, or not quite, in units of the first coin with 18 decimals.
        values = [
            whole * rng.randint(*rng.choice(((990, 1_010), (700, 1_300), (100, 3_000)))) // 1_000 for _ in range(n)
        ]
        units = [values[0], *(value * 10**18 // price for value, price in zip(values[1:], price_scale, strict=True))]
        balances = [max(unit // 10 ** (18 - d), 1) for unit, d in zip(units, decimals, strict=True)]
        mid_fee = rng.choice((0, 3_000_000, rng.randrange(10**8)))
        i, j = rng.sample(range(n), 2)
        yield CryptoSwap(
            balances,
            [10 ** (18 - d) for d in decimals],
            price_scale,
            n**n * 10_000 * rng.choice((1, 10, rng.randint(100, 800), rng.randint(1, 900))) // rng.choice((1, 1, 8)),
            rng.choice((10**10, 145 * 10**12, rng.randrange(10**10, 2 * 10**15), rng.randrange(10**12, 10**14))),
            mid_fee,
            mid_fee + rng.choice((0, 40_000_000, rng.randrange(10**9))),
            rng.choice((1, 230 * 10**12, 10**16, rng.randrange(1, 10**18))),
            i,
            j,
            _amount(rng, balances[i]),
        )


def _amount(rng: random.Random, balance: int) -> int:
    """Anything from a unit to three times what the pool holds, each size as likely."""
    return min(rng.randrange(2 << rng.randrange(balance.bit_length() + 2)) + 1, 3 * balance)
