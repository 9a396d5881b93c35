# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Token transfers
@license MIT
@dev Accepts tokens that return nothing (then a contract must stand at the address) and refuses those that return false.
"""

from ethereum.ercs import IERC20


@internal
def _transfer(token: uint256, to: address, amount: uint256):
    """
    @dev Throws unless the token says, by returning true or nothing, that it moved `amount`.
    """
    assert extcall IERC20(convert(token, address)).transfer(to, amount, default_return_value=True), "erc20: transfer failed"


@internal
@view
def _balance(token: uint256) -> uint256:
    """
    @return What the executor holds.
    """
    return staticcall IERC20(convert(token, address)).balanceOf(self)
