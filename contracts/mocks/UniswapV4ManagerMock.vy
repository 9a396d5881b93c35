# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Uniswap V4's PoolManager, pools without hooks
@dev While unlocked it keeps an account of what each caller is owed, per currency, and in the end none may be open. Ether is
     the zero address. Swaps at one rate per pool. Its code is placed at the real address.
"""

from ethereum.ercs import IERC20

interface ICaller:
    def unlockCallback(data: Bytes[1024]) -> Bytes[1024]: nonpayable


struct Key:
    currency0: address
    currency1: address
    fee: uint24
    tick_spacing: int24
    hooks: address


struct Params:
    zero_for_one: bool
    amount_specified: int256
    sqrt_price_limit_x96: uint160


numerators: HashMap[bytes32, uint256]
denominators: HashMap[bytes32, uint256]
# At most so much input is consumed.
depths: HashMap[bytes32, uint256]
slots: HashMap[bytes32, bytes32]

is_unlocked: transient(bool)
nonzero: transient(uint256)
deltas: transient(HashMap[address, HashMap[address, int256]])
synced: transient(address)
reserves: transient(uint256)


@external
@payable
def __default__():
    pass


@external
def initialize(key: Key, numerator: uint256, denominator: uint256):
    pool_id: bytes32 = keccak256(abi_encode(key))
    self.numerators[pool_id] = numerator
    self.denominators[pool_id] = denominator
    self.depths[pool_id] = max_value(uint256)
    price: uint256 = isqrt((numerator << 96) // denominator) << 48
    # Tick and fees stand above the price.
    word: uint256 = 77 << 160 | price
    self.slots[keccak256(abi_encode(pool_id, convert(6, uint256)))] = convert(word, bytes32)


@external
def set_depth(key: Key, depth: uint256):
    self.depths[keccak256(abi_encode(key))] = depth


@external
@view
def extsload(slot: bytes32) -> bytes32:
    return self.slots[slot]


@external
def unlock(data: Bytes[1024]) -> Bytes[1024]:
    assert not self.is_unlocked, "AlreadyUnlocked"
    self.is_unlocked = True
    answer: Bytes[1024] = extcall ICaller(msg.sender).unlockCallback(data)
    assert self.nonzero == 0, "CurrencyNotSettled"
    self.is_unlocked = False
    return answer


@external
def swap(key: Key, params: Params, hook_data: Bytes[32]) -> uint256:
    """
    @return Amounts of the first (upper 128 bits) and the second currency, as the caller sees them.
    """
    self._check_unlocked()
    pool_id: bytes32 = keccak256(abi_encode(key))
    numerator: uint256 = self.numerators[pool_id]
    denominator: uint256 = self.denominators[pool_id]
    assert denominator != 0, "PoolNotInitialized"
    assert params.amount_specified < 0, "SwapAmountCannotBeZero"
    amount_in: uint256 = min(convert(-params.amount_specified, uint256), self.depths[pool_id])
    taken: uint256 = unsafe_sub(0, amount_in) & (2**128 - 1)
    if params.zero_for_one:
        assert params.sqrt_price_limit_x96 == 4_295_128_740
        amount_out: uint256 = amount_in * numerator // denominator
        self._account(key.currency0, -convert(amount_in, int256))
        self._account(key.currency1, convert(amount_out, int256))
        return taken << 128 | amount_out
    assert params.sqrt_price_limit_x96 == 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341
    amount_out: uint256 = amount_in * denominator // numerator
    self._account(key.currency1, -convert(amount_in, int256))
    self._account(key.currency0, convert(amount_out, int256))
    return amount_out << 128 | taken


@external
def sync(currency: address):
    self.synced = currency
    if currency != empty(address):
        self.reserves = staticcall IERC20(currency).balanceOf(self)


@external
@payable
def settle() -> uint256:
    self._check_unlocked()
    paid: uint256 = msg.value
    if self.synced != empty(address):
        assert msg.value == 0, "NonzeroNativeValue"
        paid = staticcall IERC20(self.synced).balanceOf(self) - self.reserves
    self._account(self.synced, convert(paid, int256))
    self.synced = empty(address)
    return paid


@external
def take(currency: address, to: address, amount: uint256):
    self._check_unlocked()
    self._account(currency, -convert(amount, int256))
    if currency == empty(address):
        raw_call(to, b"", value=amount)
    else:
        assert extcall IERC20(currency).transfer(to, amount, default_return_value=True)


@internal
@view
def _check_unlocked():
    assert self.is_unlocked, "ManagerLocked"


@internal
def _account(currency: address, change: int256):
    before: int256 = self.deltas[msg.sender][currency]
    after: int256 = before + change
    self.deltas[msg.sender][currency] = after
    if before == 0 and after != 0:
        self.nonzero += 1
    elif before != 0 and after == 0:
        self.nonzero -= 1
