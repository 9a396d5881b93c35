# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Callback guard
@license MIT
@notice Who may call the executor back now, about what amount, and only once.
@dev One transient word is both the guard and the re-entrancy lock:

         0                                   idle: nobody runs
         1                                   running: nobody may call back
         caller (160 bits) | purpose (8) | amount (88)
                                             running: `caller` may call back once, for this purpose and amount

     The word is set immediately before each call that is answered by a callback and spent by that callback before it
     does anything else, so that calls may nest but a permission is never valid twice. Transient storage outlives
     `execute` (it lasts for the transaction), therefore it is cleared at the end.

     The amount is bound by its low 88 bits. The callers are authentic pools and lenders; the binding is the second line
     of defence.
"""

# What a callback is for, where it is not just to pay or to swap at the hop of that place.
LOAN: constant(uint256) = 255
LOAN_OF_ONE_ROUTE: constant(uint256) = 254
UNISWAP_V2_FLASH_SWAP: constant(uint256) = 253
UNISWAP_V3_FLASH_SWAP: constant(uint256) = 252
UNISWAP_V3_LAST_FIRST: constant(uint256) = 251
# This and a place: to pay the hop there, which is its route's last, so that nobody asks what it sent.
UNISWAP_V3_LAST: constant(uint256) = 32

# Nobody runs; nobody may call back.
IDLE: constant(uint256) = 0
RUNNING: constant(uint256) = 1
_PURPOSE_MASK: constant(uint256) = 2**8 - 1
AMOUNT_MASK: constant(uint256) = 2**88 - 1

# The permission, as above.
_permission: transient(uint256)


@internal
@view
def _check_idle():
    """
    @dev Throws while the executor is running. The lock is the first permission, before which only views are called.
    """
    assert self._permission == IDLE, "callback: executor is running"


@internal
@view
def _check_delivered():
    """
    @dev Throws if a permission was not used: a venue returned without calling back.
    """
    assert self._permission == RUNNING, "callback: not delivered"


@internal
def _expect(caller: uint256, purpose: uint256, amount: uint256):
    """
    @dev Permits one callback.
    @param purpose The hop that is to be paid, or one of the constants above.
    @param amount What the callback must name.
    """
    self._permission = caller << 96 | purpose << 88 | amount & AMOUNT_MASK


@internal
def _consume(amount: uint256) -> uint256:
    """
    @dev Throws unless `msg.sender` may call back about `amount`, then spends the permission.
    @return The purpose that `_expect` was told.
    """
    permission: uint256 = self._permission
    assert permission >> 96 == convert(msg.sender, uint256), "callback: unexpected caller"
    assert permission & AMOUNT_MASK == amount & AMOUNT_MASK, "callback: unexpected amount"
    self._permission = RUNNING
    return permission >> 88 & _PURPOSE_MASK


@internal
def _consume_loan(amount: uint256) -> uint256:
    """
    @dev As `_consume`; throws, too, unless the permission was a lender's.
    """
    purpose: uint256 = self._consume(amount)
    assert purpose >= LOAN_OF_ONE_ROUTE, "callback: not a loan"
    return purpose
