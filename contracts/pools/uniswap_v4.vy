# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Uniswap V4 pools without hooks
@license MIT
@notice How a pool is read and called, through the PoolManager.
@dev The PoolManager is unlocked first: it then calls the executor back, and at the end sees to it that nobody owes
     anything; so a swap that ends before all of its input was taken reverts. While it lends it is unlocked already.
     A pool of ether has it as the zero address, in place of WETH.
"""

from .. import callback
from .. import erc20
from .. import hop
from .. import weth

uses: callback
uses: weth

interface IManager:
    def unlock(data: Bytes[1]): nonpayable
    def sync(currency: address): nonpayable
    def settle(): payable
    def take(currency: address, to: address, amount: uint256): nonpayable
    def extsload(slot: bytes32) -> uint256: view


KIND: constant(uint256) = 48
MANAGER: constant(address) = 0x360E68faCcca8cA495c1B759Fd9EEe466db9FB32

# The program's second word: zeros (231 bits) | ether in place of WETH (1) | tick spacing (24).
NATIVE: constant(uint256) = 2**24
_SPACING_MASK: constant(uint256) = 2**24 - 1


# TickMath.MIN_SQRT_PRICE + 1 and MAX_SQRT_PRICE - 1: swap to the end of the liquidity.
_MIN_PRICE_LIMIT: constant(uint256) = 4_295_128_740
_MAX_PRICE_LIMIT: constant(uint256) = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341

# Where the PoolManager keeps its pools, StateLibrary.POOLS_SLOT.
_POOLS_SLOT: constant(uint256) = 6

# Whether the PoolManager is unlocked, for a loan.
_unlocked: transient(bool)


@internal
@pure
def _resolve(word: uint256, extra: uint256) -> uint256:
    """
    @param word The parameter is the fee in millionths of the input.
    @param extra The program's second word.
    """
    assert extra < 2 * NATIVE
    return hop._held(word, 0)


@internal
@pure
def _key(resolved: uint256, extra: uint256, token_in: uint256, token_out: uint256) -> Bytes[160]:
    """
    @return What the pool's id is the hash of: its currencies, fee, tick spacing, and that it has no hooks.
    """
    currency_in: uint256 = self._currency(token_in, extra)
    currency_out: uint256 = self._currency(token_out, extra)
    return abi_encode(
        min(currency_in, currency_out),
        max(currency_in, currency_out),
        hop._parameter(resolved),
        extra & _SPACING_MASK,
        empty(uint256),
    )


@internal
@pure
def _currency(token: uint256, extra: uint256) -> uint256:
    if extra & NATIVE != 0 and weth._is(token):
        return 0
    return token


@internal
@view
def _price(resolved: uint256, extra: uint256, token_in: uint256, token_out: uint256) -> uint256:
    """
    @return The square root of the price in units of 2**-96.
    """
    pool_id: bytes32 = keccak256(self._key(resolved, extra, token_in, token_out))
    return (staticcall IManager(MANAGER).extsload(keccak256(abi_encode(pool_id, _POOLS_SLOT)))) << 96 >> 96


@internal
def _unlock(purpose: uint256):
    """
    @dev The PoolManager calls back `unlockCallback`.
    """
    callback._expect(convert(MANAGER, uint256), purpose, 0)
    extcall IManager(MANAGER).unlock(b"")


@internal
def _swap(
    resolved: uint256, extra: uint256, token_in: uint256, token_out: uint256, amount: uint256, recipient: address
) -> uint256:
    """
    @dev The PoolManager is unlocked.
    @return What the recipient was sent.
    """
    zero_for_one: bool = self._currency(token_in, extra) < self._currency(token_out, extra)
    limit: uint256 = _MAX_PRICE_LIMIT
    if zero_for_one:
        limit = _MIN_PRICE_LIMIT
    answer: Bytes[32] = raw_call(
        MANAGER,
        concat(
            method_id("swap((address,address,uint24,int24,address),(bool,int256,uint160),bytes)", output_type=bytes4),
            self._key(resolved, extra, token_in, token_out),
            # A negative amount is what goes in; where the data begins and that there is none.
            abi_encode(zero_for_one, -convert(amount, int256), limit, convert(288, uint256), empty(uint256)),
        ),
        max_outsize=32,
    )
    # Amounts of the first (upper 128 bits) and the second currency; what comes out is positive.
    amount_out: uint256 = convert(answer, uint256)
    if zero_for_one:
        amount_out = amount_out & (2**128 - 1)
    else:
        amount_out = amount_out >> 128
    self._pay(token_in, extra, amount)
    self._draw(token_out, extra, recipient, amount_out)
    return amount_out


@internal
def _pay(token: uint256, extra: uint256, amount: uint256):
    """
    @dev The PoolManager is unlocked.
    """
    value: uint256 = 0
    if self._currency(token, extra) == 0:
        weth._unwrap(amount)
        value = amount
    else:
        extcall IManager(MANAGER).sync(convert(token, address))
        erc20._pay(token, MANAGER, amount)
    extcall IManager(MANAGER).settle(value=value)


@internal
def _draw(token: uint256, extra: uint256, recipient: address, amount: uint256):
    """
    @dev The PoolManager is unlocked; ether comes as WETH.
    """
    if self._currency(token, extra) != 0:
        extcall IManager(MANAGER).take(convert(token, address), recipient, amount)
        return
    weth._payer = MANAGER
    extcall IManager(MANAGER).take(empty(address), self, amount)
    weth._wrap(amount)
    if recipient != self:
        erc20._pay(token, recipient, amount)
