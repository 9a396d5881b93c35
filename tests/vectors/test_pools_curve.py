"""
Curve's pools against what real contracts answered on their chains.
"""

from collections.abc import Callable
from typing import Any

import pytest

from keeper.math.stableswap import FEE_DENOMINATOR, get_D, get_xp
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address

Load = Callable[[str], Any]


@pytest.fixture
def tripool(load: Load) -> dict[str, Any]:
    state: dict[str, Any] = load("onchain_quotes/states/1_curve_tripool_block_24407242.json")
    return state


def test_curve_stableswap_pool__quotes_of_the_3pool__equal(load: Load, tripool: dict[str, Any]) -> None:
    """
    The 3pool of 2020 rounds in ``get_dy`` otherwise than in ``exchange``, which the model is of: it takes the fee after
    the conversion to the coin's decimals. Up to there both are one, and that is what a pool without a fee answers.
    """
    pool = _pool(tripool, fee=0)
    symbols = dict(zip((token["symbol"] for token in tripool["tokens"]), pool.tokens, strict=True))

    quotes = load("onchain_quotes/quotes/curve_tripool_get_dy.json")["entries"]

    assert len(quotes) == 18
    for key, answer in quotes.items():
        _, _, direction, amount = key.split("|")
        token_in, token_out = (symbols[symbol] for symbol in direction.split("->"))
        before_fee = pool.amount_out(token_in, token_out, int(amount))
        assert before_fee - before_fee * tripool["fee"] // FEE_DENOMINATOR == answer["value"], key


def test_curve_stableswap_pool__virtual_price_of_the_3pool__equal(tripool: dict[str, Any]) -> None:
    pool = _pool(tripool, fee=0)

    D = get_D(get_xp(pool.balances, pool.rates), pool.a)

    assert D * 10**18 // tripool["lp_token_total_supply"] == tripool["virtual_price"]


def _pool(state: dict[str, Any], fee: int) -> CurveStableSwapPool:
    tokens = tuple(Address(token["address"].lower()) for token in state["tokens"])
    info = PoolInfo("curve_stableswap", "curve", Address(state["address"].lower()), tokens, 0)
    rates = tuple(10 ** (36 - token["decimals"]) for token in state["tokens"])
    return CurveStableSwapPool(info, tuple(state["balances"]), rates, 100 * state["a_coefficient"], fee, 0)
