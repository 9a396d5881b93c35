# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Aave's V3 Pool, its flash loans only
@dev The premium is rounded up, as since version 3.4. Whoever asks may name any receiver; what is lent is collected from it,
     or, if a mode says so, becomes a debt of somebody who allowed that. Its code is placed at the real address.
"""

from ethereum.ercs import IERC20

interface IReceiver:
    def executeOperation(
        asset: address, amount: uint256, premium: uint256, initiator: address, params: Bytes[1024]
    ) -> bool: nonpayable

interface IMultiReceiver:
    def executeOperation(
        assets: DynArray[address, 4],
        amounts: DynArray[uint256, 4],
        premiums: DynArray[uint256, 4],
        initiator: address,
        params: Bytes[1024],
    ) -> bool: nonpayable


premium_bps: uint256
debt: public(HashMap[address, uint256])

# Who may make debts for whom.
delegation: HashMap[address, HashMap[address, bool]]


@external
def set_premium_bps(premium_bps: uint256):
    self.premium_bps = premium_bps


@external
def flashLoanSimple(receiver: address, asset: address, amount: uint256, params: Bytes[1024], referral_code: uint16):
    premium: uint256 = self._premium(amount)
    assert extcall IERC20(asset).transfer(receiver, amount, default_return_value=True)
    assert extcall IReceiver(receiver).executeOperation(asset, amount, premium, msg.sender, params), "13"
    assert extcall IERC20(asset).transferFrom(receiver, self, amount + premium, default_return_value=True)


@external
def flashLoan(
    receiver: address,
    assets: DynArray[address, 4],
    amounts: DynArray[uint256, 4],
    modes: DynArray[uint256, 4],
    on_behalf_of: address,
    params: Bytes[1024],
    referral_code: uint16,
):
    assert len(assets) == len(amounts) and len(assets) == len(modes), "49"
    premiums: DynArray[uint256, 4] = []
    for i: uint256 in range(len(assets), bound=4):
        premium: uint256 = 0
        if modes[i] == 0:
            premium = self._premium(amounts[i])
        premiums.append(premium)
        assert extcall IERC20(assets[i]).transfer(receiver, amounts[i], default_return_value=True)
    assert extcall IMultiReceiver(receiver).executeOperation(assets, amounts, premiums, msg.sender, params), "13"
    for i: uint256 in range(len(assets), bound=4):
        if modes[i] == 0:
            owed: uint256 = amounts[i] + premiums[i]
            assert extcall IERC20(assets[i]).transferFrom(receiver, self, owed, default_return_value=True)
        else:
            assert on_behalf_of == msg.sender or self.delegation[on_behalf_of][msg.sender], "59"
            self.debt[on_behalf_of] += amounts[i]


@internal
@view
def _premium(amount: uint256) -> uint256:
    return (amount * self.premium_bps + 9_999) // 10_000
