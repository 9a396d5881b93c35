"""
LiquidityMath of v3-core: signed changes of a uint128.
"""

from keeper.errors import SwapReverts


def add_delta(x: int, y: int) -> int:
    """
    Return ``x + y``.

    Raises:
        SwapReverts: The sum is negative (LS) or exceeds uint128 (LA).
    """
    z = x + y
    if z < 0:
        raise SwapReverts("LiquidityMath: LS")
    if z >> 128:
        raise SwapReverts("LiquidityMath: LA")
    return z
