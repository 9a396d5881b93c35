# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Bundles
@license MIT
@notice The general program: groups of routes, each group under one funding, all in one transaction or none.
@dev Words behind the selector, from the top:

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
     its routes are compared before anything is borrowed. If a guard does not hold, a tolerant route is left out. Nothing is
     written before a route's first two guards have held: most races are lost there.
"""

import callback
import derivation
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

VERSION: constant(uint256) = 4
MAX_GROUPS: constant(uint256) = 8

TIME_MASK: constant(uint256) = 2**40 - 1
AMOUNT_MASK: constant(uint256) = 2**88 - 1
_ZEROS_OF_HEADER: constant(uint256) = (2**184 - 1) << 8
_BYTE_MASK: constant(uint256) = 2**8 - 1


# Where the words behind the header and the first group begin in the calldata.
_START: constant(uint256) = 68

# In place of where a route ends, if it is left out: with this bit.
_LEFT_OUT: constant(uint256) = 2**255


@internal
def _run(header: uint256, first: uint256):
    """
    @dev Throws unless each profit token's balance grew by the minima of the routes that ran.
    @param first The first group.
    """
    if header >> 232 != VERSION or block.timestamp > header >> 192 & TIME_MASK:
        self._check_header(header)
    assert header & _ZEROS_OF_HEADER == 0
    # The profit tokens that are touched, a bit each; what was held of them before, and the sums of the minimum profits of the
    # routes that ran.
    touched: uint256 = 0
    before: uint256[profit.MAX_PROFIT_TOKENS] = empty(uint256[profit.MAX_PROFIT_TOKENS])
    minima: uint256[profit.MAX_PROFIT_TOKENS] = empty(uint256[profit.MAX_PROFIT_TOKENS])
    ran: bool = False
    group: uint256 = first
    at: uint256 = _START
    for i: uint256 in range(header & _BYTE_MASK, bound=MAX_GROUPS):
        if i != 0:
            group = self._word(at)
            at = unsafe_add(at, 32)
        loans: uint256 = group >> 200 & _BYTE_MASK
        if group >> 208 == loan.NOBODY:
            assert group == 1 << 192
        else:
            assert unsafe_sub(loans, 1) < loan.MAX_LOANS
        routes: uint256 = group >> 192 & _BYTE_MASK
        loans_at: uint256 = at
        at = unsafe_add(at, unsafe_mul(32, loans))
        count: uint256 = 0
        place: uint256 = 0
        amount: uint256 = 0
        for _: uint256 in range(routes, bound=route.MAX_ROUTES):
            word: uint256 = self._word(at)
            at = self._load_route(word, unsafe_add(at, 32), place)
            if at & _LEFT_OUT != 0:
                at = at ^ _LEFT_OUT
                continue
            amount = word & AMOUNT_MASK
            if routes != 1:
                route._routes[count] = amount << 8 | place
            count = unsafe_add(count, 1)
            place = unsafe_add(place, unsafe_add(word >> 192 & _BYTE_MASK, 1))
            token: uint256 = word >> 200
            if touched >> token & 1 == 0:
                touched |= 1 << token
                before[token] = erc20._balance(profit._token(token))
            minima[token] += word >> 88 & AMOUNT_MASK
        if count == 0:
            continue
        # Only now: a race that is lost at a guard does not pay for looking at balances.
        lent: uint256 = 0
        lent_amount: uint256 = 0
        for j: uint256 in range(loans, bound=loan.MAX_LOANS):
            word: uint256 = self._word(unsafe_add(loans_at, unsafe_mul(32, j)))
            token: uint256 = word >> 88
            lent = profit._token(token)
            lent_amount = word & AMOUNT_MASK
            if loans != 1:
                loan._tokens[j] = lent
                loan._amounts[j] = lent_amount
            if touched >> token & 1 == 0:
                touched |= 1 << token
                before[token] = erc20._balance(lent)
        if not ran:
            # The guards have held; whatever follows is paid for only by those who may.
            roles._check_operator()
            callback._check_idle()
            ran = True
        if loans == 0:
            route._open(route._hops[0], route._hops[1], route._tokens[0], amount)
        else:
            purpose: uint256 = callback.LOAN_OF_ONE_ROUTE
            if routes != 1 or lent_amount != amount or loans != 1:
                purpose = callback.LOAN
                route._count = count
                if routes == 1:
                    route._routes[0] = amount << 8
            if loans == 1:
                loan._borrow_one(group >> 208, group & (2**192 - 1), purpose, lent, lent_amount)
            else:
                loan._borrow(group >> 208, group & (2**192 - 1), loans)
        callback._check_delivered()

    assert ran, "bundle: no route ran"
    assert at == len(msg.data), "bundle: calldata is not the program alone"
    for i: uint256 in range(profit.MAX_PROFIT_TOKENS):
        if touched >> i == 0:
            break
        if touched >> i & 1 != 0:
            profit._take(profit._token(i), before[i], minima[i])
    callback._permission = callback.IDLE


@internal
@view
def _check_header(header: uint256):
    """
    @param header Version (24 bits) | deadline (40) | more (192).
    """
    assert header >> 232 == VERSION, "executor: unknown version"
    assert block.timestamp <= header >> 192 & TIME_MASK, "executor: deadline passed"


@internal
def _load_route(header: uint256, start: uint256, place: uint256) -> uint256:
    """
    @dev Resolves a route's hops and writes them from a place on.
    @param start Where its guards begin in the program.
    @return Where the route ends; with a bit that says so if its guards do not hold.
    """
    hops: uint256 = header >> 192 & _BYTE_MASK
    guards: uint256 = header >> 184 & _BYTE_MASK
    assert hops > 1 and guards <= hops
    token_in: uint256 = profit._token(header >> 200)
    flags: uint256 = header >> 200 << 40
    if header >> 176 & _BYTE_MASK != 0:
        assert header >> 176 & _BYTE_MASK == 1
        flags |= hop.TOLERANT
    token: uint256 = token_in
    guard_at: uint256 = start
    at: uint256 = unsafe_add(start, unsafe_mul(32, guards))
    end_of_guards: uint256 = at
    left_out: uint256 = 0
    # What is written once the next hop's guard has held, too.
    before: uint256 = 0
    token_before: uint256 = 0
    for i: uint256 in range(hops, bound=route.MAX_HOPS):
        word: uint256 = self._word(at)
        at = unsafe_add(at, 32)
        token_out: uint256 = word << 96 >> 96
        if unsafe_add(i, 1) == hops:
            assert token_out == 0
            token_out = token
            flags |= hop.LAST
        guard: uint256 = 0
        if guard_at != end_of_guards:
            guard = self._word(guard_at)
            guard_at = unsafe_add(guard_at, 32)
        resolved: uint256 = 0
        if word >> 184 < uniswap_v4.KIND:
            resolved = derivation._resolve(word, token_in, token_out, guard, flags)
        else:
            extra: uint256 = self._word(at)
            at = unsafe_add(at, 32)
            resolved = route._resolve_held(word, extra, token_in, token_out, guard, flags)
            route._extras[unsafe_add(place, i)] = extra
        if resolved == 0 or left_out != 0:
            left_out = _LEFT_OUT
            guard_at = end_of_guards
            resolved = 0
        if before != 0:
            route._hops[unsafe_add(place, unsafe_sub(i, 1))] = before
            route._tokens[unsafe_add(place, unsafe_sub(i, 1))] = token_before
        before = resolved
        token_before = token_in
        token_in = token_out
    if before != 0:
        route._hops[unsafe_add(place, unsafe_sub(hops, 1))] = before
        route._tokens[unsafe_add(place, unsafe_sub(hops, 1))] = token_before
        route._tokens[unsafe_add(place, hops)] = token
    return at | left_out


@internal
@view
def _word(at: uint256) -> uint256:
    """
    @return The word that begins there in the calldata.
    """
    return convert(slice(msg.data, at, 32), uint256)
