# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A V3 pool that trades at one rate
@dev Keeps the order of the real pool: send the output, call back, check the balance. The real bytecode is tested on the
     localnet; this one is for what a real pool never does, and stands at a real pool's address (its code is placed).
"""

from ethereum.ercs import IERC20

interface ICallback:
    def uniswapV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[1024]): nonpayable
    def pancakeV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[1024]): nonpayable
    def algebraSwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[1024]): nonpayable
    def uniswapV3FlashCallback(fee0: uint256, fee1: uint256, data: Bytes[1024]): nonpayable
    def pancakeV3FlashCallback(fee0: uint256, fee1: uint256, data: Bytes[1024]): nonpayable
    def algebraFlashCallback(fee0: uint256, fee1: uint256, data: Bytes[1024]): nonpayable


UNISWAP: constant(uint256) = 0
PANCAKE: constant(uint256) = 1
ALGEBRA: constant(uint256) = 2

# Of a loan, in millionths.
FEE: constant(uint256) = 500

_MIN_SQRT_RATIO: constant(uint160) = 4_295_128_739
_MAX_SQRT_RATIO: constant(uint160) = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342

token0: public(address)
token1: public(address)
sqrt_price_x96: uint160

# token1 = token0 * numerator // denominator
numerator: uint256
denominator: uint256

# At most so much input is consumed.
depth: uint256

# Whose fork it is: what its views and callbacks are called.
fork: uint256
unlocked: bool


@external
def initialize(token0: address, token1: address, numerator: uint256, denominator: uint256, fork: uint256):
    self.token0 = token0
    self.token1 = token1
    self.numerator = numerator
    self.denominator = denominator
    self.sqrt_price_x96 = convert(isqrt((numerator << 96) // denominator) << 48, uint160)
    self.depth = max_value(uint256)
    self.fork = fork
    self.unlocked = True


@external
def set_depth(depth: uint256):
    self.depth = depth


@external
@view
def slot0() -> (uint160, int24, uint16, uint16, uint16, uint8, bool):
    assert self.fork != ALGEBRA
    return self.sqrt_price_x96, 0, 0, 1, 1, 0, self.unlocked


@external
@view
def rate() -> (uint256, uint256):
    return self.numerator, self.denominator


@external
@view
def globalState() -> (uint160, int24, uint16, uint16, uint16, uint8, bool):
    assert self.fork == ALGEBRA
    return self.sqrt_price_x96, 0, 500, 500, 0, 0, self.unlocked


@external
def swap(
    recipient: address, zero_for_one: bool, amount_specified: int256, sqrt_price_limit_x96: uint160, data: Bytes[1024]
) -> (int256, int256):
    assert self.unlocked, "LOK"
    assert amount_specified > 0, "AS"
    if zero_for_one:
        assert _MIN_SQRT_RATIO < sqrt_price_limit_x96 and sqrt_price_limit_x96 < self.sqrt_price_x96, "SPL"
    else:
        assert self.sqrt_price_x96 < sqrt_price_limit_x96 and sqrt_price_limit_x96 < _MAX_SQRT_RATIO, "SPL"
    self.unlocked = False
    amount_in: uint256 = min(convert(amount_specified, uint256), self.depth)
    token_in: IERC20 = IERC20(self.token0)
    token_out: IERC20 = IERC20(self.token1)
    amount_out: uint256 = amount_in * self.numerator // self.denominator
    if not zero_for_one:
        token_in = IERC20(self.token1)
        token_out = IERC20(self.token0)
        amount_out = amount_in * self.denominator // self.numerator
    assert extcall token_out.transfer(recipient, amount_out, default_return_value=True)
    balance: uint256 = staticcall token_in.balanceOf(self)
    delta0: int256 = convert(amount_in, int256)
    delta1: int256 = -convert(amount_out, int256)
    if not zero_for_one:
        delta0 = -convert(amount_out, int256)
        delta1 = convert(amount_in, int256)
    if self.fork == UNISWAP:
        extcall ICallback(msg.sender).uniswapV3SwapCallback(delta0, delta1, data)
    elif self.fork == PANCAKE:
        extcall ICallback(msg.sender).pancakeV3SwapCallback(delta0, delta1, data)
    else:
        extcall ICallback(msg.sender).algebraSwapCallback(delta0, delta1, data)
    assert staticcall token_in.balanceOf(self) >= balance + amount_in, "IIA"
    self.unlocked = True
    return delta0, delta1


@external
def flash(recipient: address, amount0: uint256, amount1: uint256, data: Bytes[1024]):
    assert self.unlocked, "LOK"
    self.unlocked = False
    fee0: uint256 = (amount0 * FEE + 999_999) // 1_000_000
    fee1: uint256 = (amount1 * FEE + 999_999) // 1_000_000
    balance0: uint256 = staticcall IERC20(self.token0).balanceOf(self)
    balance1: uint256 = staticcall IERC20(self.token1).balanceOf(self)
    if amount0 > 0:
        assert extcall IERC20(self.token0).transfer(recipient, amount0, default_return_value=True)
    if amount1 > 0:
        assert extcall IERC20(self.token1).transfer(recipient, amount1, default_return_value=True)
    if self.fork == UNISWAP:
        extcall ICallback(msg.sender).uniswapV3FlashCallback(fee0, fee1, data)
    elif self.fork == PANCAKE:
        extcall ICallback(msg.sender).pancakeV3FlashCallback(fee0, fee1, data)
    else:
        extcall ICallback(msg.sender).algebraFlashCallback(fee0, fee1, data)
    assert staticcall IERC20(self.token0).balanceOf(self) >= balance0 + fee0, "F0"
    assert staticcall IERC20(self.token1).balanceOf(self) >= balance1 + fee1, "F1"
    self.unlocked = True
