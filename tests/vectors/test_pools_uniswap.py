"""
Uniswap V2 and V3 against what real contracts answered on their chains.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from keeper.errors import SwapReverts
from keeper.events import V3Initialize, V3Mint
from keeper.math.tick import Ticks
from keeper.math.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO, get_sqrt_ratio_at_tick, get_tick_at_sqrt_ratio
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address

Load = Callable[[str], Any]
Row = tuple[str, Address, Address, int, int]

_POOL = Address("0x" + "aa" * 20)
_TOKENS = (Address("0x" + "00" * 19 + "01"), Address("0x" + "00" * 19 + "02"))


def test_tick_math__vectors_of_the_library__equal(load: Load) -> None:
    vectors = load("uniswap_v3_core/tickmath_vectors.json")

    ratios = [(get_sqrt_ratio_at_tick(int(tick)), int(ratio)) for tick, ratio in vectors["getSqrtRatioAtTick"]]
    ticks = [(get_tick_at_sqrt_ratio(int(ratio)), int(tick)) for ratio, tick in vectors["getTickAtSqrtRatio"]]

    assert len(ratios) + len(ticks) == 41
    assert all(ours == theirs for ours, theirs in ratios + ticks)


def test_uniswap_v3_pool__swap_vectors_of_the_contract__equal(load: Load) -> None:
    vectors = load("uniswap_v3_core/swap_vectors.json")

    outcomes = [(_swapped(vector), _expected(vector["expected"])) for vector in vectors]

    assert len(outcomes) == 240
    assert sum(theirs is None for _, theirs in outcomes) == 50
    assert all(ours == theirs for ours, theirs in outcomes)


def test_uniswap_v2_pool__quotes_of_pancake__equal(load: Load) -> None:
    state = load("onchain_quotes/states/8453_pancakeswap_v2_weth_usdbc_block_46875151.json")
    symbols = dict(zip((state["token0"]["symbol"], state["token1"]["symbol"]), _TOKENS, strict=True))
    fee_pips = 1_000_000 * state["fee_numer"] // state["fee_denom"]
    info = PoolInfo("uniswap_v2", "pancake_v2", _POOL, _TOKENS, fee_pips)
    pool = UniswapV2Pool(info, state["reserves_token0"], state["reserves_token1"])

    rows = list(_rows(load("onchain_quotes/quotes/pancakeswap_v2_router_get_amounts_out.json"), symbols))

    assert len(rows) == 24
    for _, token_in, token_out, amount, value in rows:
        assert pool.amount_out(token_in, token_out, amount) == value


@pytest.mark.parametrize(
    ("state_name", "quotes_name", "symbols", "rows", "whole"),
    [
        ("1_uniswap_v3_wbtc_weth_block_24407242", "cached_calculations_v3_wbtc_weth", ("WBTC", "WETH"), 80, 69),
        # Slipstream differs from Uniswap V3 in how its fee is set, not in how a swap is computed.
        ("8453_aerodrome_v3_cbeth_weth_block_46875151", "aerodrome_v3_cbeth_weth_quote", ("cbETH", "WETH"), 25, 25),
    ],
)
def test_uniswap_v3_pool__quotes_of_the_quoter__equal(
    load: Load, state_name: str, quotes_name: str, symbols: tuple[str, str], rows: int, whole: int
) -> None:
    pool = _v3_pool(load(f"onchain_quotes/states/{state_name}.json"))
    token_of = dict(zip(symbols, _TOKENS, strict=True))

    answers = [_quoted(pool, row) for row in _rows(load(f"onchain_quotes/quotes/{quotes_name}.json"), token_of)]

    assert len(answers) == rows
    assert sum(answers) == whole


def _quoted(pool: UniswapV3Pool, row: Row) -> bool:
    """
    Whether the pool exchanges the whole amount. The quoter answers too for the part of an amount that a pool could
    exchange; a model refuses that, so there the answer is compared with the limited swap alone.
    """
    function, token_in, token_out, amount, value = row
    exact_in = function == "quoteExactInputSingle"
    try:
        quoted = (pool.amount_out if exact_in else pool.amount_in)(token_in, token_out, amount)
    except SwapReverts:
        paid, received = _limited(pool, token_in == _TOKENS[0], amount if exact_in else -amount)
        assert (paid if exact_in else received) < amount
        assert value == (received if exact_in else paid)
        return False
    assert quoted == value
    return True


def _v3_pool(state: dict[str, Any]) -> UniswapV3Pool:
    scalars = state["scalars"]
    info = PoolInfo("uniswap_v3", "any", _POOL, _TOKENS, scalars["fee"], scalars["tick_spacing"])
    ticks = Ticks.of({int(tick): (gross, net) for tick, (gross, net, _) in state["tick_data"].items()})
    return UniswapV3Pool(info, scalars["sqrt_price_x96"], scalars["tick"], scalars["liquidity"], ticks)


def _swapped(vector: dict[str, Any]) -> tuple[int, int, int] | None:
    pool = UniswapV3Pool.new(PoolInfo("uniswap_v3", "uniswap_v3", _POOL, _TOKENS, vector["fee"], vector["tickSpacing"]))
    price = int(vector["sqrtPriceX96"])
    events: list[V3Initialize | V3Mint] = [V3Initialize(_POOL, price, get_tick_at_sqrt_ratio(price))]
    events += [
        V3Mint(_POOL, position["tickLower"], position["tickUpper"], int(position["liquidity"]), 0, 0)
        for position in vector["positions"]
    ]
    for event in events:
        pool = pool.apply(event) or pytest.fail(f"{event} was not applied")
    limit = int(vector["sqrtPriceLimitX96"])
    try:
        amount0, amount1, after = pool.swap_to(vector["zeroForOne"], int(vector["amountSpecified"]), limit)
    except SwapReverts:
        return None
    return amount0, amount1, after.tick


def _expected(expected: dict[str, Any]) -> tuple[int, int, int] | None:
    if "swapError" in expected:
        return None
    return int(expected["amount0Delta"]), int(expected["amount1Delta"]), expected["tickAfter"]


def _rows(quotes: dict[str, Any], symbols: dict[str, Address]) -> Iterator[Row]:
    for key, answer in quotes["entries"].items():
        if answer.get("exception") == "Timeout":
            continue  # the recording node gave up, which says nothing about the contract
        _pool, function, pair, amount = key.split("|")
        token_in, token_out = (symbols[symbol] for symbol in pair.split("->"))
        yield function, token_in, token_out, int(amount), answer["value"]


def _limited(pool: UniswapV3Pool, zero_for_one: bool, amount: int) -> tuple[int, int]:
    limit = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
    amount0, amount1, _ = pool.swap_to(zero_for_one, amount, limit)
    return (amount0, -amount1) if zero_for_one else (amount1, -amount0)
