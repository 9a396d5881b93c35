# pragma version 0.4.3
"""
@title V3Quoter
@notice Tells what a swap on any pool of Uniswap V3's shape would do, by the pool's own code: it swaps, and reverts from
        the callback with the outcome.
"""


interface IV3Pool:
    def slot0() -> (uint160, int24): view
    def liquidity() -> uint128: view


# Two amounts, price, tick and liquidity.
_OUTCOME_SIZE: constant(uint256) = 160


@external
def quote(
    pool: address, zero_for_one: bool, amount: int256, limit: uint160
) -> (int256, int256, uint160, int24, uint128):
    """
    @notice Returns what a swap would do; reverts with the pool's own reason if the pool would. For `eth_call`.
    @param amount What goes in, or minus what comes out.
    @param limit The square root of the price to stop at, as Q64.96.
    @return What the pool would receive of each token (negative is what it would pay), and its square root of the price,
            tick and liquidity afterwards.
    """
    success: bool = False
    outcome: Bytes[_OUTCOME_SIZE] = b""
    success, outcome = raw_call(
        pool,
        abi_encode(
            self, zero_for_one, amount, limit, b"", method_id=method_id("swap(address,bool,int256,uint160,bytes)")
        ),
        max_outsize=_OUTCOME_SIZE,
        revert_on_failure=False,
    )
    assert not success, "quoter: the pool did not call back"
    if len(outcome) != _OUTCOME_SIZE:
        raw_revert(outcome)
    return abi_decode(outcome, (int256, int256, uint160, int24, uint128))


@external
def uniswapV3SwapCallback(delta0: int256, delta1: int256, data: Bytes[1]):
    """
    @notice Reverts with the outcome.
    """
    self._report(delta0, delta1)


@external
def pancakeV3SwapCallback(delta0: int256, delta1: int256, data: Bytes[1]):
    """
    @notice Reverts with the outcome.
    """
    self._report(delta0, delta1)


@internal
@view
def _report(delta0: int256, delta1: int256):
    """
    @dev The pool has written its new price, tick and liquidity before it calls back.
    """
    price: uint160 = 0
    tick: int24 = 0
    price, tick = staticcall IV3Pool(msg.sender).slot0()
    raw_revert(abi_encode(delta0, delta1, price, tick, staticcall IV3Pool(msg.sender).liquidity()))
