"""
LogExpMath of Balancer: powers of fixed-point numbers with 18 decimals, by natural logarithm and exponential.

Solidity divides towards zero where Python divides downwards, which matters for the negative.
"""

from keeper.errors import SwapReverts

ONE_18 = 10**18

_ONE_20 = 10**20
_ONE_36 = 10**36
_MAX_NATURAL_EXPONENT = 130 * ONE_18
_MIN_NATURAL_EXPONENT = -41 * ONE_18
_LN_36_LOWER_BOUND = ONE_18 - 10**17
_LN_36_UPPER_BOUND = ONE_18 + 10**17
_MILD_EXPONENT_BOUND = (1 << 254) // _ONE_20

#: x and e**x for 2**7 and 2**6: 18 and no decimals.
_COARSE = (
    (128 * ONE_18, 38877084059945950922200000000000000000000000000000000000),
    (64 * ONE_18, 6235149080811616882910000000),
)
#: x and e**x for 2**5 to 2**-4: 20 decimals both. The exponential goes down to 2**-2 only.
_FINE = (
    (3200000000000000000000, 7896296018268069516100000000000000),
    (1600000000000000000000, 888611052050787263676000000),
    (800000000000000000000, 298095798704172827474000),
    (400000000000000000000, 5459815003314423907810),
    (200000000000000000000, 738905609893065022723),
    (100000000000000000000, 271828182845904523536),
    (50000000000000000000, 164872127070012814685),
    (25000000000000000000, 128402541668774148407),
    (12500000000000000000, 113314845306682631683),
    (6250000000000000000, 106449445891785942956),
)
_EXP_FINE = _FINE[:8]


def pow_(x: int, y: int) -> int:
    """
    Return ``x**y`` of unsigned numbers with 18 decimals.

    Raises:
        SwapReverts: A number or the result is out of bounds.
    """
    if y == 0:
        return ONE_18
    if x == 0:
        return 0
    if x >> 255:
        raise SwapReverts("LogExpMath: X_OUT_OF_BOUNDS")
    if y >= _MILD_EXPONENT_BOUND:
        raise SwapReverts("LogExpMath: Y_OUT_OF_BOUNDS")
    if _LN_36_LOWER_BOUND < x < _LN_36_UPPER_BOUND:
        ln_36_x = _ln_36(x)
        whole = _div(ln_36_x, ONE_18)
        logx_times_y = whole * y + _div((ln_36_x - whole * ONE_18) * y, ONE_18)
    else:
        logx_times_y = ln(x) * y
    exponent = _div(logx_times_y, ONE_18)
    if not _MIN_NATURAL_EXPONENT <= exponent <= _MAX_NATURAL_EXPONENT:
        raise SwapReverts("LogExpMath: PRODUCT_OUT_OF_BOUNDS")
    return exp(exponent)


def exp(x: int) -> int:
    """
    Return ``e**x`` of a signed number with 18 decimals.

    Raises:
        SwapReverts: The exponent is out of bounds.
    """
    if not _MIN_NATURAL_EXPONENT <= x <= _MAX_NATURAL_EXPONENT:
        raise SwapReverts("LogExpMath: INVALID_EXPONENT")
    if x < 0:
        return _ONE_36 // exp(-x)
    first = 1
    for x_n, a_n in _COARSE:
        if x >= x_n:
            x -= x_n
            first = a_n
            break
    x *= 100
    product = _ONE_20
    for x_n, a_n in _EXP_FINE:
        if x >= x_n:
            x -= x_n
            product = product * a_n // _ONE_20
    term, series = x, _ONE_20 + x
    for n in range(2, 13):
        term = term * x // _ONE_20 // n
        series += term
    return product * series // _ONE_20 * first // 100


def ln(a: int) -> int:
    """
    Return the natural logarithm of a positive number with 18 decimals.
    """
    if a < ONE_18:
        return -ln(_ONE_36 // a)
    total = 0
    for x_n, a_n in _COARSE:
        if a >= a_n * ONE_18:
            a //= a_n
            total += x_n
    total *= 100
    a *= 100
    for x_n, a_n in _FINE:
        if a >= a_n:
            a = a * _ONE_20 // a_n
            total += x_n
    z = (a - _ONE_20) * _ONE_20 // (a + _ONE_20)
    z_squared = z * z // _ONE_20
    term = series = z
    for n in range(3, 12, 2):
        term = term * z_squared // _ONE_20
        series += term // n
    return (total + 2 * series) // 100


def _ln_36(x: int) -> int:
    """The logarithm of a number near one, with 36 decimals."""
    x *= ONE_18
    z = _div((x - _ONE_36) * _ONE_36, x + _ONE_36)
    z_squared = z * z // _ONE_36
    term = series = z
    for n in range(3, 16, 2):
        term = _div(term * z_squared, _ONE_36)
        series += _div(term, n)
    return series * 2


def _div(a: int, b: int) -> int:
    """The quotient by a positive number, towards zero."""
    return a // b if a >= 0 else -(-a // b)
