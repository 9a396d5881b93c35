# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Loans
@license MIT
@notice What a group of routes is lent, by whom, and how it is paid back.
@dev The loans stand in transient storage, so that the callbacks find them.
"""

import callback
from lenders import aave_v3
from lenders import balancer_v2
from lenders import morpho
from lenders import uniswap_v3
from pools import balancer_v3
from pools import uniswap_v4

uses: aave_v3
uses: balancer_v2
uses: balancer_v3
uses: morpho
uses: uniswap_v3
uses: uniswap_v4

MAX_LOANS: constant(uint256) = 4

NOBODY: constant(uint256) = 0
BALANCER_V3: constant(uint256) = 4
UNISWAP_V4: constant(uint256) = 5

# How many loans there are, of what, and how much.
_count: transient(uint256)
_tokens: transient(uint256[MAX_LOANS])
_amounts: transient(uint256[MAX_LOANS])

# Uniswap V4: whether ether is lent in place of WETH.
_extra: transient(uint256)


@internal
def _borrow_one(lender: uint256, word: uint256, purpose: uint256, token: uint256, amount: uint256):
    """
    @dev Returns when the loan is paid back; what it is for has run in between, in the lender's callback.
    @param word What else the lender is to be told; zero for most.
    @param purpose Of the callback.
    """
    if lender == balancer_v2.KIND:
        assert word == 0
        balancer_v2._borrow_one(purpose, token, amount)
        return
    self._tokens[0] = token
    if lender == aave_v3.KIND:
        assert word == 0
        aave_v3._borrow(purpose, token, amount)
    elif lender == morpho.KIND:
        assert word == 0
        morpho._borrow(purpose, token, amount)
    elif lender == uniswap_v3.KIND:
        self._amounts[0] = amount
        uniswap_v3._borrow(word, purpose, token, amount)
    else:
        self._amounts[0] = amount
        self._count = 1
        self._unlock(lender, word, purpose)


@internal
def _borrow(lender: uint256, word: uint256, count: uint256):
    """
    @dev As `_borrow_one`, of more tokens than one, which are written down already.
    """
    self._count = count
    if lender == balancer_v2.KIND:
        assert word == 0
        tokens: DynArray[address, MAX_LOANS] = []
        amounts: DynArray[uint256, MAX_LOANS] = []
        for i: uint256 in range(count, bound=MAX_LOANS):
            tokens.append(convert(self._tokens[i], address))
            amounts.append(self._amounts[i])
        balancer_v2._borrow(tokens, amounts)
    else:
        self._unlock(lender, word, callback.LOAN)


@internal
def _unlock(lender: uint256, word: uint256, purpose: uint256):
    """
    @dev What these lend is drawn and paid back while they are unlocked.
    """
    if lender == UNISWAP_V4:
        assert word in [0, uniswap_v4.NATIVE]
        self._extra = word
        uniswap_v4._unlock(purpose)
    else:
        assert lender == BALANCER_V3 and word == 0
        balancer_v3._unlock(purpose)


@internal
def _draw_from_balancer_v3():
    """
    @dev The Vault is unlocked, and stays so for the routes.
    """
    balancer_v3._unlocked = True
    for i: uint256 in range(self._count, bound=MAX_LOANS):
        balancer_v3._draw(self._tokens[i], self, self._amounts[i])


@internal
def _repay_balancer_v3():
    balancer_v3._unlocked = False
    for i: uint256 in range(self._count, bound=MAX_LOANS):
        balancer_v3._pay(self._tokens[i], self._amounts[i])


@internal
def _draw_from_uniswap_v4():
    """
    @dev The PoolManager is unlocked, and stays so for the routes.
    """
    uniswap_v4._unlocked = True
    for i: uint256 in range(self._count, bound=MAX_LOANS):
        uniswap_v4._draw(self._tokens[i], self._extra, self, self._amounts[i])


@internal
def _repay_uniswap_v4():
    uniswap_v4._unlocked = False
    for i: uint256 in range(self._count, bound=MAX_LOANS):
        uniswap_v4._pay(self._tokens[i], self._extra, self._amounts[i])
