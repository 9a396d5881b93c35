# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Executor
@license MIT
@notice Runs a route of swaps with a loan or with none, and sends all that it gains to the treasury - or reverts.
@dev It owns nothing between transactions, approves nobody, calls only authentic pools and lenders, and has no generic
     call. Whoever controls an operator's key can therefore make it run routes, but not lose anything by them.

     The program is a list of words:

         header    version (8 bits) | flags (8) | funding (8) | profit token (8) | count of hops (8) | deadline (40)
                   | minimum profit (88) | amount in (88)
         guard     lower bound (128) | upper bound (128) of the first pool's state; zero for none
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
initializes: route[uniswap_v2 := uniswap_v2, uniswap_v3 := uniswap_v3]

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

VERSION: public(constant(uint256)) = 1
MAX_PROFIT_TOKENS: constant(uint256) = 8

_FUNDING_NONE: constant(uint256) = 0
_FUNDING_BALANCER_V2: constant(uint256) = 1

_BYTE_MASK: constant(uint256) = 2**8 - 1
_TIME_MASK: constant(uint256) = 2**40 - 1
_AMOUNT_MASK: constant(uint256) = 2**88 - 1
_BOUND_MASK: constant(uint256) = 2**128 - 1

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
def execute(program: DynArray[uint256, 2 + route.MAX_HOPS]):
    """
    @notice Runs the route.
    @dev The first pool is looked at before anything else is paid for: a race is lost cheaply.
    """
    assert len(msg.data) == 68 + 32 * len(program), "executor: calldata is not the program alone"
    assert len(program) > 3, "executor: program too short"
    header: uint256 = program[0]
    assert header >> 248 == VERSION, "executor: unknown version"
    assert header >> 240 & _BYTE_MASK == 0, "executor: unknown flag"
    assert block.timestamp <= header >> 176 & _TIME_MASK, "executor: deadline passed"
    count: uint256 = header >> 216 & _BYTE_MASK
    assert len(program) == 2 + count, "executor: program length is not its header's"
    place: uint256 = header >> 224 & _BYTE_MASK
    assert place < MAX_PROFIT_TOKENS, "executor: no such profit token"
    token: uint256 = _PROFIT_TOKENS[place]
    assert token != 0, "executor: profit token not listed"

    token_out: uint256 = program[2] & hop.ADDRESS_MASK
    resolved: uint256 = route._resolve(program[2], token, token_out)
    if program[1] != 0:
        state: uint256 = route._state(resolved)
        assert program[1] >> 128 <= state, "executor: state below its bound"
        assert state <= program[1] & _BOUND_MASK, "executor: state above its bound"

    roles._check_operator()
    callback._enter()
    amount: uint256 = header & _AMOUNT_MASK
    route._begin(token, resolved, count, amount)
    for i: uint256 in range(1, count, bound=route.MAX_HOPS):
        token_in: uint256 = token_out
        token_out = program[2 + i] & hop.ADDRESS_MASK
        if i + 1 == count:
            assert token_out == 0, "executor: last hop names a token"
            token_out = token
        route._append(i, token_in, route._resolve(program[2 + i], token_in, token_out))

    balance: uint256 = erc20._balance(token)
    funding: uint256 = header >> 232 & _BYTE_MASK
    if funding == _FUNDING_NONE:
        route._open(amount)
    else:
        assert funding == _FUNDING_BALANCER_V2, "executor: unknown funding"
        balancer_v2._borrow(token, amount)

    after: uint256 = erc20._balance(token)
    assert after >= balance + (header >> 88 & _AMOUNT_MASK), "executor: profit below minimum"
    erc20._transfer(token, TREASURY, after - balance)
    callback._leave()


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
    erc20._transfer(route._tokens[0], msg.sender, route._amount_in)


@external
def receiveFlashLoan(
    tokens: DynArray[address, 1], amounts: DynArray[uint256, 1], fee_amounts: DynArray[uint256, 1], user_data: Bytes[1]
):
    """
    @notice Runs a route with what Balancer's V2 Vault lent, then pays it back.
    """
    owed: uint256 = balancer_v2._on_loan(amounts[0], fee_amounts[0])
    route._walk(0, amounts[0], True)
    erc20._transfer(route._tokens[0], msg.sender, owed)


@internal
def _pay_uniswap_v3(delta0: int256, delta1: int256):
    index: uint256 = 0
    owed: uint256 = 0
    received: uint256 = 0
    index, owed, received = uniswap_v3._on_swap(delta0, delta1)
    if index == callback.UNISWAP_V3_FLASH_SWAP:
        route._walk(1, received, False)
        index = 0
    erc20._transfer(route._tokens[index], msg.sender, owed)
