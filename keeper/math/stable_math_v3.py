"""
StableMath of Balancer V3, where it rounds otherwise than V2's: balances have 18 decimals, the amplification three.
"""

from collections.abc import Sequence

from keeper.errors import SwapReverts
from keeper.math.stable_math import AMP_PRECISION

_MAX_UINT256 = (1 << 256) - 1
_MAX_ROUNDS = 255


def compute_out_given_exact_in(
    amp: int, balances: Sequence[int], i: int, j: int, amount_in: int, invariant: int
) -> int:
    """
    Return what of token *j* leaves for *amount_in* of token *i*, rounded down.

    Raises:
        SwapReverts: An intermediate result is out of bounds, or the method does not converge.
    """
    after = list(balances)
    after[i] = _uint(after[i] + amount_in)
    return _uint(balances[j] - compute_balance(amp, after, invariant, j) - 1)


def compute_in_given_exact_out(
    amp: int, balances: Sequence[int], i: int, j: int, amount_out: int, invariant: int
) -> int:
    """
    Return what of token *i* must come in for *amount_out* of token *j*, rounded up.

    Raises:
        SwapReverts: The output exceeds the balance, an intermediate result is out of bounds, or the method does not
            converge.
    """
    after = list(balances)
    after[j] = _uint(after[j] - amount_out)
    return _uint(_uint(compute_balance(amp, after, invariant, i) - balances[i]) + 1)


def compute_balance(amp: int, balances: Sequence[int], invariant: int, index: int) -> int:
    """
    Return the balance of token *index* at which the invariant is *invariant*, given all others, rounded up.

    Raises:
        SwapReverts: As above.
    """
    n = len(balances)
    amp_times_total = _uint(amp * n)
    total = balances[0]
    P_D = _uint(balances[0] * n)
    for balance in balances[1:]:
        P_D = _div_down(_uint(_uint(P_D * balance) * n), invariant)
        total = _uint(total + balance)
    total -= balances[index]
    squared = _uint(invariant * invariant)
    c = _uint(_div_up(_uint(squared * AMP_PRECISION), _uint(amp_times_total * P_D)) * balances[index])
    b = _uint(total + _div_down(_uint(invariant * AMP_PRECISION), amp_times_total))
    token_balance = _div_up(_uint(squared + c), _uint(invariant + b))
    for _ in range(_MAX_ROUNDS):
        previous = token_balance
        denominator = _uint(_uint(2 * token_balance + b) - invariant)
        token_balance = _div_up(_uint(_uint(token_balance * token_balance) + c), denominator)
        if abs(token_balance - previous) <= 1:
            return token_balance
    raise SwapReverts("StableMath: StableComputeBalanceDidNotConverge")


def _div_down(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("StableMath: ZeroDivision")
    return a // b


def _div_up(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("StableMath: ZeroDivision")
    return -(-a // b)


def _uint(value: int) -> int:
    if not 0 <= value <= _MAX_UINT256:
        raise SwapReverts("StableMath: arithmetic overflow")
    return value
