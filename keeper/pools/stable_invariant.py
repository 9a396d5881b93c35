"""
What pools with the stable invariant screen with: marginal price and depth, in floats.
"""

from collections.abc import Sequence


def price_and_depth(xp: Sequence[int], i: int, j: int, ann: float, D: int) -> tuple[float, float]:
    """
    Return the price of coin *i* in coin *j* before fees, and how much of coin *i* a constant-product pool of the same
    slope would hold.

    Args:
        xp: Balances of one scale, none zero.
        ann: n times the amplification, without decimals.
        D: The invariant at these balances.
    """
    # From ann * sum(x) + D = ann * D + P, where P = D**(n + 1) / (n**n * prod(x)).
    n = len(xp)
    product = float(D)
    for x in xp:
        product *= D / (n * x)
    x_i, x_j = xp[i], xp[j]
    slope_i, slope_j = ann + product / x_i, ann + product / x_j
    price = slope_i / slope_j
    relative = price / x_j - 1 / x_i
    change = product / x_i * (relative - 1 / x_i) / slope_i - product / x_j * (relative + price / x_j) / slope_j
    return price, -2 / change
