# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Balancer's V3 Vault
@dev While unlocked it keeps an account of what it is owed, per token, and in the end nothing may be owed. What it holds is
     told by its reserves, not by its balance; the surplus is credited when it is settled. Swaps at one rate per pool. Its code is
     placed at the real address.
"""

from ethereum.ercs import IERC20

struct VaultSwapParams:
    kind: uint8
    pool: address
    token_in: address
    token_out: address
    amount_given: uint256
    limit: uint256
    user_data: Bytes[32]


numerators: HashMap[address, HashMap[address, uint256]]
denominators: HashMap[address, HashMap[address, uint256]]
tokens: HashMap[address, DynArray[address, 2]]
balances: HashMap[address, HashMap[address, uint256]]

reserves: HashMap[address, uint256]
is_unlocked: transient(bool)
owed: transient(HashMap[address, int256])
nonzero: transient(uint256)

# How often it was unlocked.
unlocks: public(uint256)


@external
def set_pool(pool: address, token_in: address, token_out: address, numerator: uint256, denominator: uint256):
    self.numerators[pool][token_in] = numerator
    self.denominators[pool][token_in] = denominator
    self.numerators[pool][token_out] = denominator
    self.denominators[pool][token_out] = numerator
    if convert(token_in, uint256) < convert(token_out, uint256):
        self.tokens[pool] = [token_in, token_out]
    else:
        self.tokens[pool] = [token_out, token_in]
    for token: address in self.tokens[pool]:
        self.balances[pool][token] = 10**6 * 10**18


@external
def sync(token: address):
    """
    @dev Of the mock alone: what was minted to the Vault is its own.
    """
    self.reserves[token] = staticcall IERC20(token).balanceOf(self)


@external
def unlock(data: Bytes[1024]) -> Bytes[1024]:
    """
    @dev Its caller is called back with the very data.
    """
    self.unlocks += 1
    was_unlocked: bool = self.is_unlocked
    self.is_unlocked = True
    answer: Bytes[1024] = raw_call(msg.sender, data, max_outsize=1024)
    if not was_unlocked:
        assert self.nonzero == 0, "BalanceNotSettled"
        self.is_unlocked = False
    return answer


@external
def settle(token: address, amount_hint: uint256) -> uint256:
    self._check_unlocked()
    balance: uint256 = staticcall IERC20(token).balanceOf(self)
    credit: uint256 = min(balance - self.reserves[token], amount_hint)
    self.reserves[token] = balance
    self._account(token, -convert(credit, int256))
    return credit


@external
def sendTo(token: address, to: address, amount: uint256):
    self._check_unlocked()
    self._account(token, convert(amount, int256))
    self.reserves[token] -= amount
    assert extcall IERC20(token).transfer(to, amount, default_return_value=True)


@external
def swap(params: VaultSwapParams) -> (uint256, uint256, uint256):
    self._check_unlocked()
    assert params.amount_given > 0, "AmountGivenZero"
    assert params.token_in != params.token_out, "CannotSwapSameToken"
    denominator: uint256 = self.denominators[params.pool][params.token_in]
    assert denominator != 0, "PoolNotRegistered"
    assert self.denominators[params.pool][params.token_out] != 0, "TokenNotRegistered"
    assert params.kind == 0
    amount_out: uint256 = params.amount_given * self.numerators[params.pool][params.token_in] // denominator
    assert amount_out >= params.limit, "SwapLimit"
    self.balances[params.pool][params.token_in] += params.amount_given
    self.balances[params.pool][params.token_out] -= amount_out
    self._account(params.token_in, convert(params.amount_given, int256))
    self._account(params.token_out, -convert(amount_out, int256))
    return amount_out, params.amount_given, amount_out


@external
@view
def getCurrentLiveBalances(pool: address) -> DynArray[uint256, 8]:
    found: DynArray[uint256, 8] = []
    for token: address in self.tokens[pool]:
        found.append(self.balances[pool][token])
    assert len(found) != 0, "PoolNotRegistered"
    return found


@internal
@view
def _check_unlocked():
    assert self.is_unlocked, "VaultIsNotUnlocked"


@internal
def _account(token: address, change: int256):
    before: int256 = self.owed[token]
    after: int256 = before + change
    self.owed[token] = after
    if before == 0 and after != 0:
        self.nonzero += 1
    elif before != 0 and after == 0:
        self.nonzero -= 1
