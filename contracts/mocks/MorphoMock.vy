# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Morpho Blue, its flash loan only
@dev Lends to its caller, for nothing, and collects from it. Its code is placed at the real address.
"""

from ethereum.ercs import IERC20

interface IBorrower:
    def onMorphoFlashLoan(assets: uint256, data: Bytes[1024]): nonpayable


@external
def flashLoan(token: address, assets: uint256, data: Bytes[1024]):
    assert assets != 0, "zero assets"
    assert extcall IERC20(token).transfer(msg.sender, assets, default_return_value=True), "transfer returned false"
    extcall IBorrower(msg.sender).onMorphoFlashLoan(assets, data)
    success: bool = extcall IERC20(token).transferFrom(msg.sender, self, assets, default_return_value=True)
    assert success, "transferFrom returned false"
