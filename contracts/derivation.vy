# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Where pools stand
@license MIT
@notice How the pools of Uniswap V2 and V3 and of their forks are found, and whether they are as they were expected to be.
@dev A pool is derived from its tokens, and for most V3 forks its fee: what is not the CREATE2 child of a factory or deployer
     known here cannot be named. PancakeSwap's and Camelot's V3 pools are made by a deployer of their own, not by the factory.
"""

import hop
from interfaces import IUniswapV2Pair
from interfaces import IUniswapV3Pool

interface IAlgebraPool:
    # Six more words follow; only the price is read.
    def globalState() -> uint256: view


_FEE_MASK: constant(uint256) = 2**24 - 1

UNISWAP_V3: constant(uint256) = 16
SUSHI_V3: constant(uint256) = 17
PANCAKE_V3: constant(uint256) = 18
CAMELOT_V3: constant(uint256) = 19
UNISWAP_V2: constant(uint256) = 32
SUSHI_V2: constant(uint256) = 33
CAMELOT_V2: constant(uint256) = 34

# 0xff and who makes the pools.
_UNISWAP_V3_ORIGIN: constant(bytes21) = 0xff1f98431c8ad98523631ae4a59f267346ea31f984
_SUSHI_V3_ORIGIN: constant(bytes21) = 0xff1af415a1eba07a4986a52b6f2e7de7003d82231e
_PANCAKE_V3_ORIGIN: constant(bytes21) = 0xff41ff9aa7e16b8b1a8a8dc4f0efacd93d02d071c9
_CAMELOT_V3_ORIGIN: constant(bytes21) = 0xff6dd3fb9653b10e806650f107c3b5a0a6ff974f65
_UNISWAP_V2_ORIGIN: constant(bytes21) = 0xfff1d7cc64fb4452f05c498126312ebe29f30fbcf9
_SUSHI_V2_ORIGIN: constant(bytes21) = 0xffc35dadb65012ec5796536bd9864ed8773abc74c4
_CAMELOT_V2_ORIGIN: constant(bytes21) = 0xff6eccab422d763ac031210895c81787e87b43a652

# SushiSwap deploys Uniswap's own V3 bytecode.
_UNISWAP_V3_INIT_HASH: constant(bytes32) = 0xe34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54
_PANCAKE_V3_INIT_HASH: constant(bytes32) = 0x6ce8eb472fa82df5469c6ab6d485f17c3ad13c8cd7af59b3d4a8026c5ce0f7e2
_CAMELOT_V3_INIT_HASH: constant(bytes32) = 0x6c1bebd370ba84753516bc1393c0d0a6c645856da55f5393ac8ab3d6dbc861d3
_UNISWAP_V2_INIT_HASH: constant(bytes32) = 0x96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f
_SUSHI_V2_INIT_HASH: constant(bytes32) = 0xe18a34eb0e04b04f7a0ac29a6e80748dca96319b42c54d679cb821dca90c6303
_CAMELOT_V2_INIT_HASH: constant(bytes32) = 0xa856464ae65f7619087bc369daaf7e387dae1e5af69cfa7935850ebf754b04c1


@internal
@view
def _resolve(word: uint256, token_in: uint256, token_out: uint256, guard: uint256, flags: uint256) -> uint256:
    """
    @dev Throws if the kind is unknown, which it is, too, if any bit above it is set. Without a guard nothing need stand at
         the pool's address.
    @param word Zeros (64 bits) | kind (8) | fee in millionths of the input (24), which V2 pairs do not know by number but
                enforce, and Camelot's pools tell themselves | not read (160).
    @param guard Lower bound (128 bits) | upper bound (128), of a V3 pool's square root of the price, in units of 2**-64, or of
                 a V2 pair's reserve of its first token; zero for none.
    @param flags What else is set in the resolved hop.
    @return The resolved hop; zero if the pool's state is out of bounds and the flags say that this is tolerated.
    """
    resolved: uint256 = flags | hop.ZERO_FOR_ONE
    token0: uint256 = token_in
    token1: uint256 = token_out
    if token_in > token_out:
        resolved = flags
        token0 = token_out
        token1 = token_in

    kind: uint256 = word >> 184
    origin: bytes21 = _UNISWAP_V3_ORIGIN
    init_hash: bytes32 = _UNISWAP_V3_INIT_HASH
    salt: bytes32 = empty(bytes32)
    if kind < UNISWAP_V2:
        salt = keccak256(abi_encode(token0, token1, word >> 160 & _FEE_MASK))
        if kind != UNISWAP_V3:
            if kind == PANCAKE_V3:
                origin = _PANCAKE_V3_ORIGIN
                init_hash = _PANCAKE_V3_INIT_HASH
            elif kind == CAMELOT_V3:
                resolved |= hop.QUOTES
                origin = _CAMELOT_V3_ORIGIN
                init_hash = _CAMELOT_V3_INIT_HASH
                # There is one pool for two tokens, whatever its fee.
                salt = keccak256(abi_encode(token0, token1))
            else:
                assert kind == SUSHI_V3
                origin = _SUSHI_V3_ORIGIN
    else:
        resolved |= hop.PREPAID | (word >> 160 & _FEE_MASK) << 8
        # Twice 20 bytes.
        salt = keccak256(concat(convert(convert(token0, address), bytes20), convert(convert(token1, address), bytes20)))
        if kind == SUSHI_V2:
            origin = _SUSHI_V2_ORIGIN
            init_hash = _SUSHI_V2_INIT_HASH
        elif kind == UNISWAP_V2:
            origin = _UNISWAP_V2_ORIGIN
            init_hash = _UNISWAP_V2_INIT_HASH
        else:
            assert kind == CAMELOT_V2, "derivation: unknown V2 fork"
            resolved |= hop.QUOTES
            origin = _CAMELOT_V2_ORIGIN
            init_hash = _CAMELOT_V2_INIT_HASH
    resolved |= convert(keccak256(concat(origin, salt, init_hash)), uint256) << 96

    if guard != 0:
        state: uint256 = 0
        if resolved & (hop.PREPAID | hop.QUOTES) == 0:
            state = staticcall IUniswapV3Pool(convert(resolved >> 96, address)).slot0() >> 32
        elif resolved & hop.PREPAID != 0:
            state = (staticcall IUniswapV2Pair(convert(resolved >> 96, address)).getReserves())[0]
        else:
            state = staticcall IAlgebraPool(convert(resolved >> 96, address)).globalState() >> 32
        if state < guard >> 128 or state > guard & (2**128 - 1):
            assert flags & hop.TOLERANT != 0, "derivation: state out of bounds"
            return 0
    return resolved
