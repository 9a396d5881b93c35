# pragma version 0.4.3
"""
@title StableSwap pool
@notice An independent implementation under the ABI of Curve's plain pools, whose own code may not be redistributed. The
        pool is its own LP token.
@dev N_COINS is set by the build, since the number of coins is part of the types in Curve's ABI. A coin may be ether
     itself: it comes with the call, exactly, and is sent to whoever receives it.
"""


from ethereum.ercs import IERC20
import amplification
import lp_token
import stableswap_math as math


initializes: amplification
initializes: lp_token

exports: (
    amplification.A,
    amplification.A_precise,
    amplification.initial_A,
    amplification.future_A,
    amplification.initial_A_time,
    amplification.future_A_time,
)
exports: (
    lp_token.name,
    lp_token.symbol,
    lp_token.decimals,
    lp_token.totalSupply,
    lp_token.balanceOf,
    lp_token.transfer,
)


N_COINS: constant(uint256) = 2

event TokenExchange:
    buyer: indexed(address)
    sold_id: int128
    tokens_sold: uint256
    bought_id: int128
    tokens_bought: uint256

event AddLiquidity:
    provider: indexed(address)
    token_amounts: uint256[N_COINS]
    fees: uint256[N_COINS]
    invariant: uint256
    token_supply: uint256

event RemoveLiquidity:
    provider: indexed(address)
    token_amounts: uint256[N_COINS]
    fees: uint256[N_COINS]
    token_supply: uint256

event RemoveLiquidityOne:
    provider: indexed(address)
    token_amount: uint256
    coin_amount: uint256
    token_supply: uint256

event RemoveLiquidityImbalance:
    provider: indexed(address)
    token_amounts: uint256[N_COINS]
    fees: uint256[N_COINS]
    invariant: uint256
    token_supply: uint256

event NewFee:
    fee: uint256
    admin_fee: uint256


coins: public(address[N_COINS])
balances: public(uint256[N_COINS])

# Both in 1e-10.
fee: public(uint256)
admin_fee: public(uint256)

owner: public(address)

# What turns a balance into 18 decimals when divided by 1e18.
_rates: uint256[N_COINS]


# Curve's name for ether.
_ETHER: constant(address) = 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE

_PRECISION: constant(uint256) = 10**18
_FEE_DENOMINATOR: constant(uint256) = 10**10


@deploy
def __init__(
    name_: String[64],
    symbol_: String[32],
    coins_: address[N_COINS],
    rates: uint256[N_COINS],
    A_: uint256,
    fee_: uint256,
    admin_fee_: uint256,
):
    """
    @param rates 10**(36 - decimals) of each coin, times what it is worth in the pool's unit.
    @param A_ The amplification, without decimals.
    """
    amplification.__init__(A_)
    lp_token.__init__(name_, symbol_)
    self.coins = coins_
    self._rates = rates
    self.fee = fee_
    self.admin_fee = admin_fee_
    self.owner = msg.sender


@external
@payable
@nonreentrant
def exchange(i: int128, j: int128, dx: uint256, min_dy: uint256, receiver: address = msg.sender) -> uint256:
    """
    @notice Sells dx of coin i for at least min_dy of coin j.
    @return What was bought.
    """
    sold: uint256 = self._index(i)
    bought: uint256 = self._index(j)
    assert msg.value == self._ether_in(sold, dx), "stableswap: wrong amount of ether"
    dy: uint256 = 0
    dy_fee: uint256 = 0
    dy, dy_fee = self._quote(sold, bought, dx)
    assert dy >= min_dy, "Exchange resulted in fewer coins than expected"

    dy_admin_fee: uint256 = dy_fee * self.admin_fee // _FEE_DENOMINATOR * _PRECISION // self._rates[bought]
    self.balances[sold] += dx
    self.balances[bought] -= dy + dy_admin_fee
    self._pull(sold, dx)
    self._push(bought, dy, receiver)
    log TokenExchange(buyer=msg.sender, sold_id=i, tokens_sold=dx, bought_id=j, tokens_bought=dy)
    return dy


