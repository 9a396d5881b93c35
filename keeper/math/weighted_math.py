"""
WeightedMath of Balancer V2: the constant product of weighted balances. All numbers have 18 decimals.
"""

from keeper.errors import SwapReverts
from keeper.math.fixed_point import ONE, complement, div_down, div_up, mul_down, mul_up, pow_up, sub

_MAX_IN_RATIO = _MAX_OUT_RATIO = 3 * ONE // 10


def calc_out_given_in(
    balance_in: int, weight_in: int, balance_out: int, weight_out: int, amount_in: int, shortcuts: bool
) -> int:
    """
    Return what leaves for *amount_in*, rounded down.

    Raises:
        SwapReverts: The input exceeds three tenths of the balance, or an intermediate result is out of bounds.
    """
    if amount_in > mul_down(balance_in, _MAX_IN_RATIO):
        raise SwapReverts("WeightedMath: MAX_IN_RATIO")
    base = div_up(balance_in, balance_in + amount_in)
    power = pow_up(base, div_down(weight_in, weight_out), shortcuts)
    return mul_down(balance_out, complement(power))


def calc_in_given_out(
    balance_in: int, weight_in: int, balance_out: int, weight_out: int, amount_out: int, shortcuts: bool
) -> int:
    """
    Return what must come in for *amount_out*, rounded up.

    Raises:
        SwapReverts: The output exceeds three tenths of the balance, or an intermediate result is out of bounds.
    """
    if amount_out > mul_down(balance_out, _MAX_OUT_RATIO):
        raise SwapReverts("WeightedMath: MAX_OUT_RATIO")
    base = div_up(balance_out, balance_out - amount_out)
    power = pow_up(base, div_up(weight_out, weight_in), shortcuts)
    return mul_up(balance_in, sub(power, ONE))
