# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Balancer V3 pools
@license MIT
@notice How a pool is read and called, through the Vault.
@dev The Vault is unlocked first: it then calls the executor with the very calldata that it was given, and at the end sees
     to it that nobody owes anything. While it lends it is unlocked already.
"""

from .. import callback
from .. import erc20
from .. import hop

uses: callback

interface IVault:
    def unlock(data: Bytes[4]): nonpayable
    def settle(token: address, amount_hint: uint256): nonpayable
    def sendTo(token: address, to: address, amount: uint256): nonpayable


KIND: constant(uint256) = 81
VAULT: constant(address) = 0xbA1333333333a1BA1108E8412f11850A5C319bA9

# The parameter: the place of the token that goes in, for the guard (8 bits) | zeros (16).
_ZEROS: constant(uint256) = 2**16 - 1

# Whether the Vault is unlocked, for a loan.
_unlocked: transient(bool)


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
    @return What the pool has of the token that goes in, with 18 decimals and at its rate.
    """
    # Where the list begins, its length, its at most eight items.
    answer: Bytes[320] = raw_call(
        VAULT,
        abi_encode(hop._pool(resolved), method_id=method_id("getCurrentLiveBalances(address)")),
        max_outsize=320,
        is_static_call=True,
    )
    return extract32(answer, 64 + 32 * (resolved >> 24 & 255), output_type=uint256)


@internal
def _unlock(purpose: uint256):
    """
    @dev The Vault calls back `onBalancerV3Unlock`.
    """
    callback._expect(convert(VAULT, uint256), purpose, 0)
    extcall IVault(VAULT).unlock(method_id("onBalancerV3Unlock()"))


@internal
def _swap(resolved: uint256, token_in: uint256, token_out: uint256, amount: uint256, recipient: address) -> uint256:
    """
    @dev The Vault is unlocked.
    @return What the recipient was sent.
    """
    nothing: uint256 = 0
    # Where the swap begins; "exact in", the pool, what goes in and comes out, the amount, no limit, where the data begins
    # and that there is none.
    answer: Bytes[32] = raw_call(
        VAULT,
        concat(
            method_id("swap((uint8,address,address,address,uint256,uint256,bytes))", output_type=bytes4),
            abi_encode(
                convert(32, uint256),
                nothing,
                resolved >> 96,
                token_in,
                token_out,
                amount,
                nothing,
                convert(224, uint256),
                nothing,
            ),
        ),
        max_outsize=32,
    )
    amount_out: uint256 = convert(answer, uint256)
    self._pay(token_in, amount)
    self._draw(token_out, recipient, amount_out)
    return amount_out


@internal
def _pay(token: uint256, amount: uint256):
    """
    @dev The Vault is unlocked.
    """
    erc20._pay(token, VAULT, amount)
    extcall IVault(VAULT).settle(convert(token, address), amount)


@internal
def _draw(token: uint256, recipient: address, amount: uint256):
    """
    @dev The Vault is unlocked.
    """
    extcall IVault(VAULT).sendTo(convert(token, address), recipient, amount)
