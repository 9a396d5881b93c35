# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Token transfers
@license MIT
@dev Accepts tokens that return nothing (then a contract must stand at the address) and refuses those that return false.
"""

from ethereum.ercs import IERC20


interface IPaying:
    def transfer(to: address, amount: uint256): nonpayable


@internal
def _pay(token: uint256, venue: address, amount: uint256):
    """
    @dev Does not look at the token's answer: the venue looks at its balance, and reverts the route if it was not paid.
    """
    extcall IPaying(convert(token, address)).transfer(venue, amount, skip_contract_check=True)


@internal
def _transfer(token: uint256, to: address, amount: uint256):
    """
    @dev Throws unless the token says, by returning true or nothing, that it moved `amount`.
    """
    assert extcall IERC20(convert(token, address)).transfer(to, amount, default_return_value=True), "erc20: transfer failed"


@internal
def _approve(token: uint256, spender: address, amount: uint256):
    """
    @dev Nothing was allowed before; `_check_spent` must follow what is allowed now.
    """
    assert extcall IERC20(convert(token, address)).approve(spender, amount, default_return_value=True), "erc20: approval failed"


@internal
@view
def _check_spent(token: uint256, spender: address):
    """
    @dev Throws if anything is left of an allowance: nothing can be taken from the executor later.
    """
    assert staticcall IERC20(convert(token, address)).allowance(self, spender) == 0, "erc20: allowance is left"


@internal
@view
def _balance(token: uint256) -> uint256:
    """
    @return What the executor holds.
    """
    return staticcall IERC20(convert(token, address)).balanceOf(self)
