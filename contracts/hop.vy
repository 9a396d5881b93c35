# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The resolved hop
@license MIT
@notice One swap of a route in one word, its pool found and its direction known.
@dev From the top: prepaid (1 bit) | zero for one (1) | last (1) | held (1) | quotes (1) | zeros (59) | kind (8)
     | parameter (24) | pool (160).

         prepaid        the pool is paid before it is called (V2)
         zero for one   the pool's first token goes in
         last           the route ends with it
         held           the pool takes its input from the executor, and its second word tells more (Curve, Balancer,
                        Uniswap V4)
         quotes         the pair tells itself what it gives (Camelot)
         parameter      V2: the fee in millionths of the input; held: as the pool's module says

     What is neither prepaid nor held takes its input in a callback (V3).
"""

PREPAID: constant(uint256) = 2**255
ZERO_FOR_ONE: constant(uint256) = 2**254
LAST: constant(uint256) = 2**253
HELD: constant(uint256) = 2**252
QUOTES: constant(uint256) = 2**251
ADDRESS_MASK: constant(uint256) = 2**160 - 1
KIND_MASK: constant(uint256) = 2**8 - 1
PARAMETER_MASK: constant(uint256) = 2**24 - 1


@internal
@pure
def _pool(resolved: uint256) -> address:
    return convert(resolved & ADDRESS_MASK, address)
