"""
FixedPoint of Balancer V2: unsigned numbers with 18 decimals, the rounding in the name.
"""

from keeper.errors import SwapReverts
from keeper.math.log_exp_math import pow_

ONE = 10**18

_TWO, _FOUR = 2 * ONE, 4 * ONE
_MAX_POW_RELATIVE_ERROR = 10_000
_MAX_UINT256 = (1 << 256) - 1


def mul_down(a: int, b: int) -> int:
    return _uint(a * b) // ONE


def mul_up(a: int, b: int) -> int:
    return -(-_uint(a * b) // ONE)


def div_down(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("FixedPoint: ZERO_DIVISION")
    return _uint(a * ONE) // b


def div_up(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("FixedPoint: ZERO_DIVISION")
    return -(-_uint(a * ONE) // b)


def sub(a: int, b: int) -> int:
    if b > a:
        raise SwapReverts("FixedPoint: SUB_OVERFLOW")
    return a - b


def complement(x: int) -> int:
    """
    Return one minus *x*, nothing below zero.
    """
    return max(ONE - x, 0)


def pow_up(x: int, y: int, shortcuts: bool) -> int:
    """
    Return ``x**y``, above the true value.

    Args:
        shortcuts: Whether powers of one, two and four are products, as the library has them since 2022.
    """
    if shortcuts and y == ONE:
        return x
    if shortcuts and y == _TWO:
        return mul_up(x, x)
    if shortcuts and y == _FOUR:
        square = mul_up(x, x)
        return mul_up(square, square)
    raw = pow_(x, y)
    return raw + mul_up(raw, _MAX_POW_RELATIVE_ERROR) + 1


def _uint(value: int) -> int:
    if value > _MAX_UINT256:
        raise SwapReverts("FixedPoint: MUL_OVERFLOW")
    return value
