# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The resolved hop
@license MIT
@notice One swap of a route in one word, its pool found and its direction known.
@dev From the top: prepaid (1 bit) | zero for one (1) | last (1) | zeros (69) | parameter (24) | pool (160).

         prepaid        the pool is paid before it is called (V2); others take their input in a callback (V3)
         zero for one   the pool's first token goes in
         last           the route ends with it
         parameter      V2: the fee in millionths of the input
"""

PREPAID: constant(uint256) = 2**255
ZERO_FOR_ONE: constant(uint256) = 2**254
LAST: constant(uint256) = 2**253
ADDRESS_MASK: constant(uint256) = 2**160 - 1
PARAMETER_MASK: constant(uint256) = 2**24 - 1
