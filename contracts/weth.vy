# pragma version 0.4.3
# pragma evm-version cancun
"""
@title WETH and ether
@license MIT
@notice Routes know WETH alone; where a pool wants or gives ether, it is wrapped or unwrapped around that pool's call.
@dev Ether is accepted only from WETH, or from the one pool that owes it right now. What is forced upon the executor all the
     same stays there.
"""

interface IWeth:
    def deposit(): payable
    def withdraw(amount: uint256): nonpayable


WETH: constant(address) = 0x82aF49447D8a07e3bd95BD0d56f35241523fBab1

# Who may send ether now, besides WETH.
_payer: transient(address)


@internal
@pure
def _is(token: uint256) -> bool:
    return token == convert(WETH, uint256)


@internal
@view
def _check_payer():
    """
    @dev Throws unless the ether that came was asked for.
    """
    assert msg.sender in [WETH, self._payer], "weth: unexpected ether"


@internal
def _unwrap(amount: uint256):
    """
    @dev The executor then holds `amount` of ether.
    """
    extcall IWeth(WETH).withdraw(amount)


@internal
def _wrap(amount: uint256):
    """
    @dev Ends the permission to send ether; the executor holds `amount` of it.
    """
    self._payer = empty(address)
    extcall IWeth(WETH).deposit(value=amount)
