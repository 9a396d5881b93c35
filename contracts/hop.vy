# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The resolved hop
@license MIT
@notice One swap of a route in one word, its pool found and its direction known.
@dev From the top: pool (160 bits) | zeros (48) | place of the profit token (8) | kind (8) | parameter (24) | zeros (2) | tolerant (1)
     | quotes (1) | held (1) | prepaid (1) | last (1) | zero for one (1).

         kind, parameter   as in the program, see derivation.vy and the modules of the held pools
         tolerant          the route is left out if a pool's state is out of bounds
         quotes            the pair tells itself what it gives, the pool its state in its own way (Camelot)
         held              the pool takes its input from the executor, and its second word tells more (Curve, Balancer,
                           Uniswap V4)
         prepaid           the pool is paid before it is called (V2)
         last              the route ends with it
         zero for one      the pool's first token goes in

     What is neither prepaid nor held takes its input in a callback (V3).
"""

ZERO_FOR_ONE: constant(uint256) = 1
LAST: constant(uint256) = 2
PREPAID: constant(uint256) = 4
HELD: constant(uint256) = 8
QUOTES: constant(uint256) = 16
TOLERANT: constant(uint256) = 32

_PARAMETER_MASK: constant(uint256) = 2**24 - 1


@internal
@pure
def _held(word: uint256, pool: uint256) -> uint256:
    """
    @param word The hop in the program, its kind known: kind (8 bits) | parameter (24) | not read (160).
    @return The hop, of a pool that takes its input from the executor.
    """
    return pool << 96 | word >> 160 << 8 | HELD


@internal
@pure
def _token(word: uint256) -> uint256:
    """
    @return The low 160 bits.
    """
    return word << 96 >> 96


@internal
@pure
def _pool(resolved: uint256) -> address:
    return convert(resolved >> 96, address)


@internal
@pure
def _kind(resolved: uint256) -> uint256:
    return resolved >> 32 & 255


@internal
@pure
def _parameter(resolved: uint256) -> uint256:
    return resolved >> 8 & _PARAMETER_MASK
