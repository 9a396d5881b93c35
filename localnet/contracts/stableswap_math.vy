# pragma version 0.4.3
"""
@title StableSwap arithmetic
@notice The invariant of the StableSwap paper (Egorov, 2019) in integers, for two to four coins:
        A n^n sum(x) + D = A D n^n + D^(n+1) / (n^n prod(x)).
@dev `amp` is A n^(n-1) with two decimals more, which is what Curve calls A_precise. Balances `xp` have 18 decimals.
"""


import amplification


MAX_COINS: constant(uint256) = 4

_MAX_ROUNDS: constant(uint256) = 255


@internal
@pure
def _invariant(xp: DynArray[uint256, MAX_COINS], amp: uint256) -> uint256:
    """
    @notice Returns D, by Newton's method.
    """
    n: uint256 = len(xp)
    total: uint256 = 0
    for x: uint256 in xp:
        total += x
    if total == 0:
        return 0

    d: uint256 = total
    ann: uint256 = amp * n
    for _: uint256 in range(_MAX_ROUNDS):
        product: uint256 = d
        for x: uint256 in xp:
            product = product * d // (x * n)
        previous: uint256 = d
        numerator: uint256 = ann * total // amplification.A_PRECISION + product * n
        denominator: uint256 = (ann - amplification.A_PRECISION) * d // amplification.A_PRECISION + (n + 1) * product
        d = numerator * d // denominator
        if self._distance(d, previous) <= 1:
            return d
    raise "stableswap: no convergence"


@internal
@pure
def _balance_of(j: uint256, xp: DynArray[uint256, MAX_COINS], amp: uint256, d: uint256) -> uint256:
    """
    @notice Returns the balance of coin j at which the invariant is d, given the other balances in xp.
    """
    n: uint256 = len(xp)
    ann: uint256 = amp * n
    total: uint256 = 0
    c: uint256 = d
    for k: uint256 in range(n, bound=MAX_COINS):
        if k != j:
            total += xp[k]
            c = c * d // (xp[k] * n)
    c = c * d * amplification.A_PRECISION // (ann * n)
    b: uint256 = total + d * amplification.A_PRECISION // ann

    y: uint256 = d
    for _: uint256 in range(_MAX_ROUNDS):
        previous: uint256 = y
        y = (y * y + c) // (2 * y + b - d)
        if self._distance(y, previous) <= 1:
            return y
    raise "stableswap: no convergence"


@internal
@pure
def _distance(a: uint256, b: uint256) -> uint256:
    """
    @notice Returns |a - b|.
    """
    return max(a, b) - min(a, b)
