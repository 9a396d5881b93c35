# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Balancer's V2 Vault, its flash loan only
@dev Takes a fee in millionths, which the real one can be told to; its code is placed at the real address.
"""

from ethereum.ercs import IERC20

interface IRecipient:
    def receiveFlashLoan(
        tokens: DynArray[address, 1],
        amounts: DynArray[uint256, 1],
        fee_amounts: DynArray[uint256, 1],
        user_data: Bytes[1024],
    ): nonpayable


fee_pips: uint256


@external
def set_fee_pips(fee_pips: uint256):
    self.fee_pips = fee_pips


@external
def flashLoan(
    recipient: address, tokens: DynArray[address, 1], amounts: DynArray[uint256, 1], user_data: Bytes[1024]
):
    balance: uint256 = staticcall IERC20(tokens[0]).balanceOf(self)
    fee: uint256 = amounts[0] * self.fee_pips // 1_000_000
    assert extcall IERC20(tokens[0]).transfer(recipient, amounts[0])
    extcall IRecipient(recipient).receiveFlashLoan(tokens, amounts, [fee], user_data)
    assert staticcall IERC20(tokens[0]).balanceOf(self) >= balance + fee, "BAL#515"
