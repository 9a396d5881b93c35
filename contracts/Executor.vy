# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Executor
@license MIT
@notice Runs a route of swaps with a loan or with none, and sends all that it gains to the treasury - or reverts.
@dev It owns nothing between transactions, approves nobody, calls only authentic pools and lenders, and has no generic
     call. Whoever controls an operator's key can therefore make it run routes, but not lose anything by them.

     The program is a header, two guards and as many hops as the entry point says, each one word:

         header    version (24 bits) | funding (8) | profit token (8) | deadline (40) | minimum profit (88)
                   | amount in (88)
         guards    lower bound (128) | upper bound (128) of the first and of the second pool's state; zero for none
         hops      each zeros (64) | kind (8) | parameter (24) | token out (160); the last hop's token is left zero,
                   it is the profit token, with which the route also starts
"""

import callback
import erc20
import hop
import roles
import route
from lenders import balancer_v2
from pools import uniswap_v2
from pools import uniswap_v3

initializes: callback
initializes: roles
initializes: balancer_v2[callback := callback]
initializes: uniswap_v2[callback := callback]
initializes: uniswap_v3[callback := callback]
initializes: route[uniswap_v3 := uniswap_v3]

exports: (
    roles.owner,
    roles.pending_owner,
    roles.guardian,
    roles.operators,
    roles.paused,
    roles.transfer_ownership,
    roles.accept_ownership,
    roles.set_guardian,
    roles.add_operator,
    roles.remove_operator,
    roles.pause,
    roles.unpause,
)

VERSION: public(constant(uint256)) = 2
MAX_PROFIT_TOKENS: constant(uint256) = 8

_FUNDING_NONE: constant(uint256) = 0
_FUNDING_BALANCER_V2: constant(uint256) = 1

_BYTE_MASK: constant(uint256) = 2**8 - 1
_TIME_MASK: constant(uint256) = 2**40 - 1
_AMOUNT_MASK: constant(uint256) = 2**88 - 1

# Where all gains go.
TREASURY: public(immutable(address))

# What a route may start from and gain, as numbers; zero where there is none.
_PROFIT_TOKENS: immutable(uint256[MAX_PROFIT_TOKENS])


@deploy
def __init__(
    owner: address,
    guardian: address,
    treasury: address,
    profit_tokens: DynArray[address, MAX_PROFIT_TOKENS],
    operators: DynArray[address, roles.MAX_OPERATORS],
):
    """
    @param guardian May be zero: then only the owner can pause.
    @param treasury Where all gains go, for good.
    @param profit_tokens What a route may start from; a program names them by their place in this list.
    """
    roles.__init__(owner, guardian, operators)
    assert treasury not in [empty(address), self], "executor: bad treasury"
    TREASURY = treasury
    listed: uint256[MAX_PROFIT_TOKENS] = empty(uint256[MAX_PROFIT_TOKENS])
    for i: uint256 in range(len(profit_tokens), bound=MAX_PROFIT_TOKENS):
        assert profit_tokens[i].is_contract, "executor: profit token has no code"
        listed[i] = convert(profit_tokens[i], uint256)
    _PROFIT_TOKENS = listed


@external
def execute_two(header: uint256, guard: uint256, second_guard: uint256, first: uint256, second: uint256):
    """
    @notice Runs a route of two hops.
    """
    token: uint256 = self._begin(header, second, 164)
    middle: uint256 = first & hop.ADDRESS_MASK
    hop0: uint256 = route._resolve(first, token, middle)
    if guard != 0:
        route._check_state(hop0, guard)
    hop1: uint256 = hop.LAST | route._resolve(second, middle, token)
    if second_guard != 0:
        route._check_state(hop1, second_guard)
    route._hops[1] = hop1
    route._tokens[1] = middle
    self._run(header, token, hop0, hop1)


@external
def execute_three(
    header: uint256, guard: uint256, second_guard: uint256, first: uint256, second: uint256, third: uint256
):
    """
    @notice Runs a route of three hops.
    """
    token: uint256 = self._begin(header, third, 196)
    token1: uint256 = first & hop.ADDRESS_MASK
    hop0: uint256 = route._resolve(first, token, token1)
    if guard != 0:
        route._check_state(hop0, guard)
    token2: uint256 = second & hop.ADDRESS_MASK
    hop1: uint256 = route._resolve(second, token1, token2)
    if second_guard != 0:
        route._check_state(hop1, second_guard)
    route._hops[1] = hop1
    route._tokens[1] = token1
    route._hops[2] = hop.LAST | route._resolve(third, token2, token)
    route._tokens[2] = token2
    self._run(header, token, hop0, hop1)


@external
def execute_four(
    header: uint256,
    guard: uint256,
    second_guard: uint256,
    first: uint256,
    second: uint256,
    third: uint256,
    fourth: uint256,
):
    """
    @notice Runs a route of four hops.
    """
    token: uint256 = self._begin(header, fourth, 228)
    token1: uint256 = first & hop.ADDRESS_MASK
    hop0: uint256 = route._resolve(first, token, token1)
    if guard != 0:
        route._check_state(hop0, guard)
    token2: uint256 = second & hop.ADDRESS_MASK
    hop1: uint256 = route._resolve(second, token1, token2)
    if second_guard != 0:
        route._check_state(hop1, second_guard)
    route._hops[1] = hop1
    route._tokens[1] = token1
    token3: uint256 = third & hop.ADDRESS_MASK
    route._hops[2] = route._resolve(third, token2, token3)
    route._tokens[2] = token2
    route._hops[3] = hop.LAST | route._resolve(fourth, token3, token)
    route._tokens[3] = token3
    self._run(header, token, hop0, hop1)


@external
def sweep(token: address):
    """
    @notice Sends the treasury all that the executor holds of a token: what strangers sent, or a hostile token left.
    """
    roles._check_owner()
    amount: uint256 = erc20._balance(convert(token, uint256))
    erc20._transfer(convert(token, uint256), TREASURY, amount)


@external
@view
def profit_tokens() -> DynArray[address, MAX_PROFIT_TOKENS]:
    """
    @notice What a route may start from and gain.
    """
    listed: DynArray[address, MAX_PROFIT_TOKENS] = []
    for token: uint256 in _PROFIT_TOKENS:
        if token != 0:
            listed.append(convert(token, address))
    return listed


@external
def uniswapV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[1]):
    """
    @notice Pays a Uniswap V3 or SushiSwap V3 pool that the executor called.
    """
    self._pay_uniswap_v3(amount0_delta, amount1_delta)


@external
def pancakeV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[1]):
    """
    @notice Pays a PancakeSwap V3 pool that the executor called.
    """
    self._pay_uniswap_v3(amount0_delta, amount1_delta)


@external
def uniswapV2Call(sender: address, amount0: uint256, amount1: uint256, data: Bytes[1]):
    """
    @notice Runs the rest of a route that a V2 pair opened, then pays the pair.
    """
    received: uint256 = uniswap_v2._on_swap(sender, amount0, amount1)
    route._walk(1, received, True)
    erc20._pay(route._tokens[0], msg.sender, route._amount_in)


@external
def receiveFlashLoan(
    tokens: DynArray[address, 1], amounts: DynArray[uint256, 1], fee_amounts: DynArray[uint256, 1], user_data: Bytes[1]
):
    """
    @notice Runs a route with what Balancer's V2 Vault lent, then pays it back.
    """
    owed: uint256 = balancer_v2._on_loan(amounts[0], fee_amounts[0])
    route._walk(0, amounts[0], True)
    erc20._pay(route._tokens[0], msg.sender, owed)


@internal
@view
def _begin(header: uint256, last: uint256, length: uint256) -> uint256:
    """
    @return The token that the route starts and ends with.
    """
    assert len(msg.data) == length, "executor: calldata is not the program alone"
    assert header >> 232 == VERSION, "executor: unknown version"
    assert block.timestamp <= header >> 176 & _TIME_MASK, "executor: deadline passed"
    assert last & hop.ADDRESS_MASK == 0, "executor: last hop names a token"
    # Where none is listed stands zero: of that token there is neither a balance nor a pool.
    return _PROFIT_TOKENS[header >> 216 & _BYTE_MASK]


@internal
def _run(header: uint256, token: uint256, first: uint256, second: uint256):
    """
    @dev The guards have held; whatever follows is paid for only by those who may.
    """
    roles._check_operator()
    callback._enter()
    route._tokens[0] = token
    amount: uint256 = header & _AMOUNT_MASK
    balance: uint256 = erc20._balance(token)
    funding: uint256 = header >> 224 & _BYTE_MASK
    if funding == _FUNDING_NONE:
        if first < hop.PREPAID:
            recipient: address = self
            if second >= hop.PREPAID:
                recipient = convert(second & hop.ADDRESS_MASK, address)
            uniswap_v3._swap(first, callback.UNISWAP_V3_FLASH_SWAP, amount, recipient)
        else:
            route._amount_in = amount
            if second < hop.PREPAID and second & hop.LAST != 0:
                # The V3 pool sends first what the pair is paid with; the pair pays the pool.
                route._hops[0] = first
                amount = uniswap_v2._quote(first, amount)
                uniswap_v3._swap(second, callback.UNISWAP_V3_LAST_FIRST, amount, self)
            else:
                uniswap_v2._flash_swap(first, amount)
    else:
        assert funding == _FUNDING_BALANCER_V2, "executor: unknown funding"
        route._hops[0] = first
        balancer_v2._borrow(token, amount)

    after: uint256 = erc20._balance(token)
    assert after >= balance + (header >> 88 & _AMOUNT_MASK), "executor: profit below minimum"
    erc20._transfer(token, TREASURY, unsafe_sub(after, balance))
    callback._leave()


@internal
def _pay_uniswap_v3(delta0: int256, delta1: int256):
    """
    @dev What is owed and received has opposite signs, seen from the pool.
    """
    owed: uint256 = convert(max(delta0, delta1), uint256)
    index: uint256 = callback._consume(owed)
    if index == callback.UNISWAP_V3_FLASH_SWAP:
        received: uint256 = convert(-min(delta0, delta1), uint256)
        second: uint256 = route._hops[1]
        if second & hop.LAST == 0:
            route._walk(1, received, False)
        elif second >= hop.PREPAID:
            uniswap_v2._swap(second, received, self)
        else:
            uniswap_v3._swap(second, 1, received, self)
        erc20._pay(route._tokens[0], msg.sender, owed)
    elif index == callback.UNISWAP_V3_LAST_FIRST:
        first: uint256 = route._hops[0]
        erc20._pay(route._tokens[0], convert(first & hop.ADDRESS_MASK, address), route._amount_in)
        uniswap_v2._take(first, owed, msg.sender)
    else:
        erc20._pay(route._tokens[index], msg.sender, owed)
