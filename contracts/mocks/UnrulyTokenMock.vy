# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token with whims: it pauses, bans, burns gas, shouts, refuses zero, lies about balances, or grows and shrinks
"""

allowance: public(HashMap[address, HashMap[address, uint256]])

is_paused: bool
burns_gas: bool
refuses_zero: bool
words: Bytes[65536]
banned: address
liar_to: address
lie: int256
moved: bool

# After its first move every balance is multiplied by a share.
shares: HashMap[address, uint256]
numerator: uint256
denominator: uint256


@deploy
def __init__():
    self.numerator = 1
    self.denominator = 1


@external
def set_paused(is_paused: bool):
    self.is_paused = is_paused


@external
def set_burns_gas(burns_gas: bool):
    self.burns_gas = burns_gas


@external
def set_refuses_zero(refuses_zero: bool):
    self.refuses_zero = refuses_zero


@external
def set_words(words: Bytes[65536]):
    """
    @dev It reverts with them.
    """
    self.words = words


@external
def set_banned(banned: address):
    self.banned = banned


@external
def set_lie(liar_to: address, lie: int256):
    """
    @dev What it tells somebody that he has more than he has, once it has moved.
    """
    self.liar_to = liar_to
    self.lie = lie
    self.moved = False


@external
def set_rebase(numerator: uint256, denominator: uint256):
    """
    @dev From the first move on.
    """
    self.numerator = numerator
    self.denominator = denominator
    self.moved = False


@external
def mint(to: address, amount: uint256):
    self.shares[to] += amount


@external
@view
def balanceOf(holder: address) -> uint256:
    if holder == self.liar_to and msg.sender == holder and self.moved:
        return convert(convert(self._balance(holder), int256) + self.lie, uint256)
    return self._balance(holder)


@external
def transfer(to: address, amount: uint256) -> bool:
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    self.allowance[sender][msg.sender] -= amount
    self._move(sender, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    assert amount != 0 or not self.refuses_zero, "token: zero"
    self.allowance[msg.sender][spender] = amount
    return True


@internal
def _move(sender: address, to: address, amount: uint256):
    assert not self.is_paused, "token: paused"
    assert self.banned not in [sender, to], "token: banned"
    assert amount != 0 or not self.refuses_zero, "token: zero"
    if self.burns_gas:
        raise UNREACHABLE
    if len(self.words) > 0:
        raw_revert(self.words)
    share: uint256 = amount
    if self.moved:
        share = (amount * self.denominator + self.numerator - 1) // self.numerator
    self.shares[sender] -= share
    self.shares[to] += share
    self.moved = True


@internal
@view
def _balance(holder: address) -> uint256:
    if self.moved:
        return self.shares[holder] * self.numerator // self.denominator
    return self.shares[holder]
