"""
The balance that Curve's two-coin NG cryptoswap pools trade along, by the cubic formula (twocrypto-ng,
CurveCryptoMathOptimized2, version 2.0.0).
"""

from collections.abc import Sequence
from math import isqrt

from keeper.errors import SwapReverts
from keeper.math.cryptoswap import A_MULTIPLIER, require_safe, solve_y, uint
from keeper.math.cubic_root import cbrt
from keeper.math.vyper_int256 import div, int256, unsafe_div

_N = 2
_LIMITS = (_N**_N * A_MULTIPLIER // 10, _N**_N * A_MULTIPLIER * 1_000, 10**10, 2 * 10**15)

#: What the coefficients are divided by so that their products fit a word, by the least of the discriminants and a.
_DIVIDERS = (
    (10**48, 10**30), (10**46, 10**28), (10**44, 10**26), (10**42, 10**24), (10**40, 10**22),
    (10**38, 10**20), (10**36, 10**18), (10**34, 10**16), (10**32, 10**14), (10**30, 10**12),
    (10**28, 10**10), (10**26, 10**8), (10**24, 10**6), (10**20, 10**2),
)  # fmt: skip


def get_y(ANN: int, gamma: int, x: Sequence[int], D: int, i: int) -> int:
    """
    Return the balance of coin *i* at which the invariant is *D*, a few units off it.

    Raises:
        SwapReverts: A parameter or a balance is unsafe, or a product exceeds a word.
    """
    require_safe(ANN, gamma, D, _LIMITS)
    x_j = int256(x[1 - i])
    K0_i = int256(10**18 * _N * x_j) // D
    div(int256(D**2), int256(x_j * _N**2))
    if not 10**16 * _N <= K0_i <= 10**20 * _N:
        raise SwapReverts("cryptoswap: unsafe balance")
    a, b, c, d = _coefficients(ANN, gamma, x_j, D)
    delta0 = int256(unsafe_div(int256(3 * a * c), b) - b)
    delta1 = int256(3 * delta0 + b - unsafe_div(int256(unsafe_div(int256(27 * a**2), b) * d), b))
    sqrt_arg = int256(int256(delta1**2) + int256(unsafe_div(int256(4 * delta0**2), b) * delta0))
    y = _root(a, b, delta0, delta1, isqrt(sqrt_arg), x_j, D) if sqrt_arg > 0 else _newton_y(ANN, gamma, x_j, D, K0_i)
    if sqrt_arg > 0 and not 10**16 - 1 <= uint(y * 10**18) // D <= 10**20:
        raise SwapReverts("cryptoswap: unsafe value of y")
    return y


def _root(a: int, b: int, delta0: int, delta1: int, sqrt_val: int, x_j: int, D: int) -> int:
    b_cbrt = cbrt(b) if b > 0 else -cbrt(-b)
    second_cbrt = cbrt(int256(delta1 + sqrt_val) // 2) if delta1 > 0 else -cbrt(int256(sqrt_val - delta1) // 2)
    C1 = unsafe_div(int256(unsafe_div(int256(b_cbrt**2), 10**18) * second_cbrt), 10**18)
    scaled = int256(int256(10**18 * C1) - int256(10**18 * b) - int256(div(int256(10**18 * b), C1) * delta0))
    root = div(scaled, int256(3 * a))
    return uint(unsafe_div(unsafe_div(int256(unsafe_div(D**2, x_j) * root), 4), 10**18))


def _newton_y(ANN: int, gamma: int, x_j: int, D: int, K0_i: int) -> int:
    y = D**2 // (x_j * _N**2)
    return solve_y(ANN, gamma, x_j, D, y, K0_i, max(x_j // 10**14, D // 10**14, 100), _N)


def _coefficients(ANN: int, gamma: int, x_j: int, D: int) -> tuple[int, int, int, int]:
    """Those of the cubic equation of K0, of a size that leaves room for their products."""
    gamma2 = gamma * gamma
    ann_gamma2 = int256(ANN * gamma2)
    a = 10**32
    b = int256(div(int256(D * ann_gamma2) // 400_000_000, x_j) - 3 * 10**32 - 2 * gamma * 10**14)
    per_x = 4 * ann_gamma2 // 400_000_000
    c = int256(3 * 10**32 + 4 * gamma * 10**14 + gamma2 // 10**4 + int256(per_x * x_j) // D - per_x)
    d = -((10**18 + gamma) ** 2 // 10**4)
    delta0 = int256(div(int256(3 * a * c), b) - b)
    delta1 = int256(3 * delta0 + b - div(int256(div(int256(27 * a**2), b) * d), b))
    threshold = min(abs(delta0), abs(delta1), a)
    divider = next((power for least, power in _DIVIDERS if threshold > least), 1)
    a, b, c, d = (unsafe_div(value, divider) for value in (a, b, c, d))
    return a, b, c, d
