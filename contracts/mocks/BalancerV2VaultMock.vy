# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Balancer's V2 Vault
@dev Lends to whomever anybody names, for a fee in millionths, which the real one can be told to take; swaps at one rate per
     pool, not while it lends. Its code is placed at the real address.
"""

from ethereum.ercs import IERC20

interface IRecipient:
    def receiveFlashLoan(
        tokens: DynArray[address, 4],
        amounts: DynArray[uint256, 4],
        fee_amounts: DynArray[uint256, 4],
        user_data: Bytes[1024],
    ): nonpayable


struct SingleSwap:
    pool_id: bytes32
    kind: uint8
    asset_in: address
    asset_out: address
    amount: uint256
    user_data: Bytes[32]


struct FundManagement:
    sender: address
    from_internal_balance: bool
    recipient: address
    to_internal_balance: bool


fee_pips: uint256

# What a pool gives: amount * numerator // denominator.
numerators: HashMap[bytes32, HashMap[address, uint256]]
denominators: HashMap[bytes32, HashMap[address, uint256]]
cash: HashMap[bytes32, HashMap[address, uint256]]
locked: bool


@external
def set_fee_pips(fee_pips: uint256):
    self.fee_pips = fee_pips


@external
def set_pool(pool_id: bytes32, token_in: address, token_out: address, numerator: uint256, denominator: uint256):
    """
    @dev One that gives for token_in; the other way round, the inverse.
    """
    self.numerators[pool_id][token_in] = numerator
    self.denominators[pool_id][token_in] = denominator
    self.numerators[pool_id][token_out] = denominator
    self.denominators[pool_id][token_out] = numerator
    for token: address in [token_in, token_out]:
        self.cash[pool_id][token] = 10**6 * 10**18


@external
def flashLoan(
    recipient: address, tokens: DynArray[address, 4], amounts: DynArray[uint256, 4], user_data: Bytes[1024]
):
    self._enter()
    assert len(tokens) == len(amounts), "BAL#103"
    balances: DynArray[uint256, 4] = []
    fees: DynArray[uint256, 4] = []
    last: address = empty(address)
    for i: uint256 in range(len(tokens), bound=4):
        assert convert(tokens[i], uint256) > convert(last, uint256), "BAL#101"
        last = tokens[i]
        balances.append(staticcall IERC20(tokens[i]).balanceOf(self))
        fees.append(amounts[i] * self.fee_pips // 1_000_000)
        assert extcall IERC20(tokens[i]).transfer(recipient, amounts[i], default_return_value=True)
    extcall IRecipient(recipient).receiveFlashLoan(tokens, amounts, fees, user_data)
    for i: uint256 in range(len(tokens), bound=4):
        assert staticcall IERC20(tokens[i]).balanceOf(self) >= balances[i] + fees[i], "BAL#515"
    self.locked = False


@external
@payable
def swap(single: SingleSwap, funds: FundManagement, limit: uint256, deadline: uint256) -> uint256:
    self._enter()
    assert block.timestamp <= deadline, "BAL#508"
    assert funds.sender == msg.sender, "BAL#401"
    assert single.amount > 0, "BAL#510"
    denominator: uint256 = self.denominators[single.pool_id][single.asset_in]
    assert denominator != 0 and self.denominators[single.pool_id][single.asset_out] != 0, "BAL#521"
    assert single.kind == 0 and not funds.from_internal_balance and not funds.to_internal_balance
    amount_out: uint256 = single.amount * self.numerators[single.pool_id][single.asset_in] // denominator
    assert amount_out >= limit, "BAL#507"
    self.cash[single.pool_id][single.asset_in] += single.amount
    self.cash[single.pool_id][single.asset_out] -= amount_out
    token_in: IERC20 = IERC20(single.asset_in)
    assert extcall token_in.transferFrom(funds.sender, self, single.amount, default_return_value=True)
    assert extcall IERC20(single.asset_out).transfer(funds.recipient, amount_out, default_return_value=True)
    self.locked = False
    return amount_out


@external
@view
def getPoolTokenInfo(pool_id: bytes32, token: address) -> (uint256, uint256, uint256, address):
    assert self.denominators[pool_id][token] != 0, "BAL#521"
    return self.cash[pool_id][token], 0, 0, empty(address)


@internal
def _enter():
    assert not self.locked, "BAL#400"
    self.locked = True
