# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token that calls somebody whenever it moves
@dev It remembers whether the call succeeded and what it said; the transfer itself goes on.
"""

target: address
data: Bytes[2048]
calls: public(uint256)
successes: public(uint256)
answer: public(Bytes[256])
balanceOf: public(HashMap[address, uint256])


@external
def set_hook(target: address, data: Bytes[2048]):
    self.target = target
    self.data = data


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def transfer(to: address, amount: uint256) -> bool:
    if self.target != empty(address):
        success: bool = False
        answer: Bytes[256] = b""
        success, answer = raw_call(self.target, self.data, max_outsize=256, revert_on_failure=False)
        self.calls += 1
        self.answer = answer
        if success:
            self.successes += 1
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    return True
