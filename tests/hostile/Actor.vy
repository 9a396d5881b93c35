# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Somebody who does what he was told, and something else when he is called back meanwhile
@dev Each depth of calls has its own list. A call that fails makes it fail with the same words, unless it is only tried.
"""

struct Call:
    target: address
    data: Bytes[2048]
    tried: bool


depth: transient(uint256)
refused: public(uint256)
_calls: HashMap[uint256, DynArray[Call, 8]]
_answer: Bytes[64]


@external
def script(depth: uint256, calls: DynArray[Call, 8]):
    self._calls[depth] = calls


@external
def answer(words: Bytes[64]):
    """
    @notice Sets what whoever calls is told.
    """
    self._answer = words


@external
@payable
@raw_return
def __default__() -> Bytes[64]:
    calls: DynArray[Call, 8] = self._calls[self.depth]
    self.depth += 1
    for call: Call in calls:
        if call.tried:
            if not raw_call(call.target, call.data, revert_on_failure=False):
                self.refused += 1
        else:
            raw_call(call.target, call.data)
    self.depth -= 1
    return self._answer
