# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Executor
@license MIT
@notice Runs routes of swaps with loans or with none, and sends all that it gains to the treasury - or reverts.
@dev It owns nothing between transactions, allows nobody anything, and has no generic call. Whoever controls an
     operator's key can therefore make it run routes, but not lose anything by them.

     `execute` takes the general program, see bundle.vy. The usual routes have entry points of their own, which cost
     less: one route over Uniswap V2 and V3 pools and their forks. Their program is a header, two guards and as many hops
     as the entry point says, each one word:

         header    version (24 bits) | deadline (40) | lender (8) | profit token (8) | minimum profit (88)
                   | amount in (88)
         guards    lower bound (128) | upper bound (128) of the first and of the second pool's state; zero for none
         hops      each zeros (64) | kind (8) | parameter (24) | token out (160); the last hop's token is left zero,
                   it is the profit token, with which the route also starts
"""

from ethereum.ercs import IERC20

import bundle
import callback
import derivation
import erc20
import weth
import hop
import loan
import profit
import roles
import route
from lenders import aave_v3
from lenders import balancer_v2
from lenders import morpho
from lenders import uniswap_v3 as uniswap_v3_lender
from pools import balancer_v3
from pools import curve
from pools import uniswap_v2
from pools import uniswap_v3
from pools import uniswap_v4

initializes: callback
initializes: weth
initializes: roles
initializes: profit
initializes: aave_v3[callback := callback]
initializes: balancer_v2[callback := callback]
initializes: morpho[callback := callback]
initializes: uniswap_v3_lender[callback := callback]
initializes: balancer_v3[callback := callback]
initializes: curve[weth := weth]
initializes: uniswap_v2[callback := callback]
initializes: uniswap_v3[callback := callback]
initializes: uniswap_v4[callback := callback, weth := weth]
initializes: loan[
    aave_v3 := aave_v3,
    balancer_v2 := balancer_v2,
    balancer_v3 := balancer_v3,
    morpho := morpho,
    uniswap_v3 := uniswap_v3_lender,
    uniswap_v4 := uniswap_v4
]
initializes: route[
    balancer_v3 := balancer_v3,
    callback := callback,
    curve := curve,
    uniswap_v2 := uniswap_v2,
    uniswap_v3 := uniswap_v3,
    uniswap_v4 := uniswap_v4
]
initializes: bundle[callback := callback, loan := loan, profit := profit, roles := roles, route := route]

exports: (
    profit.TREASURY,
    profit.profit_tokens,
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

VERSION: public(constant(uint256)) = bundle.VERSION

_BYTE_MASK: constant(uint256) = 2**8 - 1
# The profit token's place in a resolved hop.
_PLACE: constant(uint256) = _BYTE_MASK << 40


@deploy
def __init__(
    owner: address,
    guardian: address,
    treasury: address,
    profit_tokens: DynArray[address, profit.MAX_PROFIT_TOKENS],
    operators: DynArray[address, roles.MAX_OPERATORS],
):
    """
    @param guardian May be zero: then only the owner can pause.
    @param treasury Where all gains go, for good.
    @param profit_tokens What a route may start from; a program names them by their place in this list.
    """
    roles.__init__(owner, guardian, operators)
    profit.__init__(treasury, profit_tokens)


@external
def execute(header: uint256, group: uint256):
    """
    @notice Runs a bundle of routes, of which more words follow.
    """
    bundle._run(header, group)


@external
def execute_two(header: uint256, guard: uint256, second_guard: uint256, first: uint256, second: uint256):
    """
    @notice Runs a route of two hops.
    """
    token: uint256 = self._begin(header, second, 164)
    middle: uint256 = first << 96 >> 96
    hop0: uint256 = derivation._resolve(first, token, middle, guard, 0)
    hop1: uint256 = derivation._resolve(second, middle, token, second_guard, header >> 136 & _PLACE | hop.LAST)
    # A pair that is paid directly, by a pool, and does not quote itself, does not need its token.
    if hop1 & (hop.PREPAID | hop.QUOTES) != hop.PREPAID or hop0 & hop.PREPAID != 0:
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
    token1: uint256 = first << 96 >> 96
    hop0: uint256 = derivation._resolve(first, token, token1, guard, 0)
    token2: uint256 = second << 96 >> 96
    hop1: uint256 = derivation._resolve(second, token1, token2, second_guard, header >> 136 & _PLACE)
    route._tokens[1] = token1
    route._hops[2] = derivation._resolve(third, token2, token, 0, hop.LAST)
    route._tokens[2] = token2
    self._run(header, token, hop0, hop1)


@external
def swap_held(place: uint256, amount: uint256, recipient: address) -> uint256:
    """
    @notice Swaps at a hop whose pool takes its input from the executor; the executor alone may ask for it.
    @return What the recipient was sent.
    """
    assert msg.sender == self, "executor: only for itself"
    return route._swap_held(place, amount, recipient)


@external
def sweep(token: address):
    """
    @notice Sends the treasury all that the executor holds of a token: what strangers sent, or a hostile token left.
    """
    roles._check_owner()
    amount: uint256 = erc20._balance(convert(token, uint256))
    erc20._transfer(convert(token, uint256), profit.TREASURY, amount)


@external
@payable
def __default__():
    """
    @notice Accepts the ether that a pool owes or WETH unwraps, and nothing else.
    """
    assert len(msg.data) == 0, "executor: unknown function"
    weth._check_payer()


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
def algebraSwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[1]):
    """
    @notice Pays a Camelot V3 pool that the executor called.
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
def unlockCallback(data: Bytes[1]) -> Bytes[1]:
    """
    @notice Swaps on a Uniswap V4 pool, or runs routes with what the PoolManager lends.
    """
    purpose: uint256 = callback._consume(0)
    if purpose >= callback.LOAN_OF_ONE_ROUTE:
        loan._draw_from_uniswap_v4()
        route._run_lent(purpose, loan._amounts[0])
        loan._repay_uniswap_v4()
    else:
        route._swap_unlocked(purpose)
    return b""


