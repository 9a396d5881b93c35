"""
SqrtPriceMath of v3-core: prices from amounts, and amounts from prices.

Prices are square roots in Q64.96, amounts in smallest units. What a swap pays is rounded up and what it gets is rounded
down, so that a price never moves further than the amount allows.
"""

from keeper.errors import SwapReverts
from keeper.math.full_math import mul_div, mul_div_rounding_up

_MAX_UINT160 = (1 << 160) - 1
_UINT256 = 1 << 256


def get_next_sqrt_price_from_amount0_rounding_up(sqrt_p_x96: int, liquidity: int, amount: int, add: bool) -> int:
    """
    Return the price after *amount* of token0 was added or removed.

    Raises:
        SwapReverts: The pool does not hold what is removed.
    """
    if amount == 0:
        return sqrt_p_x96
    numerator1 = liquidity << 96
    product = amount * sqrt_p_x96
    if add:
        if product < _UINT256 and numerator1 + product < _UINT256:
            return mul_div_rounding_up(numerator1, sqrt_p_x96, numerator1 + product)
        return -(-numerator1 // (numerator1 // sqrt_p_x96 + amount))
    if product >= _UINT256 or numerator1 <= product:
        raise SwapReverts("SqrtPriceMath: output exceeds the reserve of token0")
    return _to_uint160(mul_div_rounding_up(numerator1, sqrt_p_x96, numerator1 - product))


def get_next_sqrt_price_from_amount1_rounding_down(sqrt_p_x96: int, liquidity: int, amount: int, add: bool) -> int:
    """
    Return the price after *amount* of token1 was added or removed.

    Raises:
        SwapReverts: The pool does not hold what is removed, or the price exceeds uint160.
    """
    if add:
        return _to_uint160(sqrt_p_x96 + mul_div(amount, 1 << 96, liquidity))
    quotient = mul_div_rounding_up(amount, 1 << 96, liquidity)
    if sqrt_p_x96 <= quotient:
        raise SwapReverts("SqrtPriceMath: output exceeds the reserve of token1")
    return sqrt_p_x96 - quotient


def get_next_sqrt_price_from_input(sqrt_p_x96: int, liquidity: int, amount_in: int, zero_for_one: bool) -> int:
    """
    Return the price after *amount_in* was paid.

    Raises:
        SwapReverts: There is no price or no liquidity, or the price exceeds uint160.
    """
    _require_price_and_liquidity(sqrt_p_x96, liquidity)
    if zero_for_one:
        return get_next_sqrt_price_from_amount0_rounding_up(sqrt_p_x96, liquidity, amount_in, True)
    return get_next_sqrt_price_from_amount1_rounding_down(sqrt_p_x96, liquidity, amount_in, True)


def get_next_sqrt_price_from_output(sqrt_p_x96: int, liquidity: int, amount_out: int, zero_for_one: bool) -> int:
    """
    Return the price after *amount_out* was taken.

    Raises:
        SwapReverts: There is no price or no liquidity, or the pool does not hold the output.
    """
    _require_price_and_liquidity(sqrt_p_x96, liquidity)
    if zero_for_one:
        return get_next_sqrt_price_from_amount1_rounding_down(sqrt_p_x96, liquidity, amount_out, False)
    return get_next_sqrt_price_from_amount0_rounding_up(sqrt_p_x96, liquidity, amount_out, False)


def get_amount0_delta(sqrt_a_x96: int, sqrt_b_x96: int, liquidity: int, round_up: bool) -> int:
    """
    Return how much token0 is between two prices, in either order.

    Raises:
        SwapReverts: The lower price is zero.
    """
    if sqrt_a_x96 > sqrt_b_x96:
        sqrt_a_x96, sqrt_b_x96 = sqrt_b_x96, sqrt_a_x96
    if sqrt_a_x96 <= 0:
        raise SwapReverts("SqrtPriceMath: a price is zero")
    numerator1 = liquidity << 96
    numerator2 = sqrt_b_x96 - sqrt_a_x96
    if round_up:
        return -(-mul_div_rounding_up(numerator1, numerator2, sqrt_b_x96) // sqrt_a_x96)
    return mul_div(numerator1, numerator2, sqrt_b_x96) // sqrt_a_x96


def get_amount1_delta(sqrt_a_x96: int, sqrt_b_x96: int, liquidity: int, round_up: bool) -> int:
    """
    Return how much token1 is between two prices, in either order.
    """
    product = liquidity * abs(sqrt_b_x96 - sqrt_a_x96)
    return -(-product >> 96) if round_up else product >> 96


def _require_price_and_liquidity(sqrt_p_x96: int, liquidity: int) -> None:
    if sqrt_p_x96 <= 0 or liquidity <= 0:
        raise SwapReverts("SqrtPriceMath: a price or the liquidity is zero")


def _to_uint160(value: int) -> int:
    if value > _MAX_UINT160:
        raise SwapReverts("SafeCast: the price exceeds uint160")
    return value
