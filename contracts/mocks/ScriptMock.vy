# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A contract that does what it is told when it is called as a pool, a lender, or an operator
@dev Its code is placed where a real one would stand. A call that fails makes it fail with the same words, unless the call
     is told to be tried only.
"""

struct Call:
    target: address
    data: Bytes[2048]
    tried: bool


_calls: DynArray[Call, 8]
delta0: int256
delta1: int256
sqrt_price_x96: public(uint256)
reserve0: uint256
reserve1: uint256


@external
def script(calls: DynArray[Call, 8], delta0: int256, delta1: int256):
    self._calls = calls
    self.delta0 = delta0
    self.delta1 = delta1


@external
def set_reserves(reserve0: uint256, reserve1: uint256):
    self.reserve0 = reserve0
    self.reserve1 = reserve1


@external
@view
def slot0() -> uint256:
    return self.sqrt_price_x96


@external
@view
def getReserves() -> (uint256, uint256, uint256):
    return self.reserve0, self.reserve1, 0


@external
@payable
@raw_return
def __default__() -> Bytes[64]:
    """
    @dev Any other call: `swap` of either kind, `flashLoan`, or a plain one.
    """
    for call: Call in self._calls:
        if call.tried:
            success: bool = raw_call(call.target, call.data, revert_on_failure=False)
        else:
            raw_call(call.target, call.data)
    return abi_encode(self.delta0, self.delta1)
