"""
What a logged swap proves: whether the model, in the state before it, gives the log's own numbers to the wei.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import partial

from keeper.errors import PoolError
from keeper.events import V2Swap, V3Swap
from keeper.math.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool

#: More than any pool holds, within what the contract's casts allow.
_MORE_THAN_THERE_IS = 1 << 200


class Explanation(StrEnum):
    """What the swap was, as far as its log shows."""

    EXACT_IN = "exact_in"
    EXACT_OUT = "exact_out"
    PRICE_LIMIT = "price_limit"
    MISMATCH = "mismatch"


def explain_v2(before: UniswapV2Pool, after: UniswapV2Pool, swap: V2Swap) -> Explanation:
    """
    Explain a pair's swap.

    Args:
        before: The pair before the Sync that precedes the Swap in the log.
        after: The pair as that Sync left it.
    """
    token0, token1 = before.tokens
    if swap.amount0_out == 0 and swap.amount1_in == 0:
        token_in, token_out, paid, received = token0, token1, swap.amount0_in, swap.amount1_out
        moved = after.reserve0 - before.reserve0, before.reserve1 - after.reserve1
    elif swap.amount1_out == 0 and swap.amount0_in == 0:
        token_in, token_out, paid, received = token1, token0, swap.amount1_in, swap.amount0_out
        moved = after.reserve1 - before.reserve1, before.reserve0 - after.reserve0
    else:
        return Explanation.MISMATCH  # paid or delivered both tokens
    if moved != (paid, received):
        return Explanation.MISMATCH
    if _gives(partial(before.amount_out, token_in, token_out, paid), received):
        return Explanation.EXACT_IN
    if _gives(partial(before.amount_in, token_in, token_out, received), paid):
        return Explanation.EXACT_OUT
    return Explanation.MISMATCH


def explain_v3(before: UniswapV3Pool, swap: V3Swap) -> Explanation:
    """
    Explain a concentrated-liquidity pool's swap by its amounts, price, tick and liquidity.
    """
    zero_for_one = swap.amount0 > 0 or (swap.amount1 <= 0 and swap.sqrt_price_x96 < before.sqrt_price_x96)
    paid, received = (swap.amount0, swap.amount1) if zero_for_one else (swap.amount1, swap.amount0)
    end = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
    for explanation, amount, limit in (
        (Explanation.EXACT_IN, paid, end),
        (Explanation.EXACT_OUT, received, end),
        (Explanation.PRICE_LIMIT, _MORE_THAN_THERE_IS, swap.sqrt_price_x96),
    ):
        if _gives(partial(_swapped, before, zero_for_one, amount, limit), swap):
            return explanation
    return Explanation.MISMATCH


def _swapped(before: UniswapV3Pool, zero_for_one: bool, amount: int, limit: int) -> V3Swap:
    amount0, amount1, after = before.swap_to(zero_for_one, amount, limit)
    return V3Swap(before.address, amount0, amount1, after.sqrt_price_x96, after.liquidity, after.tick)


def _gives(quote: Callable[[], object], expected: object) -> bool:
    try:
        return quote() == expected
    except PoolError:
        return False
