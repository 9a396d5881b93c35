"""
The libraries of v3-core: against the bytecode where a pool exposes them, else by the properties that v3-core tests.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.errors import SwapReverts
from keeper.math.sqrt_price_math import get_amount0_delta, get_amount1_delta
from keeper.math.swap_math import compute_swap_step
from keeper.math.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    get_sqrt_ratio_at_tick,
    get_tick_at_sqrt_ratio,
)
from localnet import artifacts
from tests.evm import Chain, Reverted

prices = st.integers(MIN_SQRT_RATIO, MAX_SQRT_RATIO - 1)
liquidities = st.integers(1, (1 << 128) - 1)


def test_tick_of_a_price__any__equals_the_contract() -> None:
    artifacts.fetch()
    chain = Chain()
    factory = chain.deploy(artifacts.load("UniswapV3Factory").creation)
    tokens = chain.token_pair()
    pool = chain.call(factory, "createPool(address,address,uint24)", *tokens, 500, returns=["address"])
    rng = random.Random(5)
    for _ in range(3_000):
        price = get_sqrt_ratio_at_tick(rng.randint(MIN_TICK, MAX_TICK)) + rng.choice((-1, 0, 1, rng.getrandbits(64)))
        with chain.rolled_back():
            try:
                chain.call(pool, "initialize(uint160)", price)
                _, expected, *_ = chain.call(pool, "slot0()", returns=["uint160", "int24"])
            except Reverted:
                with pytest.raises(SwapReverts):
                    get_tick_at_sqrt_ratio(price)
                continue
        assert get_tick_at_sqrt_ratio(price) == expected


@given(st.integers(MIN_TICK + 1, MAX_TICK - 1))
def test_tick_of_a_ratio__any_tick__there_and_back(tick: int) -> None:
    ratio = get_sqrt_ratio_at_tick(tick)

    assert get_tick_at_sqrt_ratio(ratio) == tick
    assert get_tick_at_sqrt_ratio(ratio - 1) == tick - 1


@given(prices, prices, liquidities)
def test_amount_deltas__rounded_up_and_down__differ_by_one_at_most(a: int, b: int, liquidity: int) -> None:
    for delta in (get_amount0_delta, get_amount1_delta):
        up, down = (delta(a, b, liquidity, round_up) for round_up in (True, False))
        assert 0 <= up - down <= 1


@given(prices, prices, liquidities, st.integers(-(1 << 200), 1 << 200), st.integers(0, 999_999))
def test_swap_step__any__exchanges_no_more_than_remains_nor_passes_the_target(
    current: int, target: int, liquidity: int, remaining: int, fee_pips: int
) -> None:
    price, amount_in, amount_out, fee_amount = compute_swap_step(current, target, liquidity, remaining, fee_pips)

    assert min(current, target) <= price <= max(current, target)
    if remaining < 0:
        assert amount_out <= -remaining
    else:
        assert amount_in + fee_amount <= remaining
    if price != target:
        assert (amount_out == -remaining) if remaining < 0 else (amount_in + fee_amount == remaining)
    if current == target:
        assert amount_in == amount_out == 0
