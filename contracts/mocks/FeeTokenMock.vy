# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token that keeps a share of every transfer and says nothing of it
"""

fee_bps: uint256
balanceOf: public(HashMap[address, uint256])


@external
def set_fee_bps(fee_bps: uint256):
    self.fee_bps = fee_bps


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def transfer(to: address, amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount - amount * self.fee_bps // 10_000
    return True
