"""
The models of Balancer V3's pools against balancer-maths, on random pools, to the wei.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from keeper.errors import SwapReverts
from keeper.pools.balancer_v3 import BalancerV3Pool, VaultState
from keeper.pools.balancer_v3_stable import BalancerV3StablePool
from keeper.pools.balancer_v3_weighted import BalancerV3WeightedPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address
from tests.vectors.balancer_v3_cases import COUNT, VaultSwap, vault_swaps

_KINDS = ("weighted", "stable")


def _answers(kind: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "vectors" / f"balancer_v3_{kind}.json").read_text())


def _pool(case: VaultSwap, kind: str) -> BalancerV3Pool:
    tokens = tuple(Address(str(k)) for k in range(len(case.balances)))
    info = PoolInfo(f"balancer_v3_{kind}", "balancer_v3", Address("0x"), tokens, 0)
    vault = VaultState(
        tuple(case.balances),
        tuple(case.scaling_factors),
        tuple(case.rates),
        True,
        case.swap_fee,
        case.aggregate_swap_fee,
    )
    if kind == "stable":
        return BalancerV3StablePool(info, vault, case.amp)
    return BalancerV3WeightedPool(info, vault, tuple(case.weights))


@pytest.mark.parametrize("kind", _KINDS)
def test_balancer_v3_pool__any_amount_on_any_pool__equals_balancer_maths(kind: str) -> None:
    seen: Counter[str] = Counter()
    for case, answer in zip(vault_swaps(), _answers(kind), strict=True):
        pool = _pool(case, kind)
        assert pool.vault.live() == case.live()
        quote = pool.amount_out if case.exact_in else pool.amount_in
        tokens = pool.tokens[case.i], pool.tokens[case.j]
        if answer is None:
            with pytest.raises(SwapReverts):
                quote(*tokens, case.amount)
            seen["reverts"] += 1
            continue
        assert quote(*tokens, case.amount) == answer
        seen["amounts out" if case.exact_in else "amounts in"] += 1

    assert sum(seen.values()) == COUNT
    assert min(seen["amounts out"], seen["amounts in"]) > 700
    assert seen["reverts"] > 100


@pytest.mark.parametrize("kind", _KINDS)
def test_balancer_v3_pool__swaps_there_and_back__never_gain(kind: str) -> None:
    compared = 0
    for case in vault_swaps():
        pool = _pool(case, kind)
        token_in, token_out = pool.tokens[case.i], pool.tokens[case.j]
        try:
            bought, after = pool.swap(token_in, token_out, case.amount)
            returned, _ = after.swap(token_out, token_in, bought)
        except SwapReverts:
            continue
        assert returned <= case.amount
        compared += 1

    assert compared > 700


@pytest.mark.parametrize("kind", _KINDS)
def test_balancer_v3_pool__rate_and_depth__are_the_slope_of_its_quotes(kind: str) -> None:
    weights = [3 * 10**17, 7 * 10**17]
    balances, rates = [3 * 10**24, 5 * 10**24], [11 * 10**17, 10**18]
    case = VaultSwap(balances, [1, 1], rates, 10**15, 0, weights, 50_000, 0, 1, True, 0)
    pool = _pool(case, kind)
    for tokens in (pool.tokens, pool.tokens[::-1]):
        dx = 10**20
        first, after = pool.swap(*tokens, dx)
        second = after.amount_out(*tokens, dx)

        assert first / dx == pytest.approx(pool.rate(*tokens), rel=1e-3)
        assert pool.depth(*tokens) == pytest.approx(2 * dx / (1 - second / first), rel=2e-2)
