"""
What Curve's cryptoswap pools have in common: balances in units of the invariant, found by Newton's method, and the fee.

``ANN`` is A * n**n with four decimals; gamma, D and the balances ``x`` have 18. Vyper checks every result, so that what
exceeds uint256 reverts here too.
"""

from collections.abc import Sequence

from keeper.errors import SwapReverts

A_MULTIPLIER = 10_000
FEE_DENOMINATOR = 10**10
PRECISION = 10**18

_MIN_FRAC, _MAX_FRAC = 10**16, 10**20
_MAX_UINT256 = (1 << 256) - 1
_MAX_ROUNDS = 255


def require_safe(ANN: int, gamma: int, D: int, limits: tuple[int, int, int, int]) -> None:
    """
    Raise where the contract refuses its own parameters.

    Args:
        limits: The least and most of ANN, then of gamma.

    Raises:
        SwapReverts: One of them is out of bounds.
    """
    min_A, max_A, min_gamma, max_gamma = limits
    if not min_A <= ANN <= max_A:
        raise SwapReverts("cryptoswap: unsafe value of A")
    if not min_gamma <= gamma <= max_gamma:
        raise SwapReverts("cryptoswap: unsafe value of gamma")
    if not 10**17 <= D <= 10**15 * 10**18:
        raise SwapReverts("cryptoswap: unsafe value of D")


def require_balanced(x: Sequence[int], D: int, i: int) -> None:
    """
    Raise where a balance other than that of coin *i* is no share of the invariant that the contract computes with.

    Raises:
        SwapReverts: One is below a hundredth or above a hundred times.
    """
    for k, x_k in enumerate(x):
        if k != i and not _MIN_FRAC <= uint(x_k * 10**18) // D <= _MAX_FRAC:
            raise SwapReverts("cryptoswap: unsafe balance")


def newton_y(ANN: int, gamma: int, x: Sequence[int], D: int, i: int) -> int:
    """
    Return the balance of coin *i* of three at which the invariant is *D* (tricrypto, CurveCryptoMath3), before the
    contract looks whether it is a safe one.

    Raises:
        SwapReverts: A balance is unsafe, a product exceeds uint256, or the method does not converge.
    """
    n = len(x)
    require_balanced(x, D, i)
    others = sorted((x_k for k, x_k in enumerate(x) if k != i), reverse=True)
    y = D // n
    for x_k in reversed(others):
        y = uint(y * D) // (x_k * n)
    K0_i = 10**18
    for x_k in others:
        K0_i = uint(K0_i * x_k * n) // D
    return solve_y(ANN, gamma, sum(others), D, y, K0_i, max(others[0] // 10**14, D // 10**14, 100), n)


def solve_y(ANN: int, gamma: int, S_i: int, D: int, y: int, K0_i: int, convergence_limit: int, n: int) -> int:
    """
    Return the balance that Newton's method finds from *y*.

    Args:
        S_i: The sum of the other balances.
        K0_i: Their product, as a share of what it is at balance, times n for each.

    Raises:
        SwapReverts: A product exceeds uint256, something is divided by zero, or the method does not converge.
    """
    for _ in range(_MAX_ROUNDS):
        y_prev = y
        K0 = uint(K0_i * y * n) // D
        S = uint(S_i + y)
        g1k0 = abs(gamma + 10**18 - K0) + 1
        mul1 = uint(uint(uint(uint(10**18 * D) // gamma * g1k0) // gamma * g1k0) * A_MULTIPLIER) // ANN
        mul2 = 10**18 + uint(2 * 10**18 * K0) // g1k0
        yfprime = uint(uint(10**18 * y) + uint(S * mul2) + mul1)
        dyfprime = uint(D * mul2)
        if yfprime < dyfprime:
            y = y_prev // 2
            continue
        yfprime -= dyfprime
        fprime = _div(yfprime, y)
        y_minus = _div(mul1, fprime)
        y_plus = uint(_div(uint(yfprime + 10**18 * D), fprime) + _div(uint(y_minus * 10**18), K0))
        y_minus = uint(y_minus + _div(uint(10**18 * S), fprime))
        y = y_prev // 2 if y_plus < y_minus else y_plus - y_minus
        if abs(y - y_prev) < max(convergence_limit, y // 10**14):
            return y
    raise SwapReverts("cryptoswap: y does not converge")


def fee(xp: Sequence[int], mid_fee: int, out_fee: int, fee_gamma: int) -> int:
    """
    Return the share of the output that the pool keeps, in 1e-10, from *mid_fee* at balance to *out_fee* far from it.

    Of two coins the contract forms the product at once, of three coin by coin, which rounds otherwise.

    Raises:
        SwapReverts: There is no balance at all, or a product exceeds uint256.
    """
    n = len(xp)
    S = uint(sum(xp))
    if S == 0:
        raise SwapReverts("cryptoswap: division by zero")
    if n == 2:
        K = uint(uint(10**18 * n**n * xp[0]) // S * xp[1]) // S
    else:
        K = 10**18
        for x in xp:
            K = uint(K * n * x) // S
    if n == 2 or fee_gamma > 0:
        K = _div(fee_gamma * 10**18, fee_gamma + 10**18 - K)
    return (mid_fee * K + out_fee * (10**18 - K)) // 10**18


def uint(value: int) -> int:
    """
    Return *value*.

    Raises:
        SwapReverts: It is not a uint256.
    """
    if not 0 <= value <= _MAX_UINT256:
        raise SwapReverts("cryptoswap: overflow")
    return value


def _div(a: int, b: int) -> int:
    if b == 0:
        raise SwapReverts("cryptoswap: division by zero")
    return a // b
