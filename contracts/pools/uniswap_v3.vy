# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Uniswap V3 pools and their forks
@license MIT
@notice How a pool is found, read and called, and how it calls back.
@dev A pool is derived from its tokens and fee: what is not the CREATE2 child of a deployer known here cannot be named.
     A pool sends the output first and takes the input in its callback: `uniswapV3SwapCallback`, PancakeSwap's
     `pancakeV3SwapCallback`.
"""

from .. import callback
from .. import hop
from ..interfaces import IUniswapV3Pool

uses: callback

UNISWAP: constant(uint256) = 16
SUSHI: constant(uint256) = 17
PANCAKE: constant(uint256) = 18

# 0xff and the deployer. PancakeSwap's pools are made by a deployer of their own, not by the factory.
_UNISWAP_ORIGIN: constant(bytes21) = 0xff1f98431c8ad98523631ae4a59f267346ea31f984
_SUSHI_ORIGIN: constant(bytes21) = 0xff1af415a1eba07a4986a52b6f2e7de7003d82231e
_PANCAKE_ORIGIN: constant(bytes21) = 0xff41ff9aa7e16b8b1a8a8dc4f0efacd93d02d071c9

# SushiSwap deploys Uniswap's own bytecode.
_UNISWAP_INIT_HASH: constant(bytes32) = 0xe34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54
_PANCAKE_INIT_HASH: constant(bytes32) = 0x6ce8eb472fa82df5469c6ab6d485f17c3ad13c8cd7af59b3d4a8026c5ce0f7e2

# TickMath.MIN_SQRT_RATIO + 1 and MAX_SQRT_RATIO - 1: swap to the end of the liquidity.
_MIN_PRICE_LIMIT: constant(uint160) = 4_295_128_740
_MAX_PRICE_LIMIT: constant(uint160) = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341


@internal
@pure
def _resolve(kind: uint256, fee: uint256, token_in: uint256, token_out: uint256) -> uint256:
    """
    @dev Throws if the fork is unknown. Nothing need stand at the pool's address.
    @param fee In millionths of the input.
    """
    direction: uint256 = hop.ZERO_FOR_ONE
    salt: bytes32 = empty(bytes32)
    if token_in < token_out:
        salt = keccak256(abi_encode(token_in, token_out, fee))
    else:
        direction = 0
        salt = keccak256(abi_encode(token_out, token_in, fee))

    digest: bytes32 = empty(bytes32)
    if kind == UNISWAP:
        digest = keccak256(concat(_UNISWAP_ORIGIN, salt, _UNISWAP_INIT_HASH))
    elif kind == PANCAKE:
        digest = keccak256(concat(_PANCAKE_ORIGIN, salt, _PANCAKE_INIT_HASH))
    else:
        assert kind == SUSHI, "uniswap_v3: unknown fork"
        digest = keccak256(concat(_SUSHI_ORIGIN, salt, _UNISWAP_INIT_HASH))
    return direction | convert(digest, uint256) & hop.ADDRESS_MASK


@internal
@view
def _state(pool: address) -> uint256:
    """
    @return The square root of the price in units of 2**-64, rounded down: 128 bits.
    """
    return staticcall IUniswapV3Pool(pool).slot0() >> 32


@internal
def _swap(resolved: uint256, purpose: uint256, amount: uint256, recipient: address) -> uint256:
    """
    @dev Throws if the liquidity ends before all of `amount` is swapped.
    @param purpose The hop's place in the route, or that it opens the route.
    @return What the recipient was sent.
    """
    pool: address = convert(resolved & hop.ADDRESS_MASK, address)
    callback._expect(pool, purpose, amount)
    delta0: int256 = 0
    delta1: int256 = 0
    if resolved & hop.ZERO_FOR_ONE != 0:
        delta0, delta1 = extcall IUniswapV3Pool(pool).swap(
            recipient, True, convert(amount, int256), _MIN_PRICE_LIMIT, b""
        )
        assert delta0 == convert(amount, int256), "uniswap_v3: token0 not consumed"
        return convert(-delta1, uint256)
    delta0, delta1 = extcall IUniswapV3Pool(pool).swap(
        recipient, False, convert(amount, int256), _MAX_PRICE_LIMIT, b""
    )
    assert delta1 == convert(amount, int256), "uniswap_v3: token1 not consumed"
    return convert(-delta0, uint256)


@internal
def _on_swap(delta0: int256, delta1: int256) -> (uint256, uint256, uint256):
    """
    @dev Throws unless this callback is due. What is owed and received has opposite signs, seen from the pool.
    @return The purpose, what the pool is owed, what it sent.
    """
    owed: uint256 = convert(max(delta0, delta1), uint256)
    return callback._consume(owed), owed, convert(-min(delta0, delta1), uint256)
