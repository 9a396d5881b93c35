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
from ..interfaces import IUniswapV3Answer
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
def _resolve(word: uint256, token_in: uint256, token_out: uint256) -> uint256:
    """
    @dev Throws if the fork is unknown. Nothing need stand at the pool's address.
    @param word Zeros (64 bits) | kind (8) | fee in millionths of the input (24) | not read (160).
    """
    kind: uint256 = word >> 184
    origin: bytes21 = _UNISWAP_ORIGIN
    init_hash: bytes32 = _UNISWAP_INIT_HASH
    if kind == PANCAKE:
        origin = _PANCAKE_ORIGIN
        init_hash = _PANCAKE_INIT_HASH
    elif kind != UNISWAP:
        assert kind == SUSHI, "uniswap_v3: unknown fork"
        origin = _SUSHI_ORIGIN

    fee: uint256 = word >> 160 & hop.PARAMETER_MASK
    if token_in < token_out:
        salt: bytes32 = keccak256(abi_encode(token_in, token_out, fee))
        pool: uint256 = convert(keccak256(concat(origin, salt, init_hash)), uint256) & hop.ADDRESS_MASK
        return hop.ZERO_FOR_ONE | pool
    salt: bytes32 = keccak256(abi_encode(token_out, token_in, fee))
    return convert(keccak256(concat(origin, salt, init_hash)), uint256) & hop.ADDRESS_MASK


@internal
def _swap(resolved: uint256, purpose: uint256, amount: uint256, recipient: address):
    """
    @dev The callback is told what is owed, all of `amount`, and what the recipient was sent.
    @param purpose The hop's place in the route, or that it opens the route.
    """
    pool: uint256 = resolved & hop.ADDRESS_MASK
    callback._permission = amount << 168 | purpose << 160 | pool
    # Where no code is, the callback stays due, and the route reverts in the end.
    limit: uint160 = _MAX_PRICE_LIMIT
    if resolved & hop.ZERO_FOR_ONE != 0:
        limit = _MIN_PRICE_LIMIT
    extcall IUniswapV3Pool(convert(pool, address)).swap(
        recipient, resolved & hop.ZERO_FOR_ONE != 0, convert(amount, int256), limit, b"", skip_contract_check=True
    )


@internal
def _swap_within(resolved: uint256, purpose: uint256, amount: uint256, recipient: address) -> uint256:
    """
    @dev As `_swap`.
    @return What the recipient was sent.
    """
    pool: uint256 = resolved & hop.ADDRESS_MASK
    callback._permission = amount << 168 | purpose << 160 | pool
    limit: uint160 = _MAX_PRICE_LIMIT
    if resolved & hop.ZERO_FOR_ONE != 0:
        limit = _MIN_PRICE_LIMIT
    delta0: uint256 = 0
    delta1: uint256 = 0
    delta0, delta1 = extcall IUniswapV3Answer(convert(pool, address)).swap(
        recipient, resolved & hop.ZERO_FOR_ONE != 0, convert(amount, int256), limit, b""
    )
    if resolved & hop.ZERO_FOR_ONE != 0:
        return unsafe_sub(0, delta1)
    return unsafe_sub(0, delta0)
