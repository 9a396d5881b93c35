# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Balancer V2 flash loans
@license MIT
@notice How the Vault is asked for a loan, and how it calls back.
@dev The Vault calls `receiveFlashLoan` on whatever recipient anybody names, without saying who asked: only the callback
     guard tells our loans from a stranger's.
"""

from .. import callback
from ..interfaces import IBalancerV2Vault

uses: callback

VAULT: constant(address) = 0xBA12222222228d8Ba445958a75a0704d566BF2C8


@internal
def _borrow(token: uint256, amount: uint256):
    """
    @dev The Vault sends `amount`, calls back, and throws unless it is then paid that and its fee.
    """
    callback._expect(convert(VAULT, uint256), callback.LOAN, amount)
    extcall IBalancerV2Vault(VAULT).flashLoan(self, [convert(token, address)], [amount], b"")


@internal
def _on_loan(amount: uint256, fee: uint256) -> uint256:
    """
    @dev Throws unless this callback is due.
    @return What the Vault is owed.
    """
    purpose: uint256 = callback._consume(amount)
    assert purpose == callback.LOAN, "balancer_v2: not a loan"
    return amount + fee
