# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What Curve's pools have in common: two coins, one of which may be ether, at one rate
"""

from ethereum.ercs import IERC20

_ETHER: constant(address) = 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE

coins: address[2]
held: uint256[2]
numerator: uint256
denominator: uint256


@external
def initialize(coins: address[2], numerator: uint256, denominator: uint256):
    """
    @dev The second coin is coin 0's amount * numerator // denominator.
    """
    self.coins = coins
    self.numerator = numerator
    self.denominator = denominator
    self.held = [10**6 * 10**18, 10**6 * 10**18]


@external
@view
def balances(i: uint256) -> uint256:
    return self.held[i]


@internal
@payable
def _exchange(i: uint256, j: uint256, dx: uint256, min_dy: uint256) -> uint256:
    assert i != j and i < 2 and j < 2
    dy: uint256 = dx * self.numerator // self.denominator
    if i == 1:
        dy = dx * self.denominator // self.numerator
    assert dy >= min_dy, "Exchange resulted in fewer coins than expected"
    self.held[i] += dx
    self.held[j] -= dy
    if self.coins[i] == _ETHER:
        assert msg.value == dx
    else:
        assert msg.value == 0
        assert extcall IERC20(self.coins[i]).transferFrom(msg.sender, self, dx, default_return_value=True)
    if self.coins[j] == _ETHER:
        raw_call(msg.sender, b"", value=dy)
    else:
        assert extcall IERC20(self.coins[j]).transfer(msg.sender, dy, default_return_value=True)
    return dy
