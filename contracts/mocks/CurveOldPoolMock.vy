# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A Curve pool of ether and a token whose lock does not hold, as those that Vyper 0.2.15 to 0.3.0 compiled
@dev A constant product of what it believes to have. Whoever withdraws gets the ether, and the floor, while it believes to
     have sent only the token.
"""

from ethereum.ercs import IERC20

token: IERC20
# Where the ether stands among its coins.
place: uint256
held: uint256[2]


@external
def initialize(token: address, place: uint256, held: uint256[2]):
    self.token = IERC20(token)
    self.place = place
    self.held = held


@external
def remove_liquidity(native: uint256, amount: uint256, recipient: address):
    self.held[1 - self.place] -= amount
    assert extcall self.token.transfer(recipient, amount)
    raw_call(recipient, b"", value=native)
    self.held[self.place] -= native


@external
@payable
def exchange(i: int128, j: int128, dx: uint256, min_dy: uint256) -> uint256:
    sold: uint256 = convert(i, uint256)
    bought: uint256 = convert(j, uint256)
    dy: uint256 = dx * self.held[bought] // (self.held[sold] + dx)
    assert dy >= min_dy, "Exchange resulted in fewer coins than expected"
    self.held[sold] += dx
    self.held[bought] -= dy
    if sold == self.place:
        assert msg.value == dx
        assert extcall self.token.transfer(msg.sender, dy)
    else:
        assert extcall self.token.transferFrom(msg.sender, self, dx)
        raw_call(msg.sender, b"", value=dy)
    return dy
