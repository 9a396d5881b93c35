# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token whose transfer answers one sender whatever it is told: false, nothing, or very much
"""

sender: address
answer: Bytes[65536]
balanceOf: public(HashMap[address, uint256])


@external
def set_answer(sender: address, answer: Bytes[65536]):
    self.sender = sender
    self.answer = answer


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
@raw_return
def transfer(to: address, amount: uint256) -> Bytes[65536]:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    if msg.sender == self.sender:
        return self.answer
    return abi_encode(True)
