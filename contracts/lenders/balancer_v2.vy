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

KIND: constant(uint256) = 1
VAULT: constant(address) = 0xBA12222222228d8Ba445958a75a0704d566BF2C8


@internal
def _borrow(purpose: uint256, tokens: DynArray[address, 4], amounts: DynArray[uint256, 4]):
    """
    @dev The Vault sends `amounts`, calls back, and throws unless it is then paid that and its fees.
    @param purpose Of the callback, which is bound to the first amount.
    @param tokens In ascending order, as the Vault wants them.
    """
    callback._expect(convert(VAULT, uint256), purpose, amounts[0])
    extcall IBalancerV2Vault(VAULT).flashLoan(self, tokens, amounts, b"")

