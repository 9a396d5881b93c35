"""
The model of Uniswap V3 against the bytecode of Uniswap V3 and Pancake V3, on random states, to the wei.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_abi.abi import encode

from keeper.errors import BeyondKnownTicks, SwapReverts
from keeper.events import Event, decode
from keeper.math.tick import Ticks
from keeper.math.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO, get_sqrt_ratio_at_tick
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address
from localnet import artifacts, compiler
from tests.evm import Chain, Reverted

_OUTCOME = ("int256", "int256", "uint160", "int24", "uint128")
_LIMITS = {True: MIN_SQRT_RATIO + 1, False: MAX_SQRT_RATIO - 1}
_BLUEPRINT = "0x" + "b1" * 20


class Contract:
    """
    A pool, its model that only follows events, and random things to do with them.
    """

    def __init__(self, chain: Chain, address: Address, info: PoolInfo, rng: random.Random) -> None:
        self.chain, self.address, self.info, self.rng = chain, address, info, rng
        self.router = chain.deploy(compiler.compiled("V3Router").creation)
        self.quoter = chain.deploy(compiler.compiled("V3Quoter").creation)
        self.model = UniswapV3Pool.new(info)
        self.positions: Counter[tuple[int, int]] = Counter()
        self.seen: Counter[str] = Counter()
        self.events: list[Event] = []

    def initialize(self) -> None:
        tick = round(self.rng.gauss(0, 100_000)) if self.rng.random() < 0.8 else self.rng.choice((-1, 1)) * 887_200
        self.middle = max(-887_200, min(887_200, tick))
        price = get_sqrt_ratio_at_tick(self.middle) + self.rng.choice((0, self.rng.randrange(1 << 20)))
        self.chain.call(self.address, "initialize(uint160)", price)
        self.follow()

    def mint(self) -> None:
        lower, upper = self.random_range()
        amount = self.random_amount(100)
        try:
            self.chain.call(self.router, "mint(address,int24,int24,uint128)", self.address, lower, upper, amount)
        except Reverted:
            return  # more than a tick may hold
        self.positions[lower, upper] += amount
        self.follow()

    def burn(self) -> None:
        if not self.positions:
            return
        lower, upper = self.rng.choice(sorted(self.positions))
        held = self.positions[lower, upper]
        amount = self.rng.choice((0, held, self.rng.randrange(held + 1)))
        self.chain.call(self.address, "burn(int24,int24,uint128)", lower, upper, amount)
        self.positions[lower, upper] -= amount
        self.positions += Counter()
        self.follow()

    def swap(self) -> None:
        zero_for_one, amount, limit = self.random_swap()
        try:
            self.chain.call(self.router, "swap(address,bool,int256,uint160)", self.address, zero_for_one, amount, limit)
        except Reverted:
            return
        self.follow()

    def follow(self) -> None:
        events = [event for log in self.chain.logs() if log["address"] == self.address and (event := decode(log))]
        for event in events:
            after = self.model.apply(event)
            assert after is not None
            self.model = after
            self.seen[type(event).__name__] += 1
        self.events += events

    def require_same_swap(self, zero_for_one: bool, amount: int, limit: int) -> tuple[int, int] | None:
        try:
            expected = self.chain.call(
                self.quoter,
                "quote(address,bool,int256,uint160)",
                self.address,
                zero_for_one,
                amount,
                limit,
                returns=_OUTCOME,
            )
        except Reverted:
            with pytest.raises(SwapReverts):
                self.model.swap_to(zero_for_one, amount, limit)
            self.seen["reverts"] += 1
            return None
        amount0, amount1, after = self.model.swap_to(zero_for_one, amount, limit)
        assert (amount0, amount1, after.sqrt_price_x96, after.tick, after.liquidity) == expected
        self.seen["swaps"] += 1
        if limit == _LIMITS[zero_for_one]:
            self.require_same_quote(zero_for_one, amount, amount0, amount1)
        return amount0, amount1

    def require_same_quote(self, zero_for_one: bool, amount: int, amount0: int, amount1: int) -> None:
        tokens = self.info.tokens if zero_for_one else self.info.tokens[::-1]
        paid, received = (amount0, -amount1) if zero_for_one else (amount1, -amount0)
        quote, asked, answer = (
            (self.model.amount_out, paid, received) if amount > 0 else (self.model.amount_in, received, paid)
        )
        if asked == abs(amount):
            assert quote(*tokens, abs(amount)) == answer
            self.seen["quotes"] += 1
        else:
            with pytest.raises(SwapReverts):
                quote(*tokens, abs(amount))
            self.seen["partial"] += 1

    def require_same_around_a_stop(self) -> None:
        """Amounts that reach a price exactly, and one unit on either side."""
        zero_for_one, _, limit = self.random_swap()
        exchanged = self.require_same_swap(zero_for_one, 1 << 250, limit)
        for amount in exchanged or ():
            for near in (amount - 1, amount, amount + 1):
                self.require_same_swap(zero_for_one, near, _LIMITS[zero_for_one])

    def random_range(self) -> tuple[int, int]:
        spacing = self.info.tick_spacing
        most = 887_272 // spacing
        if self.rng.random() < 0.1:
            return -most * spacing, most * spacing
        middle = self.middle // spacing + round(self.rng.gauss(0, self.rng.choice((3, 100, 2_000))))
        low, high = sorted(middle + self.rng.randint(-1, 1) * self.random_amount(12) for _ in range(2))
        low, high = max(low, -most), min(high, most)
        return (low * spacing, high * spacing) if low < high else self.random_range()

    def random_swap(self) -> tuple[bool, int, int]:
        zero_for_one = self.rng.random() < 0.5
        amount = self.random_amount(140) * self.rng.choice((1, 1, -1))
        return zero_for_one, amount, self.random_limit(zero_for_one)

    def random_limit(self, zero_for_one: bool) -> int:
        kind = self.rng.random()
        if kind < 0.5:
            return _LIMITS[zero_for_one]
        if kind < 0.55:
            return self.rng.choice((0, MIN_SQRT_RATIO, self.model.sqrt_price_x96, MAX_SQRT_RATIO))
        ticks = sorted({tick for position in self.positions for tick in position} | {self.middle})
        spacing = self.info.tick_spacing
        tick = self.rng.choice((self.rng.choice(ticks), self.model.tick // spacing // 256 * 256 * spacing))
        return get_sqrt_ratio_at_tick(max(-887_272, min(887_271, tick))) + self.rng.choice((0, 0, -1, 1, 1 << 40))

    def random_amount(self, bits: int) -> int:
        return self.rng.randrange(1, 1 << self.rng.randint(1, bits))


@pytest.fixture(scope="module")
def chain() -> Chain:
    artifacts.fetch()
    return Chain()


@pytest.fixture(params=("uniswap", "pancake"))
def contracts(request: pytest.FixtureRequest, chain: Chain) -> Iterator[Contract]:
    """An endless supply of pools that nobody used, of ordinary and of odd fees and spacings."""
    factory = _uniswap_factory(chain) if request.param == "uniswap" else _pancake_factory(chain)
    rng = random.Random(request.param)
    tiers = {100: 1, 500: 10, 3_000: 60, 10_000: 200, 2_500: 50, 1: 7, 0: 100, 333_333: 33, 999_999: 1_000}
    for fee, spacing in tiers.items():
        if not chain.call(factory, "feeAmountTickSpacing(uint24)", fee, returns=["int24"]):
            chain.call(factory, "enableFeeAmount(uint24,int24)", fee, spacing)

    def supply() -> Iterator[Contract]:
        while True:
            for fee in tiers:
                yield _create(chain, factory, fee, rng)

    return supply()


def _create(chain: Chain, factory: Address, fee: int, rng: random.Random) -> Contract:
    tokens = chain.token_pair()
    spacing = chain.call(factory, "feeAmountTickSpacing(uint24)", fee, returns=["int24"])
    address = Address(chain.call(factory, "createPool(address,address,uint24)", *tokens, fee, returns=["address"]))
    info = PoolInfo("uniswap_v3", "any", address, tokens, fee, spacing)
    return Contract(chain, address, info, rng)


def _uniswap_factory(chain: Chain) -> Address:
    return chain.deploy(artifacts.load("UniswapV3Factory").creation)


def _pancake_factory(chain: Chain) -> Address:
    chain.put(_BLUEPRINT, bytes.fromhex("fe7100") + artifacts.load("PancakeV3Pool").creation)
    deployer = chain.deploy(compiler.compiled("PancakeV3PoolDeployer").creation + encode(["address"], [_BLUEPRINT]))
    factory = chain.deploy(artifacts.load("PancakeV3Factory").creation + encode(["address"], [deployer]))
    chain.call(deployer, "setFactoryAddress(address)", factory)
    return factory


def test_uniswap_v3_pool__any_swap_on_any_state__equals_the_contract(contracts: Iterator[Contract]) -> None:
    seen: Counter[str] = Counter()
    for contract, _ in zip(contracts, range(27), strict=False):
        contract.initialize()
        for turn in range(45):
            before = contract.model
            contract.rng.choice((contract.mint, contract.mint, contract.mint, contract.burn, contract.swap))()
            contract.seen["states"] += contract.model != before
            for _ in range(2):
                contract.require_same_swap(*contract.random_swap())
            if turn % 4 == 0:
                contract.require_same_around_a_stop()
        seen += contract.seen

    assert seen["states"] >= 1_000, seen  # of each of the two builds
    assert seen["swaps"] > 2_000
    assert seen["quotes"] > 1_000
    assert min(seen[kind] for kind in ("reverts", "partial", "V3Mint", "V3Burn", "V3Swap")) > 25


def test_uniswap_v3_pool__events_applied__equals_a_fresh_read(contracts: Iterator[Contract]) -> None:
    for contract, _ in zip(contracts, range(18), strict=False):
        contract.initialize()
        for _ in range(30):
            contract.rng.choice((contract.mint, contract.mint, contract.burn, contract.swap))()

        assert contract.model == contract.chain.read(UniswapV3Pool.read(contract.info))


def test_uniswap_v3_pool__known_around_its_price__equals_the_contract_or_has_no_quote(
    contracts: Iterator[Contract],
) -> None:
    seen: Counter[str] = Counter()
    for contract, _ in zip(contracts, range(18), strict=False):
        contract.initialize()
        for _ in range(6):
            contract.rng.choice((contract.mint, contract.mint, contract.burn, contract.swap))()
            whole, contract.model = contract.model, contract.chain.read(UniswapV3Pool.read(contract.info, radius=1_000))
            for _ in range(25):
                swap = contract.random_swap()
                try:
                    contract.require_same_swap(*swap)
                except BeyondKnownTicks:
                    seen["beyond"] += 1
            contract.model = whole
        seen += contract.seen

    assert seen["swaps"] > 500
    assert seen["beyond"] > 500


def test_uniswap_v3_pool__known_around_its_price__follows_events_or_does_not_tell(
    contracts: Iterator[Contract],
) -> None:
    seen: Counter[str] = Counter()
    for contract, _ in zip(contracts, range(36), strict=False):
        contract.initialize()
        partial: UniswapV3Pool | None = None
        for _ in range(20):
            partial = partial or contract.chain.read(UniswapV3Pool.read(contract.info, radius=1_000))
            contract.events.clear()
            contract.rng.choice((contract.mint, contract.mint, contract.burn, contract.swap))()
            for event in contract.events:
                partial = partial and partial.apply(event)
            if partial is None:
                seen["not told"] += 1
                continue
            first, last = partial.ticks.known
            ticks = {tick: pair for tick, pair in contract.model.ticks.items() if first <= tick <= last}
            assert partial == replace(contract.model, ticks=Ticks.of(ticks))
            seen["told"] += len(contract.events)

    assert seen["told"] > 200
    assert seen["not told"] > 20
