# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Routes
@license MIT
@notice A route is a cycle of swaps: it starts and ends with one token, and each hop swaps all that the one before delivered.
@dev The route being run stands in transient storage, every hop resolved. The callbacks find it there, so that nothing of
     it travels through the pools. What an earlier route of the same transaction left there is never read: a hop is
     marked if it is the last.
"""

import callback
import erc20
import hop
from pools import uniswap_v2
from pools import uniswap_v3
from interfaces import IUniswapV2Pair
from interfaces import IUniswapV3Pool

uses: uniswap_v3

MAX_HOPS: constant(uint256) = 4

# Each hop, resolved.
_hops: transient(uint256[MAX_HOPS])

# The token that goes into each hop.
_tokens: transient(uint256[MAX_HOPS])

# What goes into a route that a V2 pair opens.
_amount_in: transient(uint256)


@internal
@pure
def _resolve(word: uint256, token_in: uint256, token_out: uint256) -> uint256:
    """
    @dev Throws if the kind is unknown. It is, too, if any bit above it is set.
    @param word The hop in the program: zeros (64 bits) | kind (8) | parameter (24) | token out (160).
    """
    if word < uniswap_v2.UNISWAP << 184:
        return uniswap_v3._resolve(word, token_in, token_out)
    return uniswap_v2._resolve(word, token_in, token_out)


@internal
@view
def _check_state(resolved: uint256, guard: uint256):
    """
    @dev Bounds the square root of a V3 pool's price in units of 2**-64, or the reserve of a V2 pair's first token.
    @param guard Lower bound (128 bits) | upper bound (128).
    """
    state: uint256 = 0
    if resolved >= hop.PREPAID:
        state = (staticcall IUniswapV2Pair(convert(resolved & hop.ADDRESS_MASK, address)).getReserves())[0]
    else:
        state = staticcall IUniswapV3Pool(convert(resolved & hop.ADDRESS_MASK, address)).slot0() >> 32
    assert guard >> 128 <= state, "route: state below its bound"
    assert state <= guard & (2**128 - 1), "route: state above its bound"


@internal
def _walk(start: uint256, amount_in: uint256, held: bool):
    """
    @dev Swaps from hop `start` to the last.
    @param held Whether the executor holds `amount_in`; else it was sent to the pool of that hop if this is prepaid.
    """
    i: uint256 = start
    amount: uint256 = amount_in
    paid: bool = not held
    current: uint256 = self._hops[i]
    for _: uint256 in range(MAX_HOPS):
        if current & hop.LAST != 0:
            if current >= hop.PREPAID:
                if not paid:
                    erc20._pay(self._tokens[i], convert(current & hop.ADDRESS_MASK, address), amount)
                uniswap_v2._swap(current, amount, self)
            else:
                uniswap_v3._swap(current, i, amount, self)
            break

        following: uint256 = self._hops[unsafe_add(i, 1)]
        recipient: address = self
        if following >= hop.PREPAID:
            recipient = convert(following & hop.ADDRESS_MASK, address)
        if current >= hop.PREPAID:
            if not paid:
                erc20._pay(self._tokens[i], convert(current & hop.ADDRESS_MASK, address), amount)
            amount = uniswap_v2._swap(current, amount, recipient)
        else:
            amount = uniswap_v3._swap_within(current, i, amount, recipient)
        paid = following >= hop.PREPAID
        current = following
        i = unsafe_add(i, 1)
