# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Uniswap V2 pairs and their forks
@license MIT
@notice How a pair is found, read and called, and how it calls back.
@dev A pair is derived from its tokens: what is not the CREATE2 child of a factory known here cannot be named.
     A pair is paid before it is called; only if the call carries data it sends the output first and takes the input in
     its callback, `uniswapV2Call`.
"""

from .. import callback
from .. import hop
from ..interfaces import IUniswapV2Pair

uses: callback

UNISWAP: constant(uint256) = 32
SUSHI: constant(uint256) = 33

# 0xff and the factory.
_UNISWAP_ORIGIN: constant(bytes21) = 0xfff1d7cc64fb4452f05c498126312ebe29f30fbcf9
_SUSHI_ORIGIN: constant(bytes21) = 0xffc35dadb65012ec5796536bd9864ed8773abc74c4
_UNISWAP_INIT_HASH: constant(bytes32) = 0x96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f
_SUSHI_INIT_HASH: constant(bytes32) = 0xe18a34eb0e04b04f7a0ac29a6e80748dca96319b42c54d679cb821dca90c6303

_PIPS: constant(uint256) = 1_000_000


@internal
@pure
def _resolve(kind: uint256, fee: uint256, token_in: uint256, token_out: uint256) -> uint256:
    """
    @dev Throws if the fork is unknown. Nothing need stand at the pair's address.
    @param fee In millionths of the input; the pair does not know it by number, it enforces it.
    """
    direction: uint256 = hop.ZERO_FOR_ONE
    token0: uint256 = token_in
    token1: uint256 = token_out
    if token_in > token_out:
        direction = 0
        token0 = token_out
        token1 = token_in
    salt: bytes32 = keccak256(
        concat(convert(convert(token0, address), bytes20), convert(convert(token1, address), bytes20))
    )

    digest: bytes32 = empty(bytes32)
    if kind == SUSHI:
        digest = keccak256(concat(_SUSHI_ORIGIN, salt, _SUSHI_INIT_HASH))
    else:
        assert kind == UNISWAP, "uniswap_v2: unknown fork"
        digest = keccak256(concat(_UNISWAP_ORIGIN, salt, _UNISWAP_INIT_HASH))
    return hop.PREPAID | direction | fee << 160 | convert(digest, uint256) & hop.ADDRESS_MASK


@internal
@view
def _state(pair: address) -> uint256:
    """
    @return The reserve of the pair's first token: 112 bits.
    """
    return (staticcall IUniswapV2Pair(pair).getReserves())[0]


@internal
def _swap(resolved: uint256, amount: uint256, recipient: address) -> uint256:
    """
    @dev The pair has been paid `amount`.
    @return What the recipient was sent.
    """
    pair: address = convert(resolved & hop.ADDRESS_MASK, address)
    amount_out: uint256 = self._amount_out(resolved, pair, amount)
    # `getReserves` has answered: there is code at the address.
    if resolved & hop.ZERO_FOR_ONE != 0:
        extcall IUniswapV2Pair(pair).swap(0, amount_out, recipient, b"", skip_contract_check=True)
    else:
        extcall IUniswapV2Pair(pair).swap(amount_out, 0, recipient, b"", skip_contract_check=True)
    return amount_out


@internal
def _flash_swap(resolved: uint256, amount: uint256):
    """
    @dev The pair sends the output to the executor, calls back, and throws unless it is then paid `amount`.
    """
    pair: address = convert(resolved & hop.ADDRESS_MASK, address)
    amount_out: uint256 = self._amount_out(resolved, pair, amount)
    callback._expect(pair, callback.UNISWAP_V2_FLASH_SWAP, amount_out)
    # Any data asks for the callback.
    if resolved & hop.ZERO_FOR_ONE != 0:
        extcall IUniswapV2Pair(pair).swap(0, amount_out, self, b"\x01", skip_contract_check=True)
    else:
        extcall IUniswapV2Pair(pair).swap(amount_out, 0, self, b"\x01", skip_contract_check=True)


@internal
def _on_swap(sender: address, amount0: uint256, amount1: uint256) -> uint256:
    """
    @dev Throws unless this callback is due and answers a call of ours.
    @return What the pair sent.
    """
    assert sender == self, "uniswap_v2: not our swap"
    received: uint256 = amount0 + amount1
    purpose: uint256 = callback._consume(received)
    assert purpose == callback.UNISWAP_V2_FLASH_SWAP, "uniswap_v2: not a flash swap"
    return received


@internal
@view
def _amount_out(resolved: uint256, pair: address, amount: uint256) -> uint256:
    """
    @dev UniswapV2Library.getAmountOut, in millionths: 3_000 gives the same quotient as 997 / 1000.
    """
    reserve0: uint256 = 0
    reserve1: uint256 = 0
    reserve0, reserve1 = staticcall IUniswapV2Pair(pair).getReserves()
    after_fee: uint256 = amount * (_PIPS - (resolved >> 160 & hop.PARAMETER_MASK))
    if resolved & hop.ZERO_FOR_ONE != 0:
        return after_fee * reserve1 // (reserve0 * _PIPS + after_fee)
    return after_fee * reserve0 // (reserve1 * _PIPS + after_fee)
