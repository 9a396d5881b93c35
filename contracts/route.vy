# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Routes
@license MIT
@notice A route is a cycle of swaps: it starts and ends with one token, and each hop swaps all that the one before delivered.
@dev The routes being run stand in transient storage, every hop resolved. The callbacks find them there, so that nothing
     of them travels through the pools. What an earlier program of the same transaction left there is never read: a hop
     is marked if it is the last, and what is behind the count of routes is not run.
"""

import callback
import derivation
import erc20
import hop
from pools import balancer_v2
from pools import balancer_v3
from pools import curve
from pools import uniswap_v2
from pools import uniswap_v3
from pools import uniswap_v4

uses: balancer_v3
uses: callback
uses: curve
uses: uniswap_v2
uses: uniswap_v3
uses: uniswap_v4

interface ISelf:
    def swap_held(place: uint256, amount: uint256, recipient: address) -> uint256: nonpayable


MAX_HOPS: constant(uint256) = 8
MAX_ROUTES: constant(uint256) = 8
# A route takes one place more than it has hops.
MAX_PLACES: constant(uint256) = 24

# Each hop, resolved.
_hops: transient(uint256[MAX_PLACES])

# The token that goes into each hop; behind a route's last hop the token that comes out of it.
_tokens: transient(uint256[MAX_PLACES])

# The second word of each hop whose pool is held.
_extras: transient(uint256[MAX_PLACES])

# The routes that a loan is for: amount in (248 bits) | place of the first hop (8).
_routes: transient(uint256[MAX_ROUTES])
_count: transient(uint256)

# What goes into a route that a V2 pair opens.
_amount_in: transient(uint256)

# What goes into the hop that an unlocked Vault or PoolManager is called back for, and to whom it sends.
_amount: transient(uint256)
_recipient: transient(address)

# What the last hop that called back sent.
_delivered: transient(uint256)


@internal
@view
def _resolve_held(
    word: uint256, extra: uint256, token_in: uint256, token_out: uint256, guard: uint256, flags: uint256
) -> uint256:
    """
    @dev As the derivation, of pools that take from the executor. Bound is what they have of the token that goes in; of
         Uniswap V4's, as of V3's, the price.
    @param extra The second word of the hop in the program.
    """
    kind: uint256 = word >> 184
    resolved: uint256 = 0
    if kind == curve.KIND:
        resolved = curve._resolve(word, extra)
    elif kind == uniswap_v4.KIND:
        resolved = uniswap_v4._resolve(word, extra)
    elif kind == balancer_v2.KIND:
        resolved = balancer_v2._resolve(word)
    else:
        assert kind == balancer_v3.KIND, "route: unknown kind of hop"
        resolved = balancer_v3._resolve(word, extra)

    if guard != 0:
        state: uint256 = 0
        if kind == curve.KIND:
            state = curve._state(resolved)
        elif kind == uniswap_v4.KIND:
            state = uniswap_v4._price(resolved, extra, token_in, token_out) >> 32
        elif kind == balancer_v2.KIND:
            state = balancer_v2._state(extra, token_in)
        else:
            state = balancer_v3._state(resolved)
        if state < guard >> 128 or state > guard & (2**128 - 1):
            assert flags & hop.TOLERANT != 0, "route: state out of bounds"
            return 0
    return resolved | flags


@internal
def _open(first: uint256, second: uint256, token: uint256, amount: uint256):
    """
    @dev Runs a route without a loan: its first pool, or of two its last, sends before it is paid, and the rest of the
         route runs in its callback. The hops stand in transient storage, but for the first where it is given here.
    """
    if first & (hop.PREPAID | hop.HELD) == 0:
        recipient: address = self
        if second & hop.PREPAID != 0:
            recipient = convert(second >> 96, address)
        uniswap_v3._swap(first, callback.UNISWAP_V3_FLASH_SWAP, amount, recipient)
        return
    assert first & hop.HELD == 0, "route: its first pool does not send first"
    self._amount_in = amount
    amount_out: uint256 = uniswap_v2._quote(first, token, amount)
    if second & (hop.PREPAID | hop.HELD | hop.LAST) == hop.LAST:
        # The V3 pool sends first what the pair is paid with; the pair pays the pool.
        self._hops[0] = first
        uniswap_v3._swap(second, callback.UNISWAP_V3_LAST_FIRST, amount_out, self)
    else:
        uniswap_v2._flash_swap(first, amount_out)


@internal
def _run_lent(purpose: uint256, amount: uint256):
    """
    @dev Runs the routes that the loan is for; the executor holds what goes into them.
    @param purpose Of the callback: if the loan is of one route, it is all that goes into that.
    """
    if purpose == callback.LOAN_OF_ONE_ROUTE:
        self._walk(0, amount, True)
        return
    for i: uint256 in range(self._count, bound=MAX_ROUTES):
        word: uint256 = self._routes[i]
        self._walk(word & 255, word >> 8, True)


@internal
def _walk(start: uint256, amount_in: uint256, held: bool):
    """
    @dev Swaps from hop `start` to the route's last.
    @param held Whether the executor holds `amount_in`; else it was sent to the pool of that hop if this is prepaid.
    """
    i: uint256 = start
    amount: uint256 = amount_in
    paid: bool = not held
    current: uint256 = self._hops[i]
    for _: uint256 in range(MAX_HOPS):
        following: uint256 = 0
        recipient: address = self
        if current & hop.LAST == 0:
            following = self._hops[unsafe_add(i, 1)]
            if following & hop.PREPAID != 0:
                recipient = convert(following >> 96, address)

        if current & hop.PREPAID != 0:
            token: uint256 = 0
            # A pair that was paid, and does not quote itself, does not need its token.
            if not paid or current & hop.QUOTES != 0:
                token = self._tokens[i]
                if not paid:
                    erc20._pay(token, convert(current >> 96, address), amount)
            amount = uniswap_v2._swap(current, token, amount, recipient)
        elif current & hop.HELD != 0:
            # A call, because all callers' memory lies behind that of the functions they may call, and this one takes much.
            amount = extcall ISelf(self).swap_held(i, amount, recipient, skip_contract_check=True)
        elif current & hop.LAST != 0:
            uniswap_v3._swap(current, unsafe_add(callback.UNISWAP_V3_LAST, i), amount, recipient)
            callback._check_delivered()
        else:
            uniswap_v3._swap(current, i, amount, recipient)
            # Else the next hop's permission would hide that no pool stood there.
            callback._check_delivered()
            amount = self._delivered
        if current & hop.LAST != 0:
            break
        paid = following & hop.PREPAID != 0
        current = following
        i = unsafe_add(i, 1)


@internal
def _swap_held(i: uint256, amount: uint256, recipient: address) -> uint256:
    """
    @dev Swaps on a pool that takes from the executor.
    @return What the recipient was sent.
    """
    resolved: uint256 = self._hops[i]
    token_in: uint256 = self._tokens[i]
    token_out: uint256 = self._tokens[unsafe_add(i, 1)]
    kind: uint256 = hop._kind(resolved)
    if kind == curve.KIND:
        received: uint256 = curve._swap(resolved, token_in, token_out, amount)
        if recipient != self:
            erc20._pay(token_out, recipient, received)
        return received
    if kind == balancer_v2.KIND:
        return balancer_v2._swap(self._extras[i], token_in, token_out, amount, recipient)
    self._amount = amount
    self._recipient = recipient
    if kind == uniswap_v4.KIND:
        if uniswap_v4._unlocked:
            self._swap_unlocked(i)
        else:
            uniswap_v4._unlock(i)
    elif balancer_v3._unlocked:
        self._swap_unlocked(i)
    else:
        balancer_v3._unlock(i)
    return self._delivered


@internal
def _swap_unlocked(i: uint256):
    """
    @dev Swaps on a pool whose Vault or PoolManager is unlocked.
    """
    resolved: uint256 = self._hops[i]
    token_in: uint256 = self._tokens[i]
    token_out: uint256 = self._tokens[unsafe_add(i, 1)]
    if hop._kind(resolved) == uniswap_v4.KIND:
        self._delivered = uniswap_v4._swap(
            resolved, self._extras[i], token_in, token_out, self._amount, self._recipient
        )
    else:
        self._delivered = balancer_v3._swap(resolved, token_in, token_out, self._amount, self._recipient)
