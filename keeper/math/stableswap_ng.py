"""
What Curve's StableSwap NG computes otherwise than the plain pools (stableswap-ng, CurveStableSwapNG and its views): the
invariant is rounded once a round instead of once a coin, and the fee grows with the imbalance.
"""

from collections.abc import Sequence

from keeper.errors import SwapReverts
from keeper.math.stableswap import A_PRECISION, FEE_DENOMINATOR

_MAX_UINT256 = (1 << 256) - 1
_MAX_ROUNDS = 255


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
        raise SwapReverts("StableSwapNG: A is below one")
    for _ in range(_MAX_ROUNDS):
        D_P = D
        for x in xp:
            D_P = _div(_uint(D_P * D), x)
        D_P //= n**n
        D_prev = D
        numerator = _uint(_uint(_uint(Ann * S) // A_PRECISION + _uint(D_P * n)) * D)
        D = _div(numerator, _uint(_uint((Ann - A_PRECISION) * D) // A_PRECISION + _uint((n + 1) * D_P)))
        if abs(D - D_prev) <= 1:
            return D
    raise SwapReverts("StableSwapNG: D does not converge")


def dynamic_fee(xpi: int, xpj: int, fee: int, offpeg_fee_multiplier: int) -> int:
    """
    Return the share of the output that the pool keeps, in 1e-10: *fee* where the balances are equal, up to so many
    times more where they are not.

    Raises:
        SwapReverts: Both balances are zero, or a product exceeds uint256.
    """
    if offpeg_fee_multiplier <= FEE_DENOMINATOR:
        return fee
    xps2 = _uint((xpi + xpj) ** 2)
    balance = _div(_uint((offpeg_fee_multiplier - FEE_DENOMINATOR) * 4 * xpi * xpj), xps2)
    return offpeg_fee_multiplier * fee // (balance + FEE_DENOMINATOR)


def _div(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("StableSwapNG: division by zero")
    return a // b


def _uint(value: int) -> int:
    if value > _MAX_UINT256:
        raise SwapReverts("StableSwapNG: overflow")
    return value
