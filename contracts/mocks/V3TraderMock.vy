# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Somebody who moves the price of a V3 pool with tokens that he holds
"""

from ethereum.ercs import IERC20

interface IPool:
    def token0() -> address: view
    def token1() -> address: view
    def swap(
        recipient: address, zero_for_one: bool, amount: int256, limit: uint160, data: Bytes[1]
    ) -> (int256, int256): nonpayable


@external
def sell(pool: address, zero_for_one: bool, amount: int256, limit: uint160):
    extcall IPool(pool).swap(self, zero_for_one, amount, limit, b"")


@external
def uniswapV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[1]):
    self._pay(amount0_delta, amount1_delta)


@external
def pancakeV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[1]):
    self._pay(amount0_delta, amount1_delta)


@internal
def _pay(amount0_delta: int256, amount1_delta: int256):
    token: address = staticcall IPool(msg.sender).token1()
    if amount0_delta > 0:
        token = staticcall IPool(msg.sender).token0()
    amount: uint256 = convert(max(amount0_delta, amount1_delta), uint256)
    assert extcall IERC20(token).transfer(msg.sender, amount, default_return_value=True)
