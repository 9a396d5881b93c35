"""
The balance that Curve's three-coin cryptoswap pools trade along: of 2021 by Newton's method (curve-crypto-contract,
CurveCryptoMath3), of NG by the cubic formula (tricrypto-ng, CurveCryptoMathOptimized3).
"""

from collections.abc import Sequence
from math import isqrt

from keeper.errors import SwapReverts
from keeper.math.cryptoswap import A_MULTIPLIER, newton_y, require_balanced, require_safe, uint
from keeper.math.cubic_root import cbrt
from keeper.math.vyper_int256 import div, int256, unsafe_div

_N = 3
_LIMITS = (_N**_N * A_MULTIPLIER // 100, _N**_N * A_MULTIPLIER * 1_000, 10**10, 5 * 10**16)

#: What the coefficients are divided by so that their products fit a word, by the first discriminant.
_DIVIDERS = tuple(
    (10**threshold, 10**power) for threshold, power in zip(range(48, 16, -4), range(30, -2, -4), strict=True)
)


def get_y_of_2021(ANN: int, gamma: int, x: Sequence[int], D: int, i: int) -> int:
    """
    Return the balance of coin *i* at which the invariant is *D*.

    Raises:
        SwapReverts: A parameter or a balance is unsafe, or the method does not converge.
    """
    require_safe(ANN, gamma, D, _LIMITS)
    return _safe_newton_y(ANN, gamma, x, D, i)


def get_y(ANN: int, gamma: int, x: Sequence[int], D: int, i: int) -> int:
    """
    Return the balance of coin *i* at which the invariant is *D*, a few units off it.

    Raises:
        SwapReverts: A parameter or a balance is unsafe, or a product exceeds a word.
    """
    require_safe(ANN, gamma, D, _LIMITS)
    require_balanced(x, D, i)
    x_j, x_k = (int256(x_n) for n, x_n in enumerate(x) if n != i)
    a, b, c, d = _coefficients(ANN, gamma, x_j, x_k, D)
    three_ac = int256(3 * a * c)
    delta0 = int256(unsafe_div(three_ac, b) - b)
    delta1 = int256(
        unsafe_div(int256(3 * three_ac), b)
        - 2 * b
        - unsafe_div(int256(unsafe_div(int256(27 * a**2), b) * d), b)
    )  # fmt: skip
    sqrt_arg = int256(int256(delta1**2) + int256(unsafe_div(int256(4 * delta0**2), b) * delta0))
    if sqrt_arg <= 0:
        return _safe_newton_y(ANN, gamma, x, D, i)
    sqrt_val = isqrt(sqrt_arg)
    b_cbrt = cbrt(b) if b >= 0 else -cbrt(-b)
    second_cbrt = cbrt(int256(delta1 + sqrt_val) // 2) if delta1 > 0 else -cbrt(int256(sqrt_val - delta1) // 2)
    C1 = unsafe_div(int256(unsafe_div(int256(b_cbrt * b_cbrt), 10**18) * second_cbrt), 10**18)
    root_K0 = unsafe_div(int256(b + div(int256(b * delta0), C1) - C1), 3)
    root = unsafe_div(int256(unsafe_div(D * D, 27)), x_k)
    root = unsafe_div(int256(unsafe_div(int256(root * D), x_j) * root_K0), a)
    if not 10**16 - 1 <= uint(uint(root) * 10**18) // D <= 10**20:
        raise SwapReverts("cryptoswap: unsafe value of y")
    return root


def _safe_newton_y(ANN: int, gamma: int, x: Sequence[int], D: int, i: int) -> int:
    y = newton_y(ANN, gamma, x, D, i)
    if not 10**16 <= uint(y * 10**18) // D <= 10**20:
        raise SwapReverts("cryptoswap: unsafe value of y")
    return y


def _coefficients(ANN: int, gamma: int, x_j: int, x_k: int, D: int) -> tuple[int, int, int, int]:
    """Those of the cubic equation of K0, of a size that leaves room for their products."""
    gamma2 = gamma * gamma
    a = 10**36 // 27
    b = int256(
        10**36 // 9
        + 2 * 10**18 * gamma // 27
        - int256(D * D // x_j * gamma2 * ANN) // 27**2 // A_MULTIPLIER // x_k
    )  # fmt: skip
    per_D = unsafe_div(int256(gamma2 * (x_j + x_k - D)), D)
    c = 10**36 // 9 + gamma * (gamma + 4 * 10**18) // 27 + unsafe_div(unsafe_div(int256(per_D * ANN), 27), A_MULTIPLIER)
    d = (10**18 + gamma) ** 2 // 27
    d0 = abs(int256(div(int256(3 * a * c), b) - b))
    divider = next((power for threshold, power in _DIVIDERS if d0 > threshold), 1)
    if abs(a) > abs(b):
        precision = abs(unsafe_div(a, b))
        a, b, c, d = (unsafe_div(int256(value * precision), divider) for value in (a, b, c, d))
    else:
        precision = abs(unsafe_div(b, a))
        a, b, c, d = (unsafe_div(div(value, precision), divider) for value in (a, b, c, d))
    return a, b, c, d
