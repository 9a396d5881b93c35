"""
The model of Camelot V3 against the bytecode of Uniswap V3, on random states, to the wei.

Algebra 1.9 swaps as Uniswap V3 does in a pool of spacing one, only that each direction has its own fee. So there are
two contracts of one state here, each with the fee of one direction.
"""

import random
from collections import Counter

import pytest

from keeper.errors import SwapReverts
from keeper.events import decode
from keeper.math.tick import Ticks
from keeper.math.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO, get_sqrt_ratio_at_tick
from keeper.pools.camelot_v3 import CamelotV3Pool
from keeper.pools.pool import PoolInfo
from keeper.types import Address
from localnet import artifacts, compiler
from tests.evm import Chain, Reverted

#: None that the factory knows already, with a spacing of its own.
_FEES = ((101, 3_001), (10_001, 1), (501, 65_535), (2_501, 0))
_OUTCOME = ("int256", "int256", "uint160", "int24", "uint128")
_LIMITS = {True: MIN_SQRT_RATIO + 1, False: MAX_SQRT_RATIO - 1}


class Twins:
    """
    The two contracts, by zero_for_one, and the model, which only follows the events of the first.
    """

    def __init__(self, chain: Chain, factory: Address, fees: tuple[int, int], rng: random.Random) -> None:
        self.chain, self.rng = chain, rng
        self.router = chain.deploy(compiler.compiled("V3Router").creation)
        self.quoter = chain.deploy(compiler.compiled("V3Quoter").creation)
        tokens = chain.token_pair()
        first, second = (
            Address(chain.call(factory, "createPool(address,address,uint24)", *tokens, fee, returns=["address"]))
            for fee in fees
        )
        self.pools = {True: first, False: second}
        self.info = PoolInfo("camelot_v3", "camelot_v3", first, tokens, 0)
        self.model = CamelotV3Pool(self.info, 0, 0, 0, Ticks(), *fees)
        self.seen: Counter[str] = Counter()
        self.middle = round(rng.gauss(0, 50_000))
        price = get_sqrt_ratio_at_tick(self.middle) + rng.randrange(1 << 20)
        for pool in self.pools.values():
            chain.call(pool, "initialize(uint160)", price)
            self.follow()
        # Few swaps get past these, so that few walk through thousands of empty words.
        for lower in (self.middle - 20_500, self.middle + 20_000):
            self.mint(lower, lower + 500, 1 << 106)

    def follow(self) -> None:
        for log in self.chain.logs():
            if log["address"] == self.info.address and (event := decode(log)) is not None:
                after = self.model.apply(event)
                assert after is not None
                self.model = after
                self.seen[type(event).__name__] += 1

    def mint_anywhere(self) -> None:
        middle = self.middle + round(self.rng.gauss(0, self.rng.choice((3, 300, 5_000))))
        lower, upper = sorted((middle, middle + self.rng.randint(-1, 1) * self.rng.randrange(1, 3_000)))
        amount = self.rng.randrange(1, 1 << self.rng.randint(1, 100))
        if lower < upper:
            self.mint(lower, upper, amount)

    def mint(self, lower: int, upper: int, amount: int) -> None:
        for pool in self.pools.values():
            self.chain.call(self.router, "mint(address,int24,int24,uint128)", pool, lower, upper, amount)
            self.follow()

    def require_same_quote(self, least: int = 0) -> None:
        zero_for_one = self.rng.random() < 0.5
        exact_in = self.rng.random() < 0.6
        amount = least + self.rng.randrange(1, 1 << self.rng.randint(1, 95))
        tokens = self.info.tokens if zero_for_one else self.info.tokens[::-1]
        quote = self.model.amount_out if exact_in else self.model.amount_in
        try:
            amount0, amount1, price, tick, liquidity = self.chain.call(
                self.quoter,
                "quote(address,bool,int256,uint160)",
                self.pools[zero_for_one],
                zero_for_one,
                amount if exact_in else -amount,
                _LIMITS[zero_for_one],
                returns=_OUTCOME,
            )
        except Reverted:
            with pytest.raises(SwapReverts):
                quote(*tokens, amount)
            self.seen["reverts"] += 1
            return
        paid, received = (amount0, -amount1) if zero_for_one else (amount1, -amount0)
        if (paid if exact_in else received) != amount:
            with pytest.raises(SwapReverts):
                quote(*tokens, amount)
            self.seen["partial"] += 1
            return
        assert quote(*tokens, amount) == (received if exact_in else paid)
        self.seen["quotes"] += 1
        if exact_in:
            bought, after = self.model.swap(*tokens, amount)
            assert (bought, after.price, after.tick, after.liquidity) == (received, price, tick, liquidity)

    def swap(self) -> None:
        """A swap of token0, whose event is what the model takes over."""
        tokens, amount = self.info.tokens, self.rng.randrange(1, 1 << self.rng.randint(1, 60))
        try:
            _, after = self.model.swap(*tokens, amount)
        except SwapReverts:
            return
        self.chain.call(self.router, "swap(address,bool,int256,uint160)", self.pools[True], True, amount, _LIMITS[True])
        self.follow()
        assert self.model == after


@pytest.fixture(scope="module")
def factory() -> tuple[Chain, Address]:
    artifacts.fetch()
    chain = Chain()
    address = chain.deploy(artifacts.load("UniswapV3Factory").creation)
    for fee in {fee for pair in _FEES for fee in pair}:
        chain.call(address, "enableFeeAmount(uint24,int24)", fee, 1)
    return chain, address


def test_camelot_v3_pool__any_amount_on_any_state__equals_the_contract_of_its_direction(
    factory: tuple[Chain, Address],
) -> None:
    chain, address = factory
    rng, seen = random.Random(51), Counter[str]()
    for turn in range(24):
        twins = Twins(chain, address, _FEES[turn % len(_FEES)], rng)
        for _ in range(150):
            before = twins.model
            twins.mint_anywhere()
            twins.seen["states"] += twins.model != before
            twins.require_same_quote()
        twins.require_same_quote(least=1 << 200)
        twins.swap()  # the last: it moves one of the twins
        seen += twins.seen

    assert seen["states"] >= 2_000, seen
    assert seen["quotes"] > 2_000
    assert seen["V3Mint"] > 200
    assert min(seen["partial"], seen["V3Swap"]) > 10
