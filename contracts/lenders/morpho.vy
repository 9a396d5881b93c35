# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Morpho Blue flash loans
@license MIT
@notice How Morpho is asked for a loan, calls back, and collects.
@dev It lends to its caller alone and takes no fee. It is not paid but collects, for which it gets an allowance of just
     what it is owed.
"""

from .. import callback
from .. import erc20

uses: callback

interface IMorpho:
    def flashLoan(token: address, assets: uint256, data: Bytes[1]): nonpayable


KIND: constant(uint256) = 6
MORPHO: constant(address) = 0x6c247b1F6182318877311737BaC0844bAa518F5e


@internal
def _borrow(purpose: uint256, token: uint256, amount: uint256):
    """
    @dev Morpho sends `amount`, calls back, and collects it.
    """
    callback._expect(convert(MORPHO, uint256), purpose, amount)
    extcall IMorpho(MORPHO).flashLoan(convert(token, address), amount, b"")
    erc20._check_spent(token, MORPHO)


@internal
def _repay(token: uint256, owed: uint256):
    """
    @dev Lets Morpho collect.
    """
    erc20._approve(token, MORPHO, owed)
