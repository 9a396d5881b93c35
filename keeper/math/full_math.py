"""
FullMath of v3-core: ``a * b / denominator`` of uint256 with an exact product.
"""

from keeper.errors import SwapReverts

_MAX_UINT256 = (1 << 256) - 1


def mul_div(a: int, b: int, denominator: int) -> int:
    """
    Return ``a * b / denominator``, rounded down.

    Raises:
        SwapReverts: The denominator is zero, or the result exceeds uint256.
    """
    if denominator == 0:
        raise SwapReverts("FullMath: division by zero")
    result = a * b // denominator
    if result > _MAX_UINT256:
        raise SwapReverts("FullMath: overflow")
    return result


def mul_div_rounding_up(a: int, b: int, denominator: int) -> int:
    """
    Return ``a * b / denominator``, rounded up.

    Raises:
        SwapReverts: The denominator is zero, or the result exceeds uint256.
    """
    if denominator == 0:
        raise SwapReverts("FullMath: division by zero")
    result = -(-a * b // denominator)
    if result > _MAX_UINT256:
        raise SwapReverts("FullMath: overflow")
    return result
