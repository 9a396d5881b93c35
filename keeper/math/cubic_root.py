"""
The cubic root of Curve's NG cryptoswap pools (tricrypto-ng, CurveCryptoMathOptimized3; twocrypto-ng,
CurveCryptoMathOptimized2): seven rounds of Newton's method, whether they suffice or not.
"""

_ROUNDS = 7
#: 2**256 / 10**36, above which a number has no room for 36 more decimals.
_LIMIT = 115792089237316195423570985008687907853269
_LARGE_LIMIT = _LIMIT * 10**18


def cbrt(x: int) -> int:
    """
    Return the cubic root of an unsigned number with 18 decimals.
    """
    if x >= _LARGE_LIMIT:
        xx, unit = x, 10**12
    elif x >= _LIMIT:
        xx, unit = x * 10**18, 10**6
    else:
        xx, unit = x * 10**36, 1
    thirds, remainder = divmod(max(xx.bit_length() - 1, 0), 3)
    root: int = 2**thirds * 1260**remainder // 1000**remainder
    for _ in range(_ROUNDS):
        root = (2 * root + (xx // (root * root) if root else 0)) // 3
    return root * unit
