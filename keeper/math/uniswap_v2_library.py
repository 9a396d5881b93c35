"""
UniswapV2Library of v2-periphery, for any fee.

The fee is in millionths where the library has thousandths: both sides of its fraction grow by the same factor, so the
rounded result is the library's.
"""

from keeper.errors import SwapReverts

FEE_DENOMINATOR = 1_000_000


def get_amount_out(amount_in: int, reserve_in: int, reserve_out: int, fee_pips: int) -> int:
    """
    Return the most that a pair pays for *amount_in*, rounded down.

    Raises:
        SwapReverts: The input or a reserve is zero.
    """
    if amount_in <= 0:
        raise SwapReverts("UniswapV2Library: INSUFFICIENT_INPUT_AMOUNT")
    if reserve_in <= 0 or reserve_out <= 0:
        raise SwapReverts("UniswapV2Library: INSUFFICIENT_LIQUIDITY")
    amount_in_with_fee = amount_in * (FEE_DENOMINATOR - fee_pips)
    return amount_in_with_fee * reserve_out // (reserve_in * FEE_DENOMINATOR + amount_in_with_fee)


def get_amount_in(amount_out: int, reserve_in: int, reserve_out: int, fee_pips: int) -> int:
    """
    Return what a pair asks for *amount_out*, one unit above the quotient as the library has it.

    Raises:
        SwapReverts: The output or a reserve is zero, or the output is the whole reserve.
    """
    if amount_out <= 0:
        raise SwapReverts("UniswapV2Library: INSUFFICIENT_OUTPUT_AMOUNT")
    if reserve_in <= 0 or reserve_out <= amount_out:
        raise SwapReverts("UniswapV2Library: INSUFFICIENT_LIQUIDITY")
    numerator = reserve_in * amount_out * FEE_DENOMINATOR
    return numerator // ((reserve_out - amount_out) * (FEE_DENOMINATOR - fee_pips)) + 1
