# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token in one bad mood at a time
"""

# Every transfer makes the recipient's balance smaller or larger than it should be, in ten-thousandths.
rebase: int256
# Once it has moved, everybody's balance is multiplied by this share; for nobody while the denominator is zero.
numerator: uint256
denominator: uint256
moved: bool
# Whose question about its balance is answered with a lie; or, once it has moved, with so much more than the truth.
deceived: address
lie: uint256
excess: int256
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
def set_share(numerator: uint256, denominator: uint256):
    self.numerator = numerator
    self.denominator = denominator
    self.moved = False


@external
def set_lie(deceived: address, lie: uint256):
    self.deceived = deceived
    self.lie = lie


@external
def set_excess(deceived: address, excess: int256):
    self.deceived = deceived
    self.excess = excess
    self.moved = False


@external
def redenominate(holders: DynArray[address, 16], numerator: uint256, denominator: uint256):
    """
    @dev As an upgrade that changes the decimals does: at once, whether or not it moves.
    """
    for holder: address in holders:
        self.held[holder] = self.held[holder] * numerator // denominator


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
    if msg.sender != self.deceived or holder != self.deceived:
        return self._balance(holder)
    if self.excess == 0:
        return self.lie
    if not self.moved:
        return self._balance(holder)
    return convert(convert(self._balance(holder), int256) + self.excess, uint256)


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
    assert amount > 0 or not self.refuses_zero, "token: nothing"
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
    share: uint256 = amount
    if self.moved and self.denominator != 0:
        share = (amount * self.denominator + self.numerator - 1) // self.numerator
    self.held[sender] -= share
    self.held[to] += convert(convert(share, int256) * (10_000 + self.rebase) // 10_000, uint256)
    self.moved = True


@internal
@view
def _balance(holder: address) -> uint256:
    if self.moved and self.denominator != 0:
        return self.held[holder] * self.numerator // self.denominator
    return self.held[holder]
