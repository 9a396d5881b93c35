"""
Balancer's pools against what real contracts answered on their chains.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from keeper.errors import SwapReverts
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_v3 import VaultState
from keeper.pools.balancer_v3_stable import BalancerV3StablePool
from keeper.pools.balancer_v3_weighted import BalancerV3WeightedPool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Hash

Load = Callable[[str], Any]

_WEIGHTED = (
    "apu_pepe_spx_3_token", "aura_kaiaura_50_50", "dai_gp_weth_usdt_4_token", "dai_weth_40_60", "gel_dexg_60_40",
    "par_mimo_75_25", "sdvecrv_crv_90_10", "usdc_weth", "usdc_weth_50_50", "weth_bal", "weth_rpl",
)  # fmt: skip
_WEIGHTED_QUOTES = (
    ("weth_bal_query_swap", 18),
    ("weth_rpl_query_swap", 18),
    ("usdc_weth_query_swap", 18),
    ("expanded_two_token_given_in", 108),
    ("expanded_two_token_given_out", 108),
    ("expanded_multi_token_given_in", 159),
    ("expanded_multi_token_given_out", 159),
)
_STABLE = ("bb_s_usd", "cbeth_wsteth", "tusd_bsp", "wsteth_weth")


@pytest.mark.parametrize(("name", "rows"), _WEIGHTED_QUOTES)
def test_balancer_weighted_pool__recorded_quotes__equal(load: Load, name: str, rows: int) -> None:
    states = [load(f"onchain_quotes/states/1_balancer_weighted_{pool}.json") for pool in _WEIGHTED]
    pools = {state["address"]: _weighted(state) for state in states}
    symbols = {state["address"]: [token["symbol"] for token in state["tokens"]] for state in states}

    quotes = load(f"onchain_quotes/quotes/balancer_v2_{name}.json")["entries"]

    assert len(quotes) == rows
    for key, answer in quotes.items():
        address, _, kind, *direction, amount = key.split("|")
        i, j = _direction(direction, symbols[address])
        assert _quoted(pools[address], kind, i, j, int(amount)) == answer.get("value"), key


@pytest.mark.parametrize("name", ["given_in", "given_out"])
def test_balancer_stable_pool__recorded_quotes__equal(load: Load, name: str) -> None:
    states = [load(f"onchain_quotes/states/1_balancer_stable_{pool}.json") for pool in _STABLE]
    pools = {state["address"]: _stable(state) for state in states}
    shares_of = {state["address"]: state["bpt_idx"] for state in states}

    quotes = load(f"onchain_quotes/quotes/balancer_v2_stable_query_swap_{name}.json")["entries"]

    assert len(quotes) == 108
    for key, answer in quotes.items():
        address, _, kind, *direction, amount = key.split("|")
        i, j = (_position(k, shares_of[address]) for k in _direction(direction, []))
        assert _quoted(pools[address], kind, i, j, int(amount)) == answer.get("value"), key


def _quoted(pool: BalancerWeightedPool | BalancerStablePool, kind: str, i: int, j: int, amount: int) -> int | None:
    try:
        return (pool.amount_out if kind == "GIVEN_IN" else pool.amount_in)(pool.tokens[i], pool.tokens[j], amount)
    except SwapReverts:
        return None


def _direction(written: list[str], symbols: list[str]) -> tuple[int, int]:
    """``i=0|j=1`` or ``BAL->WETH``."""
    if len(written) == 2:
        i, j = (int(index.split("=")[1]) for index in written)
        return i, j
    i, j = (symbols.index(symbol) for symbol in written[0].split("->"))
    return i, j


def _position(index: int, shares: int | None) -> int:
    """Of a token among those of the pool that are not its own shares."""
    return index if shares is None or index < shares else index - 1


def _info(family: str, state: dict[str, Any]) -> PoolInfo:
    tokens = tuple(Address(token["address"].lower()) for token in state["tokens"])
    return PoolInfo(family, "any", Address(state["address"].lower()), tokens, 0, pool_id=Hash(state["pool_id"]))


def _weighted(state: dict[str, Any]) -> BalancerWeightedPool:
    return BalancerWeightedPool(
        _info("balancer_weighted", state),
        tuple(state["balances"]),
        tuple(state["weights"]),
        tuple(10 ** (36 - token["decimals"]) for token in state["tokens"]),
        int(Fraction(state["fee"]) * 10**18),
        state["pow_version"] == "v2",
    )


def _stable(state: dict[str, Any]) -> BalancerStablePool:
    shares = state["bpt_idx"]
    tokens, balances, factors = (
        [value for k, value in enumerate(state[key]) if k != shares]
        for key in ("tokens", "balances", "resolved_scaling_factors")
    )
    return BalancerStablePool(
        _info("balancer_stable", state | {"tokens": tokens}),
        tuple(balances),
        tuple(factors),
        state["amp"],
        int(Fraction(state["fee"]) * 10**18),
        # Pools that do not hold shares of themselves are the older ones.
        shares is None,
    )


@pytest.mark.parametrize(
    ("name", "rows"), [("Weighted-USDC-DAI", 4), ("Stable-stataUSDC-stataUSDT", 2)], ids=["weighted", "stable"]
)
def test_balancer_v3_pool__recorded_swaps__equal(load: Load, name: str, rows: int) -> None:
    recorded = load(f"balancer_v3/11155111-7439300-{name}.json")
    pool = _v3(recorded["pool"])

    assert len(recorded["swaps"]) == rows
    for swap in recorded["swaps"]:
        quote = pool.amount_in if swap["swapKind"] else pool.amount_out
        tokens = Address(swap["tokenIn"].lower()), Address(swap["tokenOut"].lower())
        assert quote(*tokens, int(swap["amountRaw"])) == int(swap["outputRaw"])


def _v3(state: dict[str, Any]) -> BalancerV3WeightedPool | BalancerV3StablePool:
    kind = state["poolType"].lower()
    tokens = tuple(Address(token.lower()) for token in state["tokens"])
    info = PoolInfo(f"balancer_v3_{kind}", "any", Address(state["poolAddress"].lower()), tokens, 0)
    live, factors, rates = (
        tuple(map(int, state[key])) for key in ("balancesLiveScaled18", "scalingFactors", "tokenRates")
    )
    # Recorded are the live balances alone: the least that has them is what the Vault holds.
    balances = tuple(-(-x * 10**18 // (factor * rate)) for x, factor, rate in zip(live, factors, rates, strict=True))
    vault = VaultState(balances, factors, rates, True, int(state["swapFee"]), int(state["aggregateSwapFee"]))
    assert vault.live() == list(live)
    if kind == "stable":
        return BalancerV3StablePool(info, vault, int(state["amp"]))
    return BalancerV3WeightedPool(info, vault, tuple(map(int, state["weights"])))
