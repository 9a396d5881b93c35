"""
The arithmetic of Curve's plain StableSwap pools (curve-contract, SwapTemplateBase; curve-factory, Plain2Basic), for
any number of coins.

``amp`` is A * n**(n - 1) with two decimals, what the contracts call ``A_precise``; ``xp`` are balances with 18
decimals. Vyper checks every result of its arithmetic, so that what exceeds uint256 reverts here too.
"""

from collections.abc import Sequence

from keeper.errors import SwapReverts

A_PRECISION = 100
FEE_DENOMINATOR = 10**10
PRECISION = 10**18

_MAX_UINT256 = (1 << 256) - 1
_MAX_ROUNDS = 255


def get_xp(balances: Sequence[int], rates: Sequence[int]) -> list[int]:
    """
    Return the balances with 18 decimals.
    """
    return [_uint(rate * balance) // PRECISION for rate, balance in zip(rates, balances, strict=True)]


def get_D(xp: Sequence[int], amp: int) -> int:  # noqa: N802 - the contract's name
    """
    Return the invariant, by Newton's method.

    Raises:
        SwapReverts: A balance is zero but not all are, a product exceeds uint256, or the method does not converge.
    """
    n = len(xp)
    S = _uint(sum(xp))
    if S == 0:
        return 0
    D = S
    Ann = amp * n
    if Ann < A_PRECISION:
        raise SwapReverts("StableSwap: A is below one")
    for _ in range(_MAX_ROUNDS):
        D_P = D
        for x in xp:
            D_P = _div(_uint(D_P * D), _uint(x * n))
        D_prev = D
        numerator = _uint(_uint(_uint(Ann * S) // A_PRECISION + _uint(D_P * n)) * D)
        D = _div(numerator, _uint(_uint((Ann - A_PRECISION) * D) // A_PRECISION + _uint((n + 1) * D_P)))
        if abs(D - D_prev) <= 1:
            return D
    raise SwapReverts("StableSwap: D does not converge")


def get_y(i: int, j: int, x: int, xp: Sequence[int], amp: int, D: int) -> int:
    """
    Return the balance of coin *j* at which the invariant is *D* once that of coin *i* is *x*.

    Raises:
        SwapReverts: A balance is zero, a product exceeds uint256, or the method does not converge.
    """
    n = len(xp)
    Ann = amp * n
    S = 0
    c = D
    for k, xp_k in enumerate(xp):
        if k == j:
            continue
        x_k = x if k == i else xp_k
        S = _uint(S + x_k)
        c = _div(_uint(c * D), _uint(x_k * n))
    c = _div(_uint(_uint(c * D) * A_PRECISION), Ann * n)
    b = _uint(S + _div(D * A_PRECISION, Ann))
    y = D
    for _ in range(_MAX_ROUNDS):
        y_prev = y
        divisor = _uint(2 * y + b) - D
        if divisor <= 0:
            raise SwapReverts("StableSwap: y is below zero")
        y = _uint(_uint(y * y) + c) // divisor
        if abs(y - y_prev) <= 1:
            return y
    raise SwapReverts("StableSwap: y does not converge")


def _div(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("StableSwap: division by zero")
    return a // b


def _uint(value: int) -> int:
    if value > _MAX_UINT256:
        raise SwapReverts("StableSwap: overflow")
    return value
