# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Routes
@license MIT
@notice A route is a cycle of swaps: it starts and ends with one token, and each hop swaps all that the one before delivered.
@dev The route being run stands in transient storage, every hop resolved. The callbacks find it there, so that nothing of
     it travels through the pools.
"""

import callback
import erc20
import hop
from pools import uniswap_v2
from pools import uniswap_v3

uses: uniswap_v2
uses: uniswap_v3

MAX_HOPS: constant(uint256) = 4

# Each hop, resolved.
_hops: transient(uint256[MAX_HOPS])

# The token that goes into each hop.
_tokens: transient(uint256[MAX_HOPS])

# How many hops there are, and what goes into the first.
_count: transient(uint256)
_amount_in: transient(uint256)


@internal
@pure
def _resolve(word: uint256, token_in: uint256, token_out: uint256) -> uint256:
    """
    @dev Throws if the kind is unknown. It is, too, if any bit above it is set.
    @param word The hop in the program: zeros (64 bits) | kind (8) | parameter (24) | token out (160).
    """
    kind: uint256 = word >> 184
    parameter: uint256 = word >> 160 & hop.PARAMETER_MASK
    if kind < uniswap_v2.UNISWAP:
        return uniswap_v3._resolve(kind, parameter, token_in, token_out)
    return uniswap_v2._resolve(kind, parameter, token_in, token_out)


@internal
@view
def _state(resolved: uint256) -> uint256:
    """
    @return What a state guard bounds: a V3 pool's price, a V2 pair's first reserve.
    """
    pool: address = convert(resolved & hop.ADDRESS_MASK, address)
    if resolved >= hop.PREPAID:
        return uniswap_v2._state(pool)
    return uniswap_v3._state(pool)


@internal
def _begin(token: uint256, resolved: uint256, count: uint256, amount_in: uint256):
    """
    @dev Starts a route with its first hop; the rest is appended.
    """
    self._tokens[0] = token
    self._hops[0] = resolved
    self._count = count
    self._amount_in = amount_in


@internal
def _append(i: uint256, token_in: uint256, resolved: uint256):
    self._tokens[i] = token_in
    self._hops[i] = resolved


@internal
def _open(amount: uint256):
    """
    @dev Swaps the first hop without having its input: the pool sends first, and is paid in its callback.
    """
    first: uint256 = self._hops[0]
    if first >= hop.PREPAID:
        uniswap_v2._flash_swap(first, amount)
    else:
        uniswap_v3._swap(first, callback.UNISWAP_V3_FLASH_SWAP, amount, self._recipient(self._hops[1]))


@internal
def _walk(start: uint256, amount_in: uint256, held: bool):
    """
    @dev Swaps from hop `start` to the last.
    @param held Whether the executor holds `amount_in`; else it was sent to the pool of that hop if this is prepaid.
    """
    amount: uint256 = amount_in
    paid: bool = not held
    current: uint256 = self._hops[start]
    count: uint256 = self._count
    for i: uint256 in range(start, count, bound=MAX_HOPS):
        following: uint256 = 0
        recipient: address = self
        if i + 1 < count:
            following = self._hops[i + 1]
            recipient = self._recipient(following)

        if current >= hop.PREPAID:
            if not paid:
                erc20._transfer(self._tokens[i], convert(current & hop.ADDRESS_MASK, address), amount)
            amount = uniswap_v2._swap(current, amount, recipient)
        else:
            amount = uniswap_v3._swap(current, i, amount, recipient)

        paid = recipient != self
        current = following


@internal
@view
def _recipient(following: uint256) -> address:
    """
    @return Who is sent the output that goes into this hop: the pool if it is prepaid, else the executor.
    """
    if following >= hop.PREPAID:
        return convert(following & hop.ADDRESS_MASK, address)
    return self