@external
@payable
@nonreentrant
def add_liquidity(amounts: uint256[N_COINS], min_mint_amount: uint256, receiver: address = msg.sender) -> uint256:
    """
    @notice Deposits; what unbalances the pool pays a fee.
    @return The LP tokens minted.
    """
    amp: uint256 = amplification._current()
    supply: uint256 = lp_token.totalSupply
    old: uint256[N_COINS] = self.balances
    new: uint256[N_COINS] = old
    ether_in: uint256 = 0
    for k: uint256 in range(N_COINS):
        assert supply > 0 or amounts[k] > 0, "stableswap: first deposit needs all coins"
        ether_in += self._ether_in(k, amounts[k])
        self._pull(k, amounts[k])
        new[k] += amounts[k]
    assert msg.value == ether_in, "stableswap: wrong amount of ether"

    d0: uint256 = math._invariant(self._scaled(old), amp)
    d1: uint256 = math._invariant(self._scaled(new), amp)
    assert d1 > d0, "stableswap: nothing deposited"
    fees: uint256[N_COINS] = empty(uint256[N_COINS])
    minted: uint256 = d1
    if supply > 0:
        d2: uint256 = 0
        fees, d2 = self._charge(old, new, d0, d1, amp)
        minted = supply * (d2 - d0) // d0
    else:
        self.balances = new
    assert minted >= min_mint_amount, "Slippage screwed you"
    lp_token._mint(receiver, minted)
    log AddLiquidity(provider=msg.sender, token_amounts=amounts, fees=fees, invariant=d1, token_supply=supply + minted)
    return minted


@external
@nonreentrant
def remove_liquidity(amount: uint256, min_amounts: uint256[N_COINS]) -> uint256[N_COINS]:
    """
    @notice Withdraws all coins in proportion.
    @return What was paid.
    """
    supply: uint256 = lp_token.totalSupply
    paid: uint256[N_COINS] = empty(uint256[N_COINS])
    for k: uint256 in range(N_COINS):
        paid[k] = self.balances[k] * amount // supply
        assert paid[k] >= min_amounts[k], "Withdrawal resulted in fewer coins than expected"
        self.balances[k] -= paid[k]
        self._push(k, paid[k], msg.sender)
    lp_token._burn(amount)
    log RemoveLiquidity(
        provider=msg.sender, token_amounts=paid, fees=empty(uint256[N_COINS]), token_supply=supply - amount
    )
    return paid


@external
@nonreentrant
def remove_liquidity_imbalance(amounts: uint256[N_COINS], max_burn_amount: uint256) -> uint256:
    """
    @notice Withdraws given amounts; what unbalances the pool pays a fee.
    @return The LP tokens burned.
    """
    amp: uint256 = amplification._current()
    supply: uint256 = lp_token.totalSupply
    old: uint256[N_COINS] = self.balances
    new: uint256[N_COINS] = old
    for k: uint256 in range(N_COINS):
        new[k] -= amounts[k]
        self._push(k, amounts[k], msg.sender)

    d0: uint256 = math._invariant(self._scaled(old), amp)
    d1: uint256 = math._invariant(self._scaled(new), amp)
    fees: uint256[N_COINS] = empty(uint256[N_COINS])
    d2: uint256 = 0
    fees, d2 = self._charge(old, new, d0, d1, amp)
    burned: uint256 = (d0 - d2) * supply // d0 + 1
    assert burned > 1 and burned <= max_burn_amount, "Slippage screwed you"
    lp_token._burn(burned)
    log RemoveLiquidityImbalance(
        provider=msg.sender, token_amounts=amounts, fees=fees, invariant=d1, token_supply=supply - burned
    )
    return burned


