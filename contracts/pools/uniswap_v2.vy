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
def _resolve(word: uint256, token_in: uint256, token_out: uint256) -> uint256:
    """
    @dev Throws if the fork is unknown. Nothing need stand at the pair's address.
    @param word Zeros (64 bits) | kind (8) | fee in millionths of the input (24), which the pair does not know by number
                but enforces | not read (160).
    """
    kind: uint256 = word >> 184
    origin: bytes21 = _SUSHI_ORIGIN
    init_hash: bytes32 = _SUSHI_INIT_HASH
    if kind != SUSHI:
        assert kind == UNISWAP, "uniswap_v2: unknown fork"
        origin = _UNISWAP_ORIGIN
        init_hash = _UNISWAP_INIT_HASH

    direction: uint256 = hop.ZERO_FOR_ONE
    token0: uint256 = token_in
    token1: uint256 = token_out
    if token_in > token_out:
        direction = 0
        token0 = token_out
        token1 = token_in
    # Twice 20 bytes.
    salt: bytes32 = keccak256(
        concat(convert(convert(token0, address), bytes20), convert(convert(token1, address), bytes20))
    )
    pair: uint256 = convert(keccak256(concat(origin, salt, init_hash)), uint256) & hop.ADDRESS_MASK
    return hop.PREPAID | direction | (word & hop.PARAMETER_MASK << 160) | pair


@internal
@view
def _quote(resolved: uint256, amount: uint256) -> uint256:
    """
    @dev UniswapV2Library's getAmountOut, in millionths: 3_000 gives the same quotient as 997 / 1000. Nothing here can
         overflow with a pair's 112 bits and a sum of money; if it did, the pair would refuse the swap or the route
         would not gain.
    @return What the pair gives for `amount`.
    """
    reserve0: uint256 = 0
    reserve1: uint256 = 0
    reserve0, reserve1 = staticcall IUniswapV2Pair(convert(resolved & hop.ADDRESS_MASK, address)).getReserves()
    after_fee: uint256 = unsafe_mul(amount, unsafe_sub(_PIPS, resolved >> 160 & hop.PARAMETER_MASK))
    if resolved & hop.ZERO_FOR_ONE != 0:
        return unsafe_mul(after_fee, reserve1) // unsafe_add(unsafe_mul(reserve0, _PIPS), after_fee)
    return unsafe_mul(after_fee, reserve0) // unsafe_add(unsafe_mul(reserve1, _PIPS), after_fee)


@internal
def _take(resolved: uint256, amount_out: uint256, recipient: address):
    """
    @dev The pair has been paid, and has answered before: there is code at the address.
    """
    pair: address = convert(resolved & hop.ADDRESS_MASK, address)
    if resolved & hop.ZERO_FOR_ONE != 0:
        extcall IUniswapV2Pair(pair).swap(0, amount_out, recipient, b"", skip_contract_check=True)
    else:
        extcall IUniswapV2Pair(pair).swap(amount_out, 0, recipient, b"", skip_contract_check=True)


@internal
def _swap(resolved: uint256, amount: uint256, recipient: address) -> uint256:
    """
    @dev The pair has been paid `amount`.
    @return What the recipient was sent.
    """
    pair: address = convert(resolved & hop.ADDRESS_MASK, address)
    reserve0: uint256 = 0
    reserve1: uint256 = 0
    reserve0, reserve1 = staticcall IUniswapV2Pair(pair).getReserves()
    after_fee: uint256 = unsafe_mul(amount, unsafe_sub(_PIPS, resolved >> 160 & hop.PARAMETER_MASK))
    if resolved & hop.ZERO_FOR_ONE != 0:
        amount_out: uint256 = unsafe_mul(after_fee, reserve1) // unsafe_add(unsafe_mul(reserve0, _PIPS), after_fee)
        extcall IUniswapV2Pair(pair).swap(0, amount_out, recipient, b"", skip_contract_check=True)
        return amount_out
    amount_out: uint256 = unsafe_mul(after_fee, reserve0) // unsafe_add(unsafe_mul(reserve1, _PIPS), after_fee)
    extcall IUniswapV2Pair(pair).swap(amount_out, 0, recipient, b"", skip_contract_check=True)
    return amount_out


@internal
def _flash_swap(resolved: uint256, amount: uint256):
    """
    @dev The pair sends the output to the executor, calls back, and throws unless it is then paid `amount`.
    """
    amount_out: uint256 = self._quote(resolved, amount)
    callback._expect(resolved & hop.ADDRESS_MASK, callback.UNISWAP_V2_FLASH_SWAP, amount_out)
    pair: address = convert(resolved & hop.ADDRESS_MASK, address)
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
