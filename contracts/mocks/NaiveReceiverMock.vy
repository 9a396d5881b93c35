# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What robbed executors were like
@dev It believes whoever calls it back, does what the data says, keeps what it owns and leaves its allowances. The attacks of
     the tests are shown to succeed against it.
"""

from ethereum.ercs import IERC20

interface IPair:
    def token0() -> address: view
    def token1() -> address: view
    def factory() -> address: view

interface IRouter:
    def swap(token: address, amount: uint256): nonpayable


@external
def forward(target: address, data: Bytes[1024]):
    """
    @dev The open door of an "arbitrary call".
    """
    raw_call(target, data)


@external
def receiveFlashLoan(
    tokens: DynArray[address, 4], amounts: DynArray[uint256, 4], fees: DynArray[uint256, 4], data: Bytes[1024]
):
    self._obey(data)
    for i: uint256 in range(len(tokens), bound=4):
        extcall IERC20(tokens[i]).transfer(msg.sender, amounts[i] + fees[i])


@external
def executeOperation(asset: address, amount: uint256, premium: uint256, initiator: address, params: Bytes[1024]) -> bool:
    self._obey(params)
    extcall IERC20(asset).approve(msg.sender, amount + premium)
    return True


@external
def callFunction(sender: address, owner: address, number: uint256, data: Bytes[1024]):
    self._obey(data)


@external
def DPPFlashLoanCall(sender: address, base_amount: uint256, quote_amount: uint256, data: Bytes[1024]):
    self._obey(data)


@external
def pancakeCall(sender: address, amount0: uint256, amount1: uint256, data: Bytes[1024]):
    self._pay_pair(max(amount0, amount1))


@external
def uniswapV2Call(sender: address, amount0: uint256, amount1: uint256, data: Bytes[1024]):
    self._pay_pair(max(amount0, amount1))


@external
def uniswapV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[1024]):
    """
    @dev Checks that a factory made the pool: the one that the data names.
    """
    factory: address = abi_decode(data, address)
    assert staticcall IPair(msg.sender).factory() == factory
    token: address = staticcall IPair(msg.sender).token0()
    extcall IERC20(token).transfer(msg.sender, convert(max(amount0_delta, amount1_delta), uint256))


@external
def swap_now(router: address, token: address, amount: uint256):
    """
    @dev Anybody may; whatever comes of it is good enough. The allowance is not looked at again.
    """
    extcall IERC20(token).approve(router, amount)
    extcall IRouter(router).swap(token, amount)


@internal
def _pay_pair(amount: uint256):
    token: address = staticcall IPair(msg.sender).token0()
    extcall IERC20(token).transfer(msg.sender, amount)


@internal
def _obey(data: Bytes[1024]):
    """
    @dev Calls whom the data names with what it says.
    """
    if len(data) > 0:
        target: address = empty(address)
        inner: Bytes[512] = b""
        target, inner = abi_decode(data, (address, Bytes[512]))
        raw_call(target, inner)
