# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Bundles
@license MIT
@notice The general program: groups of routes, each group under one funding, all in one transaction or none.
@dev Words, from the top:

         header   version (24 bits) | deadline (40) | zeros (184) | groups (8)

     and for each group

         group    zeros (40) | lender (8) | loans (8) | routes (8) | what the lender is told (192)
         loans    each zeros (160) | place of the token (8) | amount (88)
         routes   each zeros (48) | place of the profit token (8) | hops (8) | guards (8) | tolerant (8)
                  | minimum profit (88) | amount in (88); then its guards, then its hops

     A guard is a lower bound (128) | an upper bound (128) of the state of the hop's pool, zero for none; the first guard
     is of the first hop. A hop is zeros (64) | kind (8) | parameter (24) | token out (160), zero for the last; those of
     kind 48 and above have a second word.

     Without a lender a group has one route, whose guards are compared just before it runs. With one, the guards of all
     its routes are compared before anything is borrowed. If a guard does not hold, a tolerant route is left out.
"""

import callback
import erc20
import hop
import loan
import profit
import roles
import route
from pools import uniswap_v4

uses: callback
uses: loan
uses: profit
uses: roles
uses: route

VERSION: constant(uint256) = 3
MAX_WORDS: constant(uint256) = 64
MAX_GROUPS: constant(uint256) = 8

TIME_MASK: constant(uint256) = 2**40 - 1
AMOUNT_MASK: constant(uint256) = 2**88 - 1
_ZEROS_OF_HEADER: constant(uint256) = (2**184 - 1) << 8
_BYTE_MASK: constant(uint256) = 2**8 - 1


# The places of the profit tokens that are touched, a bit each; what was held of them before, and the sums of the minimum
# profits of the routes that ran.
_touched: transient(uint256)
_before: transient(uint256[profit.MAX_PROFIT_TOKENS])
_minima: transient(uint256[profit.MAX_PROFIT_TOKENS])


@internal
def _run(length: uint256):
    """
    @dev Throws unless each profit token's balance grew by the minima of the routes that ran.
    @param length Of the program, in words.
    """
    header: uint256 = self._word(0)
    self._check_header(header)
    assert header & _ZEROS_OF_HEADER == 0
    ran: bool = False
    at: uint256 = 1
    for _: uint256 in range(header & _BYTE_MASK, bound=MAX_GROUPS):
        group: uint256 = self._word(at)
        at = self._load(group, unsafe_add(at, 1))
        if route._count == 0:
            continue
        if not ran:
            # The guards have held; whatever follows is paid for only by those who may.
            roles._check_operator()
            callback._check_idle()
            ran = True
        if group >> 208 == loan.NOBODY:
            route._open(route._hops[0], route._hops[1], route._tokens[0], route._routes[0] >> 8)
        else:
            loan._borrow(group >> 208, group & (2**192 - 1))
        callback._check_delivered()

    assert ran, "bundle: no route ran"
    assert at == length
    for i: uint256 in range(profit.MAX_PROFIT_TOKENS):
        if self._touched >> i & 1 != 0:
            profit._take(profit._token(i), self._before[i], self._minima[i])
    self._touched = 0
    callback._leave()


@internal
@view
def _check_header(header: uint256):
    """
    @param header Version (24 bits) | deadline (40) | more (192).
    """
    assert header >> 232 == VERSION, "executor: unknown version"
    assert block.timestamp <= header >> 192 & TIME_MASK, "executor: deadline passed"


@internal
def _load(group: uint256, start: uint256) -> uint256:
    """
    @dev Writes a group's loans, and the routes whose guards hold, where they are run from.
    @param start Where its loans begin in the program.
    @return Where the group ends.
    """
    loans: uint256 = group >> 200 & _BYTE_MASK
    routes: uint256 = group >> 192 & _BYTE_MASK
    if group >> 208 == loan.NOBODY:
        assert group == 1 << 192
    else:
        assert loans != 0
    at: uint256 = start
    loan._count = loans
    for i: uint256 in range(loans, bound=loan.MAX_LOANS):
        word: uint256 = self._word(at)
        loan._tokens[i] = profit._token(word >> 88)
        loan._amounts[i] = word & AMOUNT_MASK
        at = unsafe_add(at, 1)
    place: uint256 = 0
    route._count = 0
    for _: uint256 in range(routes, bound=route.MAX_ROUTES):
        word: uint256 = self._word(at)
        holds: bool = False
        at, holds = self._load_route(word, unsafe_add(at, 1), place)
        if holds:
            self._touch(word >> 200, word >> 88 & AMOUNT_MASK)
            route._routes[route._count] = (word & AMOUNT_MASK) << 8 | place
            route._count = unsafe_add(route._count, 1)
            place = unsafe_add(place, unsafe_add(word >> 192 & _BYTE_MASK, 1))
    # Only now: a race that is lost at a guard does not pay for looking at balances.
    if route._count != 0:
        for i: uint256 in range(loans, bound=loan.MAX_LOANS):
            self._touch(self._word(unsafe_add(start, i)) >> 88, 0)
    return at


@internal
def _load_route(header: uint256, start: uint256, place: uint256) -> (uint256, bool):
    """
    @dev Resolves a route's hops and writes them from a place on.
    @param start Where its guards begin in the program.
    @return Where the route ends, and whether its guards hold.
    """
    hops: uint256 = header >> 192 & _BYTE_MASK
    guards: uint256 = header >> 184 & _BYTE_MASK
    assert hops > 1 and guards <= hops
    assert header >> 176 & _BYTE_MASK < 2
    token: uint256 = profit._token(header >> 200)
    token_in: uint256 = token
    at: uint256 = unsafe_add(start, guards)
    holds: bool = True
    for i: uint256 in range(hops, bound=route.MAX_HOPS):
        word: uint256 = self._word(at)
        at = unsafe_add(at, 1)
        extra: uint256 = 0
        if word >> 184 >= uniswap_v4.KIND:
            extra = self._word(at)
            at = unsafe_add(at, 1)
        token_out: uint256 = hop._token(word)
        last: uint256 = 0
        if unsafe_add(i, 1) == hops:
            assert token_out == 0
            token_out = token
            last = hop.LAST
        resolved: uint256 = last | route._resolve_any(word, extra, token_in, token_out)
        if holds and i < guards:
            holds = route._holds(resolved, extra, token_in, token_out, self._word(unsafe_add(start, i)))
        if holds:
            route._set(unsafe_add(place, i), resolved | header >> 200 << 40, token_in, extra)
        token_in = token_out
    if holds:
        route._set(unsafe_add(place, hops), 0, token, 0)
    else:
        assert header >> 176 & 1 != 0, "bundle: state out of bounds"
    return at, holds


@internal
def _touch(place: uint256, minimum: uint256):
    """
    @dev A profit token whose balance may change is looked at before it does.
    @param minimum What it has to grow by, besides what it had to already.
    """
    if self._touched >> place & 1 == 0:
        self._touched |= 1 << place
        self._before[place] = erc20._balance(profit._token(place))
        self._minima[place] = minimum
    else:
        self._minima[place] += minimum


@internal
@view
def _word(place: uint256) -> uint256:
    """
    @return A word of the program, which stands in the calldata behind the selector, its offset and its length.
    """
    return convert(slice(msg.data, unsafe_add(68, unsafe_mul(32, place)), 32), uint256)
