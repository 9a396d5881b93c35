"""
Curve's pools against what real contracts answered on their chains.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from keeper.math.cryptoswap import fee
from keeper.math.stableswap import FEE_DENOMINATOR, get_D, get_xp
from keeper.pools.curve_cryptoswap import CurveCryptoSwapPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address

Load = Callable[[str], Any]


@pytest.fixture
def tripool(load: Load) -> dict[str, Any]:
    state: dict[str, Any] = load("onchain_quotes/states/1_curve_tripool_block_24407242.json")
    return state


@pytest.fixture
def metapool(load: Load) -> dict[str, Any]:
    """RAI against the 3pool's shares."""
    state: dict[str, Any] = load("onchain_quotes/states/1_curve_metapool_rai_3crv_block_25144000.json")
    return state


def test_curve_stableswap_pool__quotes_of_the_3pool__equal(load: Load, tripool: dict[str, Any]) -> None:
    quotes = load("onchain_quotes/quotes/curve_tripool_get_dy.json")["entries"]

    assert len(quotes) == 18
    for key, answer in quotes.items():
        assert _get_dy_of_2020(tripool, key) == answer["value"], key


def test_curve_stableswap_pool__quotes_of_the_3pool_through_a_metapool__equal(
    load: Load, metapool: dict[str, Any]
) -> None:
    quotes = _between(load, "get_dy_underlying", {token["symbol"] for token in metapool["base_pool"]["tokens"]})

    assert len(quotes) == 18
    for key, value in quotes.items():
        assert _get_dy_of_2020(metapool["base_pool"], key) == value, key


def test_curve_stableswap_pool__quotes_of_a_pool_with_rates__equal(load: Load, metapool: dict[str, Any]) -> None:
    rates = metapool["redemption_price"], metapool["base_virtual_price"]
    pool = replace(_pool(metapool, fee=metapool["fee"]), rates=rates)
    quotes = _between(load, "get_dy", {"RAI", "3Crv"})

    assert len(quotes) == 6
    for key, value in quotes.items():
        assert pool.amount_out(*_direction(metapool, key), _amount(key)) == value, key


def test_curve_stableswap_pool__virtual_price_of_the_3pool__equal(tripool: dict[str, Any]) -> None:
    pool = _pool(tripool, fee=0)

    D = get_D(get_xp(pool.balances, pool.rates), pool.a)

    assert D * 10**18 // tripool["lp_token_total_supply"] == tripool["virtual_price"]


def test_curve_cryptoswap_pool__quotes_of_tricrypto__equal(load: Load) -> None:
    state = load("onchain_quotes/states/1_curve_tricrypto_block_24407242.json")
    pool = _tricrypto(state)
    quotes = load("onchain_quotes/quotes/curve_tricrypto_get_dy.json")["entries"]

    assert len(quotes) == 18
    for key, answer in quotes.items():
        assert pool.amount_out(*_direction(state, key), _amount(key)) == answer["value"], key


def test_curve_cryptoswap_pool__fee_of_tricrypto__equal(load: Load) -> None:
    state = load("onchain_quotes/states/1_curve_tricrypto_block_24407242.json")
    pool = _tricrypto(state)

    assert fee(pool._xp(pool.balances), pool.mid_fee, pool.out_fee, pool.fee_gamma) == state["fee"]


def _tricrypto(state: dict[str, Any]) -> CurveCryptoSwapPool:
    """The very first, which tells A with no decimals."""
    tokens = tuple(Address(token["address"].lower()) for token in state["tokens"])
    info = PoolInfo("curve_cryptoswap", "curve", Address(state["address"].lower()), tokens, 0)
    return CurveCryptoSwapPool(
        info,
        tuple(state["balances"]),
        tuple(10 ** (18 - token["decimals"]) for token in state["tokens"]),
        tuple(state["price_scale"]),
        10_000 * state["a_coefficient"],
        *(state[key] for key in ("gamma", "d", "mid_fee", "out_fee", "fee_gamma")),
        "2021",
    )


def _between(load: Load, function: str, symbols: set[str]) -> dict[str, int]:
    """The metapool's answers of a function for swaps between these; others deposit or withdraw, too."""
    quotes = load("onchain_quotes/quotes/curve_metapool_get_dy.json")["entries"]
    return {
        key: answer["value"]
        for key, answer in quotes.items()
        if key.split("|")[1] == function and set(key.split("|")[2].split("->")) <= symbols
    }


def _get_dy_of_2020(state: dict[str, Any], key: str) -> int:
    """
    What the 3pool answers. It rounds in ``get_dy`` otherwise than in ``exchange``, which the model is of: it takes the
    fee after the conversion to the coin's decimals. Up to there both are one, and that is what a pool without a fee
    answers.
    """
    before_fee = _pool(state, fee=0).amount_out(*_direction(state, key), _amount(key))
    return before_fee - before_fee * int(state["fee"]) // FEE_DENOMINATOR


def _direction(state: dict[str, Any], key: str) -> tuple[Address, Address]:
    token_of = {token["symbol"]: Address(token["address"].lower()) for token in state["tokens"]}
    token_in, token_out = (token_of[symbol] for symbol in key.split("|")[2].split("->"))
    return token_in, token_out


def _amount(key: str) -> int:
    return int(key.split("|")[3])


def _pool(state: dict[str, Any], fee: int) -> CurveStableSwapPool:
    tokens = tuple(Address(token["address"].lower()) for token in state["tokens"])
    info = PoolInfo("curve_stableswap", "curve", Address(state["address"].lower()), tokens, 0)
    rates = tuple(10 ** (36 - token["decimals"]) for token in state["tokens"])
    return CurveStableSwapPool(info, tuple(state["balances"]), rates, 100 * state["a_coefficient"], fee, 0)
