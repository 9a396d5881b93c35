# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Somebody's contract that looks like a pool, a router, or a lender, and only takes
"""

from ethereum.ercs import IERC20

token0: public(address)
token1: public(address)
factory: public(address)


@external
def pose(token0: address, token1: address, factory: address):
    self.token0 = token0
    self.token1 = token1
    self.factory = factory


@external
def act(target: address, data: Bytes[2048]):
    """
    @dev Calls somebody, as a pool calls back.
    """
    raw_call(target, data)


@external
def swap(token: address, amount: uint256):
    """
    @dev A router that does not use its allowance, not now.
    """
    pass


@external
def take(token: address, victim: address, amount: uint256):
    extcall IERC20(token).transferFrom(victim, self, amount)
