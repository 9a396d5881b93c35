# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Camelot's V2 pair
@dev Its two directions have fees of their own, in 100,000ths; a stable pair follows x^3*y + y^3*x. It tells itself what it
     gives. Its code is placed at a real pair's address.
"""

from ethereum.ercs import IERC20

interface ICallee:
    def uniswapV2Call(sender: address, amount0: uint256, amount1: uint256, data: Bytes[1024]): nonpayable


_DENOMINATOR: constant(uint256) = 100_000
_ONE: constant(uint256) = 10**18

token0: public(address)
token1: public(address)
reserve0: uint112
reserve1: uint112

# Of the token that goes in.
fee0: uint256
fee1: uint256
is_stable: bool
locked: bool


@external
def initialize(token0: address, token1: address):
    self.token0 = token0
    self.token1 = token1
    self.fee0 = 300
    self.fee1 = 300


@external
def set_fees(fee0: uint256, fee1: uint256):
    self.fee0 = fee0
    self.fee1 = fee1


@external
def set_stable(is_stable: bool):
    self.is_stable = is_stable


@external
def sync():
    self.reserve0 = convert(staticcall IERC20(self.token0).balanceOf(self), uint112)
    self.reserve1 = convert(staticcall IERC20(self.token1).balanceOf(self), uint112)


@external
@view
def getReserves() -> (uint112, uint112, uint16, uint16):
    return self.reserve0, self.reserve1, convert(self.fee0, uint16), convert(self.fee1, uint16)


@external
@view
def getAmountOut(amount_in: uint256, token_in: address) -> uint256:
    reserve_in: uint256 = convert(self.reserve0, uint256)
    reserve_out: uint256 = convert(self.reserve1, uint256)
    fee: uint256 = self.fee0
    if token_in != self.token0:
        reserve_in = convert(self.reserve1, uint256)
        reserve_out = convert(self.reserve0, uint256)
        fee = self.fee1
    amount: uint256 = amount_in - amount_in * fee // _DENOMINATOR
    if not self.is_stable:
        return amount * reserve_out // (reserve_in + amount)
    invariant: uint256 = self._k(reserve_in, reserve_out)
    low: uint256 = 0
    high: uint256 = reserve_out
    for _: uint256 in range(128):
        if high - low <= 1:
            break
        middle: uint256 = (low + high) // 2
        if self._k(reserve_in + amount, middle) >= invariant:
            high = middle
        else:
            low = middle
    return reserve_out - high - 1


@external
def swap(amount0_out: uint256, amount1_out: uint256, to: address, data: Bytes[1024]):
    assert not self.locked, "CamelotPair: LOCKED"
    self.locked = True
    reserve0: uint256 = convert(self.reserve0, uint256)
    reserve1: uint256 = convert(self.reserve1, uint256)
    assert amount0_out > 0 or amount1_out > 0, "CamelotPair: INSUFFICIENT_OUTPUT_AMOUNT"
    assert amount0_out < reserve0 and amount1_out < reserve1, "CamelotPair: INSUFFICIENT_LIQUIDITY"
    if amount0_out > 0:
        assert extcall IERC20(self.token0).transfer(to, amount0_out, default_return_value=True)
    if amount1_out > 0:
        assert extcall IERC20(self.token1).transfer(to, amount1_out, default_return_value=True)
    if len(data) > 0:
        extcall ICallee(to).uniswapV2Call(msg.sender, amount0_out, amount1_out, data)
    balance0: uint256 = staticcall IERC20(self.token0).balanceOf(self)
    balance1: uint256 = staticcall IERC20(self.token1).balanceOf(self)
    amount0_in: uint256 = self._above(balance0, reserve0 - amount0_out)
    amount1_in: uint256 = self._above(balance1, reserve1 - amount1_out)
    assert amount0_in > 0 or amount1_in > 0, "CamelotPair: INSUFFICIENT_INPUT_AMOUNT"
    kept0: uint256 = balance0 - amount0_in * self.fee0 // _DENOMINATOR
    kept1: uint256 = balance1 - amount1_in * self.fee1 // _DENOMINATOR
    assert self._k(kept0, kept1) >= self._k(reserve0, reserve1), "CamelotPair: K"
    self.reserve0 = convert(balance0, uint112)
    self.reserve1 = convert(balance1, uint112)
    self.locked = False


@internal
@view
def _k(x: uint256, y: uint256) -> uint256:
    if not self.is_stable:
        return x * y
    return (x * y // _ONE) * (x * x // _ONE + y * y // _ONE) // _ONE


@internal
@pure
def _above(balance: uint256, rest: uint256) -> uint256:
    if balance > rest:
        return balance - rest
    return 0
