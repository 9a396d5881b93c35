"""
SwapMath of v3-core: one step of a swap, within one range of liquidity.
"""

from keeper.math.full_math import mul_div, mul_div_rounding_up
from keeper.math.sqrt_price_math import (
    get_amount0_delta,
    get_amount1_delta,
    get_next_sqrt_price_from_input,
    get_next_sqrt_price_from_output,
)

FEE_DENOMINATOR = 1_000_000


def compute_swap_step(
    sqrt_current_x96: int, sqrt_target_x96: int, liquidity: int, amount_remaining: int, fee_pips: int
) -> tuple[int, int, int, int]:
    """
    Swap from the current price towards the target as far as the remaining amount goes.

    Args:
        amount_remaining: The input still to be paid, or minus the output still to be taken.

    Returns:
        The price after the step, amount in without the fee, amount out, and the fee.

    Raises:
        SwapReverts: A library that the step uses reverts.
    """
    zero_for_one = sqrt_current_x96 >= sqrt_target_x96
    exact_in = amount_remaining >= 0
    delta_in, delta_out = (
        (get_amount0_delta, get_amount1_delta) if zero_for_one else (get_amount1_delta, get_amount0_delta)
    )
    sqrt_next_x96 = sqrt_target_x96
    if exact_in:
        amount_in = delta_in(sqrt_target_x96, sqrt_current_x96, liquidity, True)
        remaining_less_fee = mul_div(amount_remaining, FEE_DENOMINATOR - fee_pips, FEE_DENOMINATOR)
        if remaining_less_fee < amount_in:
            sqrt_next_x96 = get_next_sqrt_price_from_input(
                sqrt_current_x96, liquidity, remaining_less_fee, zero_for_one
            )
    else:
        amount_out = delta_out(sqrt_target_x96, sqrt_current_x96, liquidity, False)
        if -amount_remaining < amount_out:
            sqrt_next_x96 = get_next_sqrt_price_from_output(
                sqrt_current_x96, liquidity, -amount_remaining, zero_for_one
            )

    reached = sqrt_next_x96 == sqrt_target_x96
    if not (reached and exact_in):
        amount_in = delta_in(sqrt_next_x96, sqrt_current_x96, liquidity, True)
    if not (reached and not exact_in):
        amount_out = delta_out(sqrt_next_x96, sqrt_current_x96, liquidity, False)
    if not exact_in:
        amount_out = min(amount_out, -amount_remaining)

    if exact_in and not reached:
        fee_amount = amount_remaining - amount_in
    else:
        fee_amount = mul_div_rounding_up(amount_in, fee_pips, FEE_DENOMINATOR - fee_pips)
    return sqrt_next_x96, amount_in, amount_out, fee_amount
