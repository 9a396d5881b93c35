# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Balancer V2 pools
@license MIT
@notice How a pool is read and called, through the Vault.
@dev The Vault refuses swaps while it lends: a route with such a hop is funded by somebody else. A pool may be anybody's;
     the Vault gives it what the hop puts in and no more.
"""

from .. import erc20
from .. import hop
from ..interfaces import IBalancerV2Vault
from ..lenders import balancer_v2 as lender

KIND: constant(uint256) = 80


@internal
@pure
def _resolve(word: uint256) -> uint256:
    """
    @dev The program's second word is the pool's id.
    """
    assert word >> 160 == KIND << 24
    return hop._held(word, 0)


@internal
@view
def _state(pool_id: uint256, token_in: uint256) -> uint256:
    """
    @return What the pool has, in the Vault, of the token that goes in.
    """
    return staticcall IBalancerV2Vault(lender.VAULT).getPoolTokenInfo(
        convert(pool_id, bytes32), convert(token_in, address)
    )


@internal
def _swap(pool_id: uint256, token_in: uint256, token_out: uint256, amount: uint256, recipient: address) -> uint256:
    """
    @return What the recipient was sent.
    """
    erc20._approve(token_in, lender.VAULT, amount)
    nothing: uint256 = 0
    answer: Bytes[32] = raw_call(
        lender.VAULT,
        concat(
            method_id("swap((bytes32,uint8,address,address,uint256,bytes),(address,bool,address,bool),uint256,uint256)", output_type=bytes4),
            # Where the swap begins; sender, from internal balance, recipient, to internal balance; limit, deadline.
            abi_encode(convert(224, uint256), self, nothing, recipient, nothing, nothing, max_value(uint256)),
            # The pool, "given in", what goes in and comes out, the amount, where the data begins and that there is none.
            abi_encode(pool_id, nothing, token_in, token_out, amount, convert(192, uint256), nothing),
        ),
        max_outsize=32,
    )
    erc20._check_spent(token_in, lender.VAULT)
    return convert(answer, uint256)
