"""
StableMath of Balancer V2. Balances have 18 decimals, the amplification three.
"""

from collections.abc import Sequence

from keeper.errors import SwapReverts

AMP_PRECISION = 1_000

_MAX_UINT256 = (1 << 256) - 1
_MAX_ROUNDS = 255


def calculate_invariant(amp: int, balances: Sequence[int]) -> int:
    """
    Return the invariant as composable pools compute it: rounded down.

    Raises:
        SwapReverts: A balance is zero but not all are, a product exceeds uint256, or the method does not converge.
    """
    n = len(balances)
    total = _uint(sum(balances))
    if total == 0:
        return 0
    invariant = total
    amp_times_total = _uint(amp * n)
    for _ in range(_MAX_ROUNDS):
        D_P = invariant
        for balance in balances:
            D_P = _div_down(_uint(D_P * invariant), _uint(balance * n))
        previous = invariant
        numerator = _uint(_uint(amp_times_total * total) // AMP_PRECISION + _uint(D_P * n))
        denominator = _uint((amp_times_total - AMP_PRECISION) * invariant) // AMP_PRECISION + _uint((n + 1) * D_P)
        invariant = _div_down(_uint(numerator * invariant), _uint(denominator))
        if abs(invariant - previous) <= 1:
            return invariant
    raise SwapReverts("StableMath: STABLE_INVARIANT_DIDNT_CONVERGE")


def calculate_invariant_up(amp: int, balances: Sequence[int]) -> int:
    """
    Return the invariant as the pools of 2021 compute it for a swap: rounded up.

    Raises:
        SwapReverts: As above.
    """
    n = len(balances)
    total = _uint(sum(balances))
    if total == 0:
        return 0
    invariant = total
    amp_times_total = _uint(amp * n)
    for _ in range(_MAX_ROUNDS):
        P_D = _uint(balances[0] * n)
        for balance in balances[1:]:
            P_D = _div_up(_uint(_uint(P_D * balance) * n), invariant)
        previous = invariant
        numerator = _uint(_uint(n * invariant) * invariant) + _div_up(
            _uint(_uint(amp_times_total * total) * P_D), AMP_PRECISION
        )
        denominator = _uint((n + 1) * invariant) + _uint((amp_times_total - AMP_PRECISION) * P_D) // AMP_PRECISION
        invariant = _div_up(_uint(numerator), _uint(denominator))
        if abs(invariant - previous) <= 1:
            return invariant
    raise SwapReverts("StableMath: STABLE_INVARIANT_DIDNT_CONVERGE")


def calc_out_given_in(amp: int, balances: Sequence[int], i: int, j: int, amount_in: int, invariant: int) -> int:
    """
    Return what of token *j* leaves for *amount_in* of token *i*, rounded down.

    Raises:
        SwapReverts: An intermediate result is out of bounds, or the method does not converge.
    """
    after = list(balances)
    after[i] = _uint(after[i] + amount_in)
    final = get_token_balance(amp, after, invariant, j)
    return _sub(_sub(balances[j], final), 1)


def calc_in_given_out(amp: int, balances: Sequence[int], i: int, j: int, amount_out: int, invariant: int) -> int:
    """
    Return what of token *i* must come in for *amount_out* of token *j*, rounded up.

    Raises:
        SwapReverts: The output exceeds the balance, an intermediate result is out of bounds, or the method does not
            converge.
    """
    after = list(balances)
    after[j] = _sub(after[j], amount_out)
    final = get_token_balance(amp, after, invariant, i)
    return _uint(_sub(final, balances[i]) + 1)


def get_token_balance(amp: int, balances: Sequence[int], invariant: int, index: int) -> int:
    """
    Return the balance of token *index* at which the invariant is *invariant*, given all others: what the contract calls
    ``_getTokenBalanceGivenInvariantAndAllOtherBalances``. The token's own balance is in a product and out of it again.
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
    c = _uint(_uint(_div_up(squared, _uint(amp_times_total * P_D)) * AMP_PRECISION) * balances[index])
    b = _uint(total + _uint(_div_down(invariant, amp_times_total) * AMP_PRECISION))
    token_balance = _div_up(_uint(squared + c), _uint(invariant + b))
    for _ in range(_MAX_ROUNDS):
        previous = token_balance
        denominator = _sub(_uint(2 * token_balance + b), invariant)
        token_balance = _div_up(_uint(_uint(token_balance * token_balance) + c), denominator)
        if abs(token_balance - previous) <= 1:
            return token_balance
    raise SwapReverts("StableMath: STABLE_GET_BALANCE_DIDNT_CONVERGE")


def _sub(a: int, b: int) -> int:
    if b > a:
        raise SwapReverts("Math: SUB_OVERFLOW")
    return a - b


def _div_down(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("Math: ZERO_DIVISION")
    return a // b


def _div_up(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("Math: ZERO_DIVISION")
    return -(-a // b)


def _uint(value: int) -> int:
    if value > _MAX_UINT256:
        raise SwapReverts("Math: MUL_OVERFLOW")
    return value
