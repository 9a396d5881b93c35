# pragma version 0.4.3
# pragma evm-version cancun
"""
@title WETH, which anybody can mint, too
@dev As WETH9: who sends ether to `deposit` holds as much of the token, `withdraw` gives it back. Its code is placed at the
     real address, with enough ether for what is minted.
"""

from ethereum.ercs import IERC20

implements: IERC20

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount
    self.totalSupply += amount


@external
@payable
def deposit():
    self.balanceOf[msg.sender] += msg.value
    self.totalSupply += msg.value


@external
def withdraw(amount: uint256):
    self.balanceOf[msg.sender] -= amount
    self.totalSupply -= amount
    raw_call(msg.sender, b"", value=amount)


@external
def transfer(to: address, amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=msg.sender, receiver=to, value=amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    self.allowance[sender][msg.sender] -= amount
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=sender, receiver=to, value=amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log IERC20.Approval(owner=msg.sender, spender=spender, value=amount)
    return True
