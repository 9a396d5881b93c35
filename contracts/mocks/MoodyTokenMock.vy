# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token in one bad mood at a time
"""

# Every transfer makes the recipient's balance smaller or larger than it should be, in ten-thousandths.
rebase: int256
# Whose question about its balance is answered with a lie.
deceived: address
lie: uint256
is_paused: bool
blacklisted: address
burns_gas: bool
is_bomb: bool
refuses_zero: bool
# What `approve` says: 0 true, 1 nothing, 2 false; 3 it reverts unless zero is involved.
approval: uint256
# Takes from anybody.
ignores_allowance: bool

held: HashMap[address, uint256]
allowance: public(HashMap[address, HashMap[address, uint256]])


@external
def mint(to: address, amount: uint256):
    self.held[to] += amount


@external
def set_rebase(rebase: int256):
    self.rebase = rebase


@external
def set_lie(deceived: address, lie: uint256):
    self.deceived = deceived
    self.lie = lie


@external
def set_paused(is_paused: bool):
    self.is_paused = is_paused


@external
def set_blacklisted(blacklisted: address):
    self.blacklisted = blacklisted


@external
def set_burning(burns_gas: bool):
    self.burns_gas = burns_gas


@external
def set_bomb(is_bomb: bool):
    self.is_bomb = is_bomb


@external
def set_refusing_zero(refuses_zero: bool):
    self.refuses_zero = refuses_zero


@external
def set_approval(approval: uint256):
    self.approval = approval


@external
def set_ignoring_allowance(ignores_allowance: bool):
    self.ignores_allowance = ignores_allowance


@external
@view
def balanceOf(holder: address) -> uint256:
    if msg.sender == self.deceived and holder == self.deceived:
        return self.lie
    return self.held[holder]


@external
def transfer(to: address, amount: uint256) -> bool:
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    if not self.ignores_allowance:
        self.allowance[sender][msg.sender] -= amount
    self._move(sender, to, amount)
    return True


@external
@raw_return
def approve(spender: address, amount: uint256) -> Bytes[32]:
    if self.approval == 3:
        assert amount == 0 or self.allowance[msg.sender][spender] == 0
    self.allowance[msg.sender][spender] = amount
    if self.approval == 1:
        return b""
    return abi_encode(self.approval != 2)


@internal
def _move(sender: address, to: address, amount: uint256):
    assert not self.is_paused, "token: paused"
    assert self.blacklisted not in [sender, to], "token: blacklisted"
    assert amount > 0 or not self.refuses_zero, "token: nothing"
    if self.burns_gas:
        for i: uint256 in range(10_000_000):
            self.lie = i
    if self.is_bomb:
        raw_revert(abi_encode(empty(uint256[2_048])))
    self.held[sender] -= amount
    self.held[to] += convert(convert(amount, int256) * (10_000 + self.rebase) // 10_000, uint256)
