# pragma version 0.4.3
"""
@title CryptoSwap pool
@notice A stand-in under the ABI of Curve's pools of volatile coins: indices are unsigned, and `exchange` returns nothing.
@dev Between any two coins it is a constant-product pool with a fee on what comes out. Curve's own mathematics is another
     one: what this pool proves is calldata, not prices.
"""


from ethereum.ercs import IERC20


event TokenExchange:
    buyer: indexed(address)
    sold_id: uint256
    tokens_sold: uint256
    bought_id: uint256
    tokens_bought: uint256


coins: public(address[N_COINS])
balances: public(uint256[N_COINS])

# In 1e-10.
fee: public(uint256)


N_COINS: constant(uint256) = 3

_FEE_DENOMINATOR: constant(uint256) = 10**10


@deploy
def __init__(coins_: address[N_COINS], fee_: uint256):
    self.coins = coins_
    self.fee = fee_


@external
def add_liquidity(amounts: uint256[N_COINS], min_mint_amount: uint256):
    """
    @notice Takes a gift: nobody is to withdraw from this pool, so that there are no LP tokens.
    """
    for k: uint256 in range(N_COINS):
        self.balances[k] += amounts[k]
        assert extcall IERC20(self.coins[k]).transferFrom(msg.sender, self, amounts[k], default_return_value=True)


@external
@nonreentrant
def exchange(i: uint256, j: uint256, dx: uint256, min_dy: uint256):
    """
    @notice Sells dx of coin i for at least min_dy of coin j.
    """
    dy: uint256 = self._quote(i, j, dx)
    assert dy >= min_dy, "Slippage"
    self.balances[i] += dx
    self.balances[j] -= dy
    assert extcall IERC20(self.coins[i]).transferFrom(msg.sender, self, dx, default_return_value=True)
    assert extcall IERC20(self.coins[j]).transfer(msg.sender, dy, default_return_value=True)
    log TokenExchange(buyer=msg.sender, sold_id=i, tokens_sold=dx, bought_id=j, tokens_bought=dy)


@external
@view
def get_dy(i: uint256, j: uint256, dx: uint256) -> uint256:
    """
    @notice Returns what exchange would pay.
    """
    return self._quote(i, j, dx)


@internal
@view
def _quote(i: uint256, j: uint256, dx: uint256) -> uint256:
    assert i != j, "cryptoswap: same coin"
    bought: uint256 = self.balances[j] * dx // (self.balances[i] + dx)
    return bought - bought * self.fee // _FEE_DENOMINATOR
