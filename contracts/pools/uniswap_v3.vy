# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Uniswap V3 pools and their forks
@license MIT
@notice How a pool is read and called, and how it calls back.
@dev A pool sends the output first and takes the input in its callback: `uniswapV3SwapCallback`, PancakeSwap's
     `pancakeV3SwapCallback`, Camelot's (Algebra's) `algebraSwapCallback`.
"""

from .. import callback
from .. import hop
from ..interfaces import IUniswapV3Pool

uses: callback

# TickMath.MIN_SQRT_RATIO + 1 and MAX_SQRT_RATIO - 1: swap to the end of the liquidity.
_MIN_PRICE_LIMIT: constant(uint160) = 4_295_128_740
_MAX_PRICE_LIMIT: constant(uint160) = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341


@internal
def _swap(resolved: uint256, purpose: uint256, amount: uint256, recipient: address):
    """
    @dev The callback is told what is owed, all of `amount`, and what the recipient was sent.
    @param purpose The hop's place in the route, or that it opens the route.
    """
    callback._permission = resolved >> 96 << 96 | purpose << 88 | amount & callback.AMOUNT_MASK
    # Where no code is, the callback stays due, and the route reverts in the end.
    limit: uint160 = _MAX_PRICE_LIMIT
    if resolved & hop.ZERO_FOR_ONE != 0:
        limit = _MIN_PRICE_LIMIT
    extcall IUniswapV3Pool(convert(resolved >> 96, address)).swap(
        recipient, resolved & hop.ZERO_FOR_ONE != 0, convert(amount, int256), limit, b"", skip_contract_check=True
    )