@external
@nonreentrant
def remove_liquidity_one_coin(burn_amount: uint256, i: int128, min_received: uint256) -> uint256:
    """
    @notice Withdraws one coin only, for a fee.
    @return What was paid.
    """
    coin: uint256 = self._index(i)
    dy: uint256 = 0
    dy_fee: uint256 = 0
    dy, dy_fee = self._withdrawal(burn_amount, coin)
    assert dy >= min_received, "Not enough coins removed"
    self.balances[coin] -= dy + dy_fee * self.admin_fee // _FEE_DENOMINATOR
    lp_token._burn(burn_amount)
    self._push(coin, dy, msg.sender)
    log RemoveLiquidityOne(
        provider=msg.sender, token_amount=burn_amount, coin_amount=dy, token_supply=lp_token.totalSupply
    )
    return dy


@external
def ramp_A(future_A: uint256, future_time: uint256):
    """
    @notice Moves A to future_A (without decimals), linearly until future_time.
    """
    self._only_owner()
    amplification._ramp(future_A, future_time)


@external
def stop_ramp_A():
    """
    @notice Keeps A where it is.
    """
    self._only_owner()
    amplification._stop()


@external
def apply_new_fee(fee_: uint256, admin_fee_: uint256):
    """
    @notice Sets both fees, in 1e-10. Curve's own pools ask for a commitment some days earlier.
    """
    self._only_owner()
    self.fee = fee_
    self.admin_fee = admin_fee_
    log NewFee(fee=fee_, admin_fee=admin_fee_)


@external
@nonreentrant
def withdraw_admin_fees():
    """
    @notice Pays the owner what the pool holds above its balances.
    """
    for k: uint256 in range(N_COINS):
        self._push(k, self._admin_balance(k), self.owner)


@external
@view
def admin_balances(i: uint256) -> uint256:
    """
    @notice Returns the admin's part of coin i.
    """
    return self._admin_balance(i)


@external
@view
def get_balances() -> uint256[N_COINS]:
    """
    @notice Returns all balances, without the admin's part.
    """
    return self.balances


@external
@view
def get_virtual_price() -> uint256:
    """
    @notice Returns what an LP token is worth, with 18 decimals.
    """
    return math._invariant(self._scaled(self.balances), amplification._current()) * _PRECISION // lp_token.totalSupply


@external
@view
def get_dy(i: int128, j: int128, dx: uint256) -> uint256:
    """
    @notice Returns what exchange would pay.
    """
    return self._quote(self._index(i), self._index(j), dx)[0]


@external
@view
def calc_token_amount(amounts: uint256[N_COINS], is_deposit: bool) -> uint256:
    """
    @notice Returns the LP tokens of a deposit or withdrawal, before fees.
    """
    amp: uint256 = amplification._current()
    new: uint256[N_COINS] = self.balances
    for k: uint256 in range(N_COINS):
        new[k] = new[k] + amounts[k] if is_deposit else new[k] - amounts[k]
    d0: uint256 = math._invariant(self._scaled(self.balances), amp)
    d1: uint256 = math._invariant(self._scaled(new), amp)
    return math._distance(d0, d1) * lp_token.totalSupply // d0


@external
@view
def calc_withdraw_one_coin(burn_amount: uint256, i: int128) -> uint256:
    """
    @notice Returns what remove_liquidity_one_coin would pay.
    """
    return self._withdrawal(burn_amount, self._index(i))[0]


@internal
@view
def _quote(i: uint256, j: uint256, dx: uint256) -> (uint256, uint256):
    """
    @notice Returns what is bought for dx, and the fee on it with 18 decimals.
    @dev One unit is kept against rounding.
    """
    assert i != j, "stableswap: same coin"
    amp: uint256 = amplification._current()
    xp: DynArray[uint256, math.MAX_COINS] = self._scaled(self.balances)
    d: uint256 = math._invariant(xp, amp)
    before: uint256 = xp[j]
    xp[i] += dx * self._rates[i] // _PRECISION
    dy: uint256 = before - math._balance_of(j, xp, amp, d) - 1
    fee: uint256 = dy * self.fee // _FEE_DENOMINATOR
    return (dy - fee) * _PRECISION // self._rates[j], fee


