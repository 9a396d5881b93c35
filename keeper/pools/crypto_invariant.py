"""
What pools with the cryptoswap invariant screen with: marginal price and depth, in floats.
"""

from collections.abc import Sequence

#: How far a balance is moved to see how fast the price falls.
_STEP = 1e-5


def price_and_depth(xp: Sequence[int], i: int, j: int, A: float, gamma: float, D: int) -> tuple[float, float]:
    """
    Return the price of coin *i* in coin *j* before fees, and how much of coin *i* a constant-product pool of the same
    slope would hold.

    Args:
        xp: Balances in units of the invariant, none zero.
        A, gamma: Without decimals; *A* without the power of n.
        D: The invariant at these balances.
    """
    x = [balance / D for balance in xp]
    price = _price(x, i, j, A, gamma)
    moved = list(x)
    moved[i] += _STEP * x[i]
    moved[j] -= _STEP * x[i] * price
    return price, -2 * _STEP * x[i] * D * price / (_price(moved, i, j, A, gamma) - price)


def _price(x: Sequence[float], i: int, j: int, A: float, gamma: float) -> float:
    """The ratio of the invariant's slopes, of balances whose invariant is one."""
    n = len(x)
    product = 1.0
    for balance in x:
        product *= balance
    K0 = product * float(n**n)
    K = A * K0 * (gamma / (gamma + 1 - K0)) ** 2
    growth = K * (1 + 2 * K0 / (gamma + 1 - K0)) * (sum(x) - 1)
    return (K + (growth + product) / x[i]) / (K + (growth + product) / x[j])