@external
def onBalancerV3Unlock():
    """
    @notice Swaps on a Balancer V3 pool, or runs routes with what the Vault lends.
    """
    purpose: uint256 = callback._consume(0)
    if purpose >= callback.LOAN_OF_ONE_ROUTE:
        loan._draw_from_balancer_v3()
        route._run_lent(purpose, loan._amounts[0])
        loan._repay_balancer_v3()
    else:
        route._swap_unlocked(purpose)


@external
def receiveFlashLoan(
    tokens: DynArray[address, 4], amounts: DynArray[uint256, 4], fee_amounts: DynArray[uint256, 4], user_data: Bytes[1]
):
    """
    @notice Runs routes with what Balancer's V2 Vault lent, then pays it back.
    """
    route._run_lent(callback._consume_loan(amounts[0]), amounts[0])
    for i: uint256 in range(len(tokens), bound=4):
        erc20._pay(convert(tokens[i], uint256), msg.sender, amounts[i] + fee_amounts[i])


@external
def executeOperation(
    asset: address, amount: uint256, premium: uint256, initiator: address, params: Bytes[1]
) -> bool:
    """
    @notice Runs routes with what Aave's V3 Pool lent, then lets it collect.
    """
    route._run_lent(aave_v3._on_loan(amount, initiator), amount)
    aave_v3._repay(loan._tokens[0], amount + premium)
    return True


@external
def onMorphoFlashLoan(assets: uint256, data: Bytes[1]):
    """
    @notice Runs routes with what Morpho lent, then lets it collect.
    """
    route._run_lent(callback._consume_loan(assets), assets)
    morpho._repay(loan._tokens[0], assets)


@external
def uniswapV3FlashCallback(fee0: uint256, fee1: uint256, data: Bytes[1]):
    """
    @notice Runs routes with what a Uniswap V3 or SushiSwap V3 pool lent, then pays it back.
    """
    self._repay_uniswap_v3(fee0 + fee1)


@external
def pancakeV3FlashCallback(fee0: uint256, fee1: uint256, data: Bytes[1]):
    """
    @notice Runs routes with what a PancakeSwap V3 pool lent, then pays it back.
    """
    self._repay_uniswap_v3(fee0 + fee1)


