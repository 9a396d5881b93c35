# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token whose transfer answers one sender whatever it is told: false, nothing, or very much
"""

sender: address
answer: Bytes[65536]
is_idle: bool
balanceOf: public(HashMap[address, uint256])


@external
def set_answer(sender: address, answer: Bytes[65536], is_idle: bool = False):
    """
    @param is_idle Whether a transfer by the sender moves nothing.
    """
    self.sender = sender
    self.answer = answer
    self.is_idle = is_idle


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
@raw_return
def transfer(to: address, amount: uint256) -> Bytes[65536]:
    if msg.sender == self.sender and self.is_idle:
        return self.answer
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    if msg.sender == self.sender:
        return self.answer
    return abi_encode(True)
