# pragma version 0.4.3
"""
@title V3Router
@notice Adds liquidity to and swaps on any pool of Uniswap V3's shape, paid by the caller: a router and position manager
        for the DEXes whose own no package ships.
@dev It belongs to the localnet and trusts whichever pool its caller names. Never approve it on a real chain.
"""


from ethereum.ercs import IERC20


interface IV3Pool:
    def token0() -> address: view
    def token1() -> address: view
    def mint(
        recipient: address, lower: int24, upper: int24, amount: uint128, data: Bytes[1]
    ) -> (uint256, uint256): nonpayable
    def swap(
        recipient: address, zero_for_one: bool, amount: int256, limit: uint160, data: Bytes[1]
    ) -> (int256, int256): nonpayable


# The pool that may call back, and who pays it.
_pool: transient(address)
_payer: transient(address)


@external
def mint(pool: address, lower: int24, upper: int24, liquidity: uint128) -> (uint256, uint256):
    """
    @notice Adds liquidity; the position belongs to the caller, in the pool's own books.
    @return What was paid of each token.
    """
    self._expect(pool)
    return extcall IV3Pool(pool).mint(msg.sender, lower, upper, liquidity, b"")


@external
def swap(pool: address, zero_for_one: bool, amount: int256, limit: uint160) -> (int256, int256):
    """
    @notice Swaps; what comes out goes to the caller.
    @param amount What goes in, or minus what comes out.
    @param limit The square root of the price to stop at, as Q64.96.
    @return What the pool received of each token; negative is what it paid.
    """
    self._expect(pool)
    return extcall IV3Pool(pool).swap(msg.sender, zero_for_one, amount, limit, b"")


@external
def uniswapV3MintCallback(amount0: uint256, amount1: uint256, data: Bytes[1]):
    """
    @notice Pays for a mint.
    """
    self._pay(amount0, amount1)


@external
def pancakeV3MintCallback(amount0: uint256, amount1: uint256, data: Bytes[1]):
    """
    @notice Pays for a mint.
    """
    self._pay(amount0, amount1)


@external
def uniswapV3SwapCallback(delta0: int256, delta1: int256, data: Bytes[1]):
    """
    @notice Pays for a swap.
    """
    self._pay(convert(max(delta0, 0), uint256), convert(max(delta1, 0), uint256))


@external
def pancakeV3SwapCallback(delta0: int256, delta1: int256, data: Bytes[1]):
    """
    @notice Pays for a swap.
    """
    self._pay(convert(max(delta0, 0), uint256), convert(max(delta1, 0), uint256))


@internal
def _expect(pool: address):
    """
    @dev Lets *pool* call back in this transaction, at the caller's expense.
    """
    self._pool = pool
    self._payer = msg.sender


@internal
def _pay(amount0: uint256, amount1: uint256):
    assert msg.sender == self._pool, "router: unexpected caller"
    if amount0 > 0:
        extcall IERC20(staticcall IV3Pool(msg.sender).token0()).transferFrom(self._payer, msg.sender, amount0)
    if amount1 > 0:
        extcall IERC20(staticcall IV3Pool(msg.sender).token1()).transferFrom(self._payer, msg.sender, amount1)
