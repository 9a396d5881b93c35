"""
Signed integers as Vyper has them: what exceeds a word reverts, and quotients go towards zero.

Where Curve's code leaves a check out because it cannot fail, it is here nevertheless: a number is refused, never wrong.
"""

from keeper.errors import SwapReverts

_MAX_INT256 = (1 << 255) - 1
_MIN_INT256 = -(1 << 255)


def int256(value: int) -> int:
    """
    Return *value*.

    Raises:
        SwapReverts: It is not an int256.
    """
    if not _MIN_INT256 <= value <= _MAX_INT256:
        raise SwapReverts("Vyper: int256 overflow")
    return value


def div(a: int, b: int) -> int:
    """
    Return the quotient towards zero.

    Raises:
        SwapReverts: *b* is zero.
    """
    if b == 0:
        raise SwapReverts("Vyper: division by zero")
    return unsafe_div(a, b)


def unsafe_div(a: int, b: int) -> int:
    """
    Return the quotient towards zero; by zero it is zero, as the machine has it.
    """
    if b == 0:
        return 0
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient
