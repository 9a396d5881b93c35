# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Curve pools
@license MIT
@notice How a pool is read and called.
@dev Pools are not derived from anything, so any address may be named. Whatever stands there gets what the hop puts in and
     no more: the allowance is exact and must be used up. What it gives is not believed but measured.
"""

from .. import erc20
from .. import hop
from .. import weth

uses: weth

interface ICurvePool:
    def balances(i: uint256) -> uint256: view


KIND: constant(uint256) = 64

# The parameter: i (8 bits) | j (8) | zeros (5) | ether out (1) | ether in (1) | indices are uint256 (1).
_UNSIGNED: constant(uint256) = 1 << 8
_ETHER_IN: constant(uint256) = 2 << 8
_ETHER_OUT: constant(uint256) = 4 << 8
_ZEROS: constant(uint256) = 248

# Pools of stable tokens have signed indices, those of other tokens have not.


@internal
@pure
def _resolve(word: uint256, pool: uint256) -> uint256:
    """
    @param pool The program's second word.
    """
    assert pool >> 160 == 0 and word >> 160 & _ZEROS == 0
    return hop._held(word, pool)


@internal
@view
def _state(resolved: uint256) -> uint256:
    """
    @return What the pool has of the coin that goes in.
    """
    return staticcall ICurvePool(hop._pool(resolved)).balances(resolved >> 24 & 255)


@internal
def _swap(resolved: uint256, token_in: uint256, token_out: uint256, amount: uint256) -> uint256:
    """
    @dev Throws if the pool takes less than it was allowed.
    @return What the executor was sent.
    """
    pool: address = hop._pool(resolved)
    value: uint256 = 0
    if resolved & _ETHER_IN != 0:
        assert weth._is(token_in)
        weth._unwrap(amount)
        value = amount
    else:
        erc20._approve(token_in, pool, amount)
    if resolved & _ETHER_OUT != 0:
        assert weth._is(token_out)
        weth._payer = pool
    held: uint256 = self.balance - value
    before: uint256 = erc20._balance(token_out)
    method: bytes4 = method_id("exchange(int128,int128,uint256,uint256)", output_type=bytes4)
    if resolved & _UNSIGNED != 0:
        method = method_id("exchange(uint256,uint256,uint256,uint256)", output_type=bytes4)
    raw_call(
        pool,
        concat(method, abi_encode(resolved >> 24 & 255, resolved >> 16 & 255, amount, empty(uint256))),
        value=value,
    )
    if resolved & _ETHER_IN == 0:
        erc20._check_spent(token_in, pool)
    if resolved & _ETHER_OUT != 0:
        weth._wrap(self.balance - held)
    return erc20._balance(token_out) - before
