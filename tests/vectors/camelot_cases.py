"""
Random pairs of Camelot V2 and swaps in them, from a seed: what the independent implementation is asked for, and the
model too. Nothing but the standard library, so that both can import it.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

#: Pairs of each kind.
COUNT = 2_500


class PairSwap(NamedTuple):
    """A pair, and an amount of its token *i* that comes in."""

    reserves: tuple[int, int]
    decimals: tuple[int, int]
    fee_percents: tuple[int, int]
    i: int
    amount_in: int


def pair_swaps(stable: bool) -> Iterator[PairSwap]:
    rng = random.Random(31 + stable)
    for _ in range(COUNT):
        decimals = rng.choice((6, 6, 8, 18, 18)), rng.choice((6, 6, 8, 18, 18))
        whole = 10 ** rng.randint(0, 8)
        reserve0, reserve1 = (whole * 10**d * rng.randint(100, 300) // 100 + rng.randrange(10**d) for d in decimals)
        i = rng.randrange(2)
        reserve = (reserve0, reserve1)[i]
        yield PairSwap(
            (reserve0, reserve1),
            decimals,
            (rng.choice((4, 40, 300, rng.randint(1, 2_000))), rng.choice((4, 40, 300, rng.randint(1, 2_000)))),
            i,
            min(rng.randrange(2 << rng.randrange(reserve.bit_length() + 2)) + 1, 3 * reserve),
        )
