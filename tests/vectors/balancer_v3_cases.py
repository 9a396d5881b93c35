"""
Random pools of Balancer V3 and swaps in them, from a seed: what the independent implementation is asked for, and the
models too. Nothing but the standard library, so that both can import it.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

#: Pools of each kind.
COUNT = 2_500

_ONE = 10**18


class VaultSwap(NamedTuple):
    """A pool, and an amount of token *i* that comes in, or of token *j* that goes out."""

    balances: list[int]
    scaling_factors: list[int]
    rates: list[int]
    swap_fee: int
    aggregate_swap_fee: int
    weights: list[int]
    amp: int
    i: int
    j: int
    exact_in: bool
    amount: int

    def live(self) -> list[int]:
        """Return the balances with 18 decimals and at their rates."""
        return [
            balance * factor * rate // _ONE
            for balance, factor, rate in zip(self.balances, self.scaling_factors, self.rates, strict=True)
        ]


def vault_swaps() -> Iterator[VaultSwap]:
    rng = random.Random(41)
    for turn in range(COUNT):
        n = 2 + turn % 4
        decimals = [rng.choice((6, 6, 8, 18, 18)) for _ in range(n)]
        # Odd, so that the judge, which divides them as floats, sees that they are no whole numbers.
        rates = [rng.choice((_ONE, _ONE + 2 * rng.randrange(2 * 10**17) + 1)) for _ in range(n)]
        whole = 10 ** rng.randint(0, 8)
        balances = [whole * 10**d * rng.randint(100, 400) // 100 + rng.randrange(10**d) for d in decimals]
        parts = [rng.randint(1, 50) for _ in range(n)]
        weights = [_ONE // sum(parts) * part for part in parts]
        weights[0] += _ONE - sum(weights)
        i, j = rng.sample(range(n), 2)
        exact_in = bool(rng.randrange(2))
        balance = balances[i] if exact_in else balances[j]
        yield VaultSwap(
            balances,
            [10 ** (18 - d) for d in decimals],
            rates,
            rng.choice((0, 10**12, 3 * 10**15, rng.randrange(10**17))),
            rng.choice((0, 5 * 10**17, rng.randrange(_ONE))),
            weights,
            1_000 * rng.choice((1, rng.randint(1, 100), rng.randint(100, 5_000))),
            i,
            j,
            exact_in,
            rng.randrange(2 << rng.randrange(balance.bit_length() + 1)) + 1,
        )
