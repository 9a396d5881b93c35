# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Roles
@license MIT
@notice The owner appoints; operators execute; the guardian can only stop: pause, or dismiss an operator.
@dev The pause is folded into each operator's status, so that `execute` reads one storage slot.
"""

MAX_OPERATORS: constant(uint256) = 8

ACTIVE: constant(uint256) = 1
_SUSPENDED: constant(uint256) = 2

event OwnershipTransferStarted:
    owner: indexed(address)
    pending_owner: indexed(address)


event OwnershipTransferred:
    previous_owner: indexed(address)
    owner: indexed(address)


event GuardianChanged:
    guardian: indexed(address)


event OperatorAdded:
    operator: indexed(address)


event OperatorRemoved:
    operator: indexed(address)


event Paused:
    by: indexed(address)


event Unpaused:
    by: indexed(address)


# Appoints everybody else.
owner: public(address)

# Becomes the owner by accepting.
pending_owner: public(address)

# Can stop, not start.
guardian: public(address)

# Whether no operator may execute.
paused: public(bool)

# Every operator, at most once.
_operators: DynArray[address, MAX_OPERATORS]

# Zero for strangers, else `ACTIVE`, or while paused `_SUSPENDED`.
_status: HashMap[address, uint256]


@deploy
def __init__(owner: address, guardian: address, operators: DynArray[address, MAX_OPERATORS]):
    """
    @param owner Not zero.
    @param guardian May be zero: then only the owner can pause.
    """
    assert owner != empty(address), "roles: owner is zero"
    self.owner = owner
    log OwnershipTransferred(previous_owner=empty(address), owner=owner)
    self.guardian = guardian
    log GuardianChanged(guardian=guardian)
    for operator: address in operators:
        self._add_operator(operator)


@external
@view
def operators() -> DynArray[address, MAX_OPERATORS]:
    """
    @notice Who may execute while the executor is not paused.
    """
    return self._operators


@external
def transfer_ownership(new_owner: address):
    """
    @notice Offers the ownership; a new offer replaces the last one, zero withdraws it.
    """
    self._check_owner()
    self.pending_owner = new_owner
    log OwnershipTransferStarted(owner=self.owner, pending_owner=new_owner)


@external
def accept_ownership():
    """
    @notice Takes the offered ownership.
    """
    assert msg.sender == self.pending_owner, "roles: caller is not the pending owner"
    log OwnershipTransferred(previous_owner=self.owner, owner=msg.sender)
    self.owner = msg.sender
    self.pending_owner = empty(address)


@external
def set_guardian(new_guardian: address):
    """
    @notice Appoints the guardian; zero leaves the post empty.
    """
    self._check_owner()
    self.guardian = new_guardian
    log GuardianChanged(guardian=new_guardian)


@external
def add_operator(operator: address):
    """
    @notice Appoints an operator; while paused he has to wait for the owner to unpause.
    """
    self._check_owner()
    self._add_operator(operator)


@external
def remove_operator(operator: address):
    """
    @notice Dismisses an operator.
    """
    self._check_owner_or_guardian()
    assert self._status[operator] != 0, "roles: not an operator"
    self._status[operator] = 0
    last: address = self._operators.pop()
    if last != operator:
        for i: uint256 in range(len(self._operators), bound=MAX_OPERATORS):
            if self._operators[i] == operator:
                self._operators[i] = last
                break
    log OperatorRemoved(operator=operator)


@external
def pause():
    """
    @notice Suspends every operator.
    """
    self._check_owner_or_guardian()
    self.paused = True
    self._set_status(_SUSPENDED)
    log Paused(by=msg.sender)


@external
def unpause():
    """
    @notice Lets the operators execute again.
    """
    self._check_owner()
    self.paused = False
    self._set_status(ACTIVE)
    log Unpaused(by=msg.sender)


@internal
@view
def _check_owner():
    assert msg.sender == self.owner, "roles: caller is not the owner"


@internal
@view
def _check_owner_or_guardian():
    assert msg.sender in [self.owner, self.guardian], "roles: caller is neither owner nor guardian"


@internal
@view
def _check_operator():
    status: uint256 = self._status[msg.sender]
    if status != ACTIVE:
        assert status == _SUSPENDED, "roles: caller is not an operator"
        raise "roles: paused"


@internal
def _add_operator(operator: address):
    assert operator != empty(address), "roles: operator is zero"
    assert self._status[operator] == 0, "roles: already an operator"
    assert len(self._operators) < MAX_OPERATORS, "roles: too many operators"
    self._operators.append(operator)
    status: uint256 = ACTIVE
    if self.paused:
        status = _SUSPENDED
    self._status[operator] = status
    log OperatorAdded(operator=operator)


@internal
def _set_status(status: uint256):
    for operator: address in self._operators:
        self._status[operator] = status
