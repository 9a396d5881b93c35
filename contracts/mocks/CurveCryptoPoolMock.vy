# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A Curve pool of unlike coins
@dev Its places are unsigned. Anybody can place it anywhere.
"""

from . import curve_exchange

initializes: curve_exchange

exports: (curve_exchange.initialize, curve_exchange.balances)


@external
@payable
def exchange(i: uint256, j: uint256, dx: uint256, min_dy: uint256) -> uint256:
    return curve_exchange._exchange(i, j, dx, min_dy)