@internal
@view
def _begin(header: uint256, last: uint256, length: uint256) -> uint256:
    """
    @return The token that the route starts and ends with.
    """
    assert len(msg.data) == length and last << 96 == 0, "executor: calldata is not the program alone"
    # What is compared here again, in the usual case instead, spares the call.
    if header >> 232 != VERSION or block.timestamp > header >> 192 & bundle.TIME_MASK:
        bundle._check_header(header)
    place: uint256 = header >> 176 & _BYTE_MASK
    if place == 0:
        return profit._TOKEN0
    return profit._token(place)


@internal
def _run(header: uint256, token: uint256, first: uint256, second: uint256):
    """
    @dev The guards have held; whatever follows is paid for only by those who may.
    """
    if roles._status[msg.sender] != roles.ACTIVE:
        roles._check_operator()
    if callback._permission != callback.IDLE:
        callback._check_idle()
    route._hops[1] = second
    amount: uint256 = header & bundle.AMOUNT_MASK
    balance: uint256 = staticcall IERC20(convert(token, address)).balanceOf(self)
    funding: uint256 = header >> 184 & _BYTE_MASK
    if funding == loan.NOBODY:
        if first & hop.PREPAID == 0:
            recipient: address = self
            if second & hop.PREPAID != 0:
                recipient = convert(second >> 96, address)
            uniswap_v3._swap(first, callback.UNISWAP_V3_FLASH_SWAP, amount, recipient)
        else:
            route._tokens[0] = token
            route._open(first, second, token, amount)
    else:
        route._tokens[0] = token
        route._hops[0] = first
        if funding == balancer_v2.KIND:
            balancer_v2._borrow_one(callback.LOAN_OF_ONE_ROUTE, token, amount)
        else:
            loan._borrow_one(funding, 0, callback.LOAN_OF_ONE_ROUTE, token, amount)
    after: uint256 = staticcall IERC20(convert(token, address)).balanceOf(self)
    if after < balance + (header >> 88 & bundle.AMOUNT_MASK):
        profit._take(token, balance, header >> 88 & bundle.AMOUNT_MASK)
    erc20._transfer(token, profit.TREASURY, unsafe_sub(after, balance))
    if callback._permission != callback.RUNNING:
        callback._check_delivered()
    callback._permission = callback.IDLE


@internal
def _pay_uniswap_v3(delta0: int256, delta1: int256):
    """
    @dev What is owed and received has opposite signs, seen from the pool.
    """
    sold: int256 = delta0
    bought: int256 = delta1
    if delta0 < 0:
        sold = delta1
        bought = delta0
    owed: uint256 = convert(sold, uint256)
    permission: uint256 = callback._permission
    purpose: uint256 = permission >> 88 & _BYTE_MASK
    # Here, too, the usual case spares a call.
    if permission >> 96 == convert(msg.sender, uint256) and permission & bundle.AMOUNT_MASK == owed:
        callback._permission = callback.RUNNING
    else:
        purpose = callback._consume(owed)
    if purpose == callback.UNISWAP_V3_FLASH_SWAP:
        received: uint256 = convert(unsafe_sub(0, bought), uint256)
        second: uint256 = route._hops[1]
        if second & (hop.LAST | hop.HELD) != hop.LAST:
            route._walk(1, received, False)
        elif second & hop.PREPAID == 0:
            uniswap_v3._swap(second, callback.UNISWAP_V3_LAST + 1, received, self)
        elif second & hop.QUOTES == 0:
            uniswap_v2._swap(second, 0, received, self)
        else:
            uniswap_v2._swap(second, route._tokens[1], received, self)
        place: uint256 = second >> 40 & _BYTE_MASK
        token: uint256 = profit._TOKEN0
        if place != 0:
            token = profit._token(place)
        erc20._pay(token, msg.sender, owed)
    elif purpose == callback.UNISWAP_V3_LAST_FIRST:
        first: uint256 = route._hops[0]
        erc20._pay(route._tokens[0], hop._pool(first), route._amount_in)
        uniswap_v2._take(first, owed, msg.sender)
    else:
        if purpose < callback.UNISWAP_V3_LAST:
            route._delivered = convert(unsafe_sub(0, bought), uint256)
        erc20._pay(route._tokens[purpose & 31], msg.sender, owed)


@internal
def _repay_uniswap_v3(fee: uint256):
    amount: uint256 = loan._amounts[0]
    route._run_lent(callback._consume_loan(fee), amount)
    erc20._pay(loan._tokens[0], msg.sender, amount + fee)
