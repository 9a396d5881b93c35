# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Aave V3 flash loans
@license MIT
@notice How the Pool is asked for a loan, calls back, and collects.
@dev The Pool calls `executeOperation` on whatever receiver anybody names and says who asked. It is not paid but collects,
     for which it gets an allowance of just what it is owed.
"""

from .. import callback
from .. import erc20

uses: callback

interface IAavePool:
    def flashLoanSimple(
        receiver: address, asset: address, amount: uint256, params: Bytes[1], referral_code: uint16
    ): nonpayable


KIND: constant(uint256) = 2
POOL: constant(address) = 0x794a61358D6845594F94dc1DB02A252b5b4814aD


@internal
def _borrow(purpose: uint256, token: uint256, amount: uint256):
    """
    @dev The Pool sends `amount`, calls back, and collects that and its premium.
    """
    callback._expect(convert(POOL, uint256), purpose, amount)
    extcall IAavePool(POOL).flashLoanSimple(self, convert(token, address), amount, b"", 0)
    erc20._check_spent(token, POOL)


@internal
def _on_loan(amount: uint256, initiator: address) -> uint256:
    """
    @dev Throws unless this callback is due and answers a call of ours.
    @return Its purpose.
    """
    assert initiator == self, "aave_v3: not our loan"
    return callback._consume_loan(amount)


@internal
def _repay(token: uint256, owed: uint256):
    """
    @dev Lets the Pool collect.
    """
    erc20._approve(token, POOL, owed)
