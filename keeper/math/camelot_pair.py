"""
CamelotPair of Camelot V2: the constant product and the stable invariant x**3 * y + y**3 * x.
"""

from keeper.errors import SwapReverts

FEE_DENOMINATOR = 100_000

_ONE = 10**18
_MAX_ROUNDS = 255
_MAX_UINT256 = (1 << 256) - 1


def stable_k(balance0: int, balance1: int, unit0: int, unit1: int) -> int:
    """
    Return the stable invariant of two balances, rounded down.

    Args:
        unit0, unit1: One whole token, what the contract calls ``precisionMultiplier``.

    Raises:
        SwapReverts: A product exceeds uint256.
    """
    x = _uint(balance0 * _ONE) // unit0
    y = _uint(balance1 * _ONE) // unit1
    a = _uint(x * y) // _ONE
    b = _uint(_uint(x * x) // _ONE + _uint(y * y) // _ONE)
    return _uint(a * b) // _ONE


def get_y(x0: int, xy: int, y: int) -> int:
    """
    Return the balance at which the invariant is *xy* once the other is *x0*, by Newton's method from *y*; after 255
    rounds it is what it is.

    Raises:
        SwapReverts: A product exceeds uint256, where the contract would go on with what is left of it.
    """
    for _ in range(_MAX_ROUNDS):
        y_prev = y
        k = _f(x0, y)
        if k < xy:
            y = _uint(y + _div(_uint((xy - k) * _ONE), _d(x0, y)))
        else:
            y = _uint(y - _div(_uint((k - xy) * _ONE), _d(x0, y)))
        if abs(y - y_prev) <= 1:
            return y
    return y


def _f(x0: int, y: int) -> int:
    y_cubed = _uint(_uint(y * y) // _ONE * y) // _ONE
    x_cubed = _uint(_uint(x0 * x0) // _ONE * x0) // _ONE
    return _uint(_uint(x0 * y_cubed) // _ONE + _uint(x_cubed * y) // _ONE)


def _d(x0: int, y: int) -> int:
    x_cubed = _uint(_uint(x0 * x0) // _ONE * x0) // _ONE
    return _uint(_uint(3 * x0 * (_uint(y * y) // _ONE)) // _ONE + x_cubed)


def _div(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("CamelotPair: division by zero")
    return a // b


def _uint(value: int) -> int:
    if not 0 <= value <= _MAX_UINT256:
        raise SwapReverts("CamelotPair: overflow")
    return value
