# pragma version 0.4.3
"""
@title Rival
@notice Buys in one pool what it sells in another, with tokens of its own, and reverts unless it gains.
@dev It belongs to the localnet and trusts whichever pools its caller names. Never fund it on a real chain.
"""


from ethereum.ercs import IERC20


interface IV3Pool:
    def swap(
        recipient: address, zero_for_one: bool, amount: int256, limit: uint160, data: Bytes[1]
    ) -> (int256, int256): nonpayable

interface IV2Pair:
    def getReserves() -> (uint112, uint112, uint32): view
    def swap(amount0: uint256, amount1: uint256, to: address, data: Bytes[1]): nonpayable


# A pool, and whether it is a pair of V2.
struct Hop:
    pool: address
    is_pair: bool


# Square roots of the prices at the ends of V3's range.
_LOWEST: constant(uint160) = 4_295_128_740
_HIGHEST: constant(uint160) = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341

# What a pair of V2 leaves of the input, in thousandths.
_KEPT: constant(uint256) = 997


# The pool that may call back, and what it is paid in.
_pool: transient(address)
_token: transient(address)


@external
def run(first: Hop, second: Hop, token: address, other: address, amount: uint256, least: uint256) -> uint256:
    """
    @notice Sells *amount* of *token* for *other* in the first pool and what it gets in the second.
    @param least What must be gained at least.
    @return What was gained of *token*.
    """
    bought: uint256 = self._swap(first, token, other, amount)
    back: uint256 = self._swap(second, other, token, bought)
    assert back >= amount + least, "rival: too late"
    return back - amount


@external
def uniswapV3SwapCallback(delta0: int256, delta1: int256, data: Bytes[1]):
    """
    @notice Pays for a swap.
    """
    self._pay(max(delta0, delta1))


@external
def pancakeV3SwapCallback(delta0: int256, delta1: int256, data: Bytes[1]):
    """
    @notice Pays for a swap.
    """
    self._pay(max(delta0, delta1))


@internal
def _swap(hop: Hop, sold: address, bought: address, amount: uint256) -> uint256:
    zero_for_one: bool = convert(sold, uint160) < convert(bought, uint160)
    if hop.is_pair:
        return self._swap_v2(hop.pool, zero_for_one, sold, amount)
    self._pool = hop.pool
    self._token = sold
    amount0: int256 = 0
    amount1: int256 = 0
    limit: uint160 = _LOWEST if zero_for_one else _HIGHEST
    amount0, amount1 = extcall IV3Pool(hop.pool).swap(self, zero_for_one, convert(amount, int256), limit, b"")
    self._pool = empty(address)
    return convert(-min(amount0, amount1), uint256)


@internal
def _swap_v2(pair: address, zero_for_one: bool, sold: address, amount: uint256) -> uint256:
    reserve0: uint112 = 0
    reserve1: uint112 = 0
    at: uint32 = 0
    reserve0, reserve1, at = staticcall IV2Pair(pair).getReserves()
    reserve_in: uint256 = convert(reserve0 if zero_for_one else reserve1, uint256)
    reserve_out: uint256 = convert(reserve1 if zero_for_one else reserve0, uint256)
    kept: uint256 = amount * _KEPT
    out: uint256 = kept * reserve_out // (reserve_in * 1_000 + kept)
    assert extcall IERC20(sold).transfer(pair, amount, default_return_value=True)
    extcall IV2Pair(pair).swap(0 if zero_for_one else out, out if zero_for_one else 0, self, b"")
    return out


@internal
def _pay(amount: int256):
    assert msg.sender == self._pool, "rival: unexpected caller"
    assert extcall IERC20(self._token).transfer(msg.sender, convert(amount, uint256), default_return_value=True)
