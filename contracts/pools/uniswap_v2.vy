# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Uniswap V2 pairs and their forks
@license MIT
@notice How a pair is read and called, and how it calls back.
@dev A pair is paid before it is called; only if the call carries data it sends the output first and takes the input in
     its callback, `uniswapV2Call`.
"""

from .. import callback
from .. import hop
from ..interfaces import IUniswapV2Pair

uses: callback

interface ICamelotPair:
    def getAmountOut(amount_in: uint256, token_in: address) -> uint256: view


_FEE_MASK: constant(uint256) = 2**24 - 1
_PIPS: constant(uint256) = 1_000_000


@internal
@view
def _quote(resolved: uint256, token_in: uint256, amount: uint256) -> uint256:
    """
    @dev Camelot's two fees differ and change, and some of its pairs follow the curve of stable tokens: such a pair is
         asked. Else UniswapV2Library's getAmountOut, in millionths: 3_000 gives the same quotient as 997 / 1000. Nothing here can
         overflow with a pair's 112 bits and a sum of money; if it did, the pair would refuse the swap or the route
         would not gain.
    @return What the pair gives for `amount`.
    """
    if resolved & hop.QUOTES != 0:
        return staticcall ICamelotPair(hop._pool(resolved)).getAmountOut(
            amount, convert(token_in, address)
        )
    reserve0: uint256 = 0
    reserve1: uint256 = 0
    reserve0, reserve1 = staticcall IUniswapV2Pair(convert(resolved >> 96, address)).getReserves()
    if resolved & hop.ZERO_FOR_ONE == 0:
        reserve_out: uint256 = reserve0
        reserve0 = reserve1
        reserve1 = reserve_out
    after_fee: uint256 = unsafe_mul(amount, unsafe_sub(_PIPS, resolved >> 8 & _FEE_MASK))
    return unsafe_mul(after_fee, reserve1) // unsafe_add(unsafe_mul(reserve0, _PIPS), after_fee)


@internal
def _take(resolved: uint256, amount_out: uint256, recipient: address):
    """
    @dev The pair has been paid, and has answered before: there is code at the address.
    """
    amount0: uint256 = amount_out
    if resolved & hop.ZERO_FOR_ONE != 0:
        amount0 = 0
    extcall IUniswapV2Pair(convert(resolved >> 96, address)).swap(
        amount0, unsafe_sub(amount_out, amount0), recipient, b"", skip_contract_check=True
    )


@internal
def _swap(resolved: uint256, token_in: uint256, amount: uint256, recipient: address) -> uint256:
    """
    @dev The pair has been paid `amount`.
    @return What the recipient was sent.
    """
    amount_out: uint256 = self._quote(resolved, token_in, amount)
    self._take(resolved, amount_out, recipient)
    return amount_out


@internal
def _flash_swap(resolved: uint256, amount_out: uint256):
    """
    @dev The pair sends `amount_out` to the executor, calls back, and throws unless it is then paid.
    """
    callback._expect(resolved >> 96, callback.UNISWAP_V2_FLASH_SWAP, amount_out)
    amount0: uint256 = amount_out
    if resolved & hop.ZERO_FOR_ONE != 0:
        amount0 = 0
    # Any data asks for the callback.
    extcall IUniswapV2Pair(convert(resolved >> 96, address)).swap(
        amount0, unsafe_sub(amount_out, amount0), self, b"\x01", skip_contract_check=True
    )


@internal
def _on_swap(sender: address, amount0: uint256, amount1: uint256) -> uint256:
    """
    @dev Throws unless this callback is due and answers a call of ours.
    @return What the pair sent.
    """
    assert sender == self, "uniswap_v2: not our swap"
    received: uint256 = amount0 + amount1
    assert callback._consume(received) == callback.UNISWAP_V2_FLASH_SWAP
    return received
