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
def _borrow_one(purpose: uint256, token: uint256, amount: uint256):
    """
    @dev As `_borrow`, for one token.
    @param purpose Of the callback, which is bound to the amount.
    """
    callback._expect(convert(VAULT, uint256), purpose, amount)
    # Where tokens, amounts and data begin; one token, one amount, no data.
    one: uint256 = 1
    raw_call(
        VAULT,
        abi_encode(
            self,
            convert(128, uint256),
            convert(192, uint256),
            convert(256, uint256),
            one,
            token,
            one,
            amount,
            empty(uint256),
            method_id=method_id("flashLoan(address,address[],uint256[],bytes)"),
        ),
    )


@internal
def _borrow(tokens: DynArray[address, 4], amounts: DynArray[uint256, 4]):
    """
    @dev The Vault sends `amounts`, calls back, and throws unless it is then paid that and its fees. The callback is bound
         to the first amount.
    @param tokens In ascending order, as the Vault wants them.
    """
    callback._expect(convert(VAULT, uint256), callback.LOAN, amounts[0])
    extcall IBalancerV2Vault(VAULT).flashLoan(self, tokens, amounts, b"")

