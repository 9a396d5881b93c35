# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A V2 pair with the real invariant
@dev As UniswapV2Pair.swap, without the oracle and the liquidity token; its code is placed at a real pair's address.
"""

from ethereum.ercs import IERC20

interface ICallee:
    def uniswapV2Call(sender: address, amount0: uint256, amount1: uint256, data: Bytes[1024]): nonpayable


token0: public(address)
token1: public(address)
reserve0: uint112
reserve1: uint112
locked: bool


@external
def initialize(token0: address, token1: address):
    self.token0 = token0
    self.token1 = token1


@external
def sync():
    self.reserve0 = convert(staticcall IERC20(self.token0).balanceOf(self), uint112)
    self.reserve1 = convert(staticcall IERC20(self.token1).balanceOf(self), uint112)


@external
@view
def getReserves() -> (uint112, uint112, uint32):
    return self.reserve0, self.reserve1, 0


@external
def swap(amount0_out: uint256, amount1_out: uint256, to: address, data: Bytes[1024]):
    assert not self.locked, "UniswapV2: LOCKED"
    self.locked = True
    reserve0: uint256 = convert(self.reserve0, uint256)
    reserve1: uint256 = convert(self.reserve1, uint256)
    assert amount0_out > 0 or amount1_out > 0, "UniswapV2: INSUFFICIENT_OUTPUT_AMOUNT"
    assert amount0_out < reserve0 and amount1_out < reserve1, "UniswapV2: INSUFFICIENT_LIQUIDITY"
    if amount0_out > 0:
        assert extcall IERC20(self.token0).transfer(to, amount0_out, default_return_value=True)
    if amount1_out > 0:
        assert extcall IERC20(self.token1).transfer(to, amount1_out, default_return_value=True)
    if len(data) > 0:
        extcall ICallee(to).uniswapV2Call(msg.sender, amount0_out, amount1_out, data)
    balance0: uint256 = staticcall IERC20(self.token0).balanceOf(self)
    balance1: uint256 = staticcall IERC20(self.token1).balanceOf(self)
    amount0_in: uint256 = 0
    amount1_in: uint256 = 0
    if balance0 > reserve0 - amount0_out:
        amount0_in = balance0 - (reserve0 - amount0_out)
    if balance1 > reserve1 - amount1_out:
        amount1_in = balance1 - (reserve1 - amount1_out)
    assert amount0_in > 0 or amount1_in > 0, "UniswapV2: INSUFFICIENT_INPUT_AMOUNT"
    k: uint256 = (balance0 * 1000 - amount0_in * 3) * (balance1 * 1000 - amount1_in * 3)
    assert k >= reserve0 * reserve1 * 1_000_000, "UniswapV2: K"
    self.reserve0 = convert(balance0, uint112)
    self.reserve1 = convert(balance1, uint112)
    self.locked = False
