# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A Curve pool of like coins
@dev Its places are signed. Anybody can place it anywhere.
"""

from . import curve_exchange

initializes: curve_exchange

exports: (curve_exchange.initialize, curve_exchange.balances)


@external
@payable
def exchange(i: int128, j: int128, dx: uint256, min_dy: uint256) -> uint256:
    return curve_exchange._exchange(convert(i, uint256), convert(j, uint256), dx, min_dy)
