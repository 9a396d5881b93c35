# pragma version 0.4.3
"""
@title Rate provider stand-in
@notice What one token is worth in another, under Balancer's IRateProvider.
"""


# With 18 decimals.
getRate: public(uint256)

# Who may change the rate.
_owner: address


@deploy
def __init__(rate: uint256):
    """
    @param rate The first rate.
    """
    self.getRate = rate
    self._owner = msg.sender


@external
def set_rate(rate: uint256):
    """
    @notice Changes the rate; pools see it when their cache expires or is updated.
    @param rate The rate from now on, with 18 decimals.
    """
    assert msg.sender == self._owner, "rate provider: caller is not the owner"
    self.getRate = rate
