# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Flash loans of Uniswap V3 pools and their forks
@license MIT
@notice How a pool is asked for a loan, and how it calls back.
@dev The pool is locked while it lends: no hop of the route can go through it. Its fee is that of its swaps, rounded up.
"""

from .. import callback
from .. import derivation
from .. import hop

uses: callback

interface IFlashing:
    def flash(recipient: address, amount0: uint256, amount1: uint256, data: Bytes[1]): nonpayable


KIND: constant(uint256) = 3

_FEE_MASK: constant(uint256) = 2**24 - 1
_PIPS: constant(uint256) = 1_000_000


@internal
def _borrow(word: uint256, purpose: uint256, token: uint256, amount: uint256):
    """
    @dev The pool sends `amount`, calls back, and throws unless it is then paid that and its fee.
    @param word The pool as a hop from `token` would name it: kind (8 bits) | fee in millionths (24) | other token (160).
    """
    resolved: uint256 = derivation._resolve(word, token, hop._token(word), 0, 0)
    # Neither can overflow: an amount has 88 bits.
    fee: uint256 = unsafe_add(unsafe_mul(amount, word >> 160 & _FEE_MASK), _PIPS - 1) // _PIPS
    pool: address = hop._pool(resolved)
    callback._expect(convert(pool, uint256), purpose, fee)
    amount0: uint256 = amount
    if resolved & hop.ZERO_FOR_ONE == 0:
        amount0 = 0
    extcall IFlashing(pool).flash(self, amount0, unsafe_sub(amount, amount0), b"")