@internal
@view
def _withdrawal(burn_amount: uint256, i: uint256) -> (uint256, uint256):
    """
    @notice Returns what burning pays in coin i, and the fee in that coin.
    """
    amp: uint256 = amplification._current()
    fee: uint256 = self._imbalance_fee()
    xp: DynArray[uint256, math.MAX_COINS] = self._scaled(self.balances)
    d0: uint256 = math._invariant(xp, amp)
    d1: uint256 = d0 - burn_amount * d0 // lp_token.totalSupply
    without_fee: uint256 = math._balance_of(i, xp, amp, d1)

    reduced: DynArray[uint256, math.MAX_COINS] = xp
    for k: uint256 in range(N_COINS):
        moved: uint256 = xp[k] * d1 // d0 - without_fee if k == i else xp[k] - xp[k] * d1 // d0
        reduced[k] = xp[k] - fee * moved // _FEE_DENOMINATOR
    dy: uint256 = (reduced[i] - math._balance_of(i, reduced, amp, d1) - 1) * _PRECISION // self._rates[i]
    return dy, (xp[i] - without_fee) * _PRECISION // self._rates[i] - dy


@internal
def _charge(
    old: uint256[N_COINS], new: uint256[N_COINS], d0: uint256, d1: uint256, amp: uint256
) -> (uint256[N_COINS], uint256):
    """
    @notice Stores the new balances without the admin's part of the imbalance fees.
    @return The fees, and the invariant without any of them.
    """
    fee: uint256 = self._imbalance_fee()
    fees: uint256[N_COINS] = empty(uint256[N_COINS])
    remaining: uint256[N_COINS] = new
    for k: uint256 in range(N_COINS):
        fees[k] = fee * math._distance(d1 * old[k] // d0, new[k]) // _FEE_DENOMINATOR
        self.balances[k] = new[k] - fees[k] * self.admin_fee // _FEE_DENOMINATOR
        remaining[k] -= fees[k]
    return fees, math._invariant(self._scaled(remaining), amp)


@internal
@view
def _imbalance_fee() -> uint256:
    return self.fee * N_COINS // (4 * (N_COINS - 1))


@internal
@view
def _scaled(amounts: uint256[N_COINS]) -> DynArray[uint256, math.MAX_COINS]:
    """
    @notice Returns the amounts with 18 decimals.
    """
    xp: DynArray[uint256, math.MAX_COINS] = []
    for k: uint256 in range(N_COINS):
        xp.append(self._rates[k] * amounts[k] // _PRECISION)
    return xp


@internal
@view
def _admin_balance(k: uint256) -> uint256:
    coin: address = self.coins[k]
    held: uint256 = self.balance if coin == _ETHER else staticcall IERC20(coin).balanceOf(self)
    return held - self.balances[k]


@internal
@pure
def _index(i: int128) -> uint256:
    assert i >= 0 and i < convert(N_COINS, int128), "stableswap: no such coin"
    return convert(i, uint256)


@internal
@view
def _only_owner():
    assert msg.sender == self.owner, "stableswap: caller is not the owner"


@internal
@view
def _ether_in(k: uint256, amount: uint256) -> uint256:
    """
    @notice Returns what must come with a call that pays this amount of coin k.
    """
    return amount if self.coins[k] == _ETHER else 0


@internal
def _pull(k: uint256, amount: uint256):
    coin: address = self.coins[k]
    if amount > 0 and coin != _ETHER:
        assert extcall IERC20(coin).transferFrom(msg.sender, self, amount, default_return_value=True)


@internal
def _push(k: uint256, amount: uint256, receiver: address):
    coin: address = self.coins[k]
    if amount > 0 and coin == _ETHER:
        raw_call(receiver, b"", value=amount)
    elif amount > 0:
        assert extcall IERC20(coin).transfer(receiver, amount, default_return_value=True)
