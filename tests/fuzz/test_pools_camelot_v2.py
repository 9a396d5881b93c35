"""
The model of Camelot V2's pairs against degenbot, on random pairs, to the wei.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from keeper.errors import SwapReverts
from keeper.math.camelot_pair import FEE_DENOMINATOR, stable_k
from keeper.pools.camelot_v2 import CamelotV2Pool
from keeper.pools.pool import PoolInfo
from keeper.types import Address
from tests.vectors.camelot_cases import COUNT, PairSwap, pair_swaps


def _answers(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "vectors" / f"camelot_{name}.json").read_text())


def _pool(case: PairSwap, stable: bool) -> CamelotV2Pool:
    info = PoolInfo("camelot_v2", "camelot_v2", Address("0x"), (Address("0"), Address("1")), 0)
    decimals0, decimals1 = case.decimals
    return CamelotV2Pool(info, case.reserves, case.fee_percents, (10**decimals0, 10**decimals1), stable, 40_000)


def _k_after(pool: CamelotV2Pool, case: PairSwap, amount_out: int) -> tuple[int, int]:
    """The invariant before and after, as ``swap`` compares them, the fee set aside."""
    balances = list(pool.reserves)
    balances[case.i] += case.amount_in - case.amount_in * case.fee_percents[case.i] // FEE_DENOMINATOR
    balances[1 - case.i] -= amount_out
    if pool.stable_swap:
        return stable_k(*pool.reserves, *pool.units), stable_k(balances[0], balances[1], *pool.units)
    return pool.reserves[0] * pool.reserves[1], balances[0] * balances[1]


@pytest.mark.parametrize("stable", [False, True])
def test_camelot_v2_pool__any_amount_on_any_pair__equals_degenbot(stable: bool) -> None:
    seen: Counter[str] = Counter()
    for case, answer in zip(pair_swaps(stable), _answers("stable" if stable else "volatile"), strict=True):
        pool = _pool(case, stable)
        tokens = pool.tokens[case.i], pool.tokens[1 - case.i]
        before, after = _k_after(pool, case, answer)
        if after < before or answer < 0:
            # What getAmountOut answers, swap does not let go.
            with pytest.raises(SwapReverts, match="CamelotPair: K"):
                pool.amount_out(*tokens, case.amount_in)
            seen["reverts"] += 1
            continue
        assert pool.amount_out(*tokens, case.amount_in) == answer
        seen["amounts out"] += 1

    assert seen["amounts out"] + seen["reverts"] == COUNT
    assert seen["amounts out"] > (2_000 if stable else COUNT - 1)


def test_camelot_v2_pool__any_output_of_a_volatile_pair__is_the_least_input_that_buys_it() -> None:
    for case in pair_swaps(False):
        pool = _pool(case, False)
        tokens = pool.tokens[case.i], pool.tokens[1 - case.i]
        bought = pool.amount_out(*tokens, case.amount_in)
        if not bought:
            continue
        asked = pool.amount_in(*tokens, bought)

        assert pool.amount_out(*tokens, asked) >= bought
        assert asked <= case.amount_in + 1


@pytest.mark.parametrize("stable", [False, True])
def test_camelot_v2_pool__rate_and_depth__are_the_slope_of_its_quotes(stable: bool) -> None:
    info = PoolInfo("camelot_v2", "camelot_v2", Address("0x"), (Address("0"), Address("1")), 0)
    pool = CamelotV2Pool(info, (3 * 10**24, 5 * 10**24), (300, 500), (10**18, 10**18), stable)
    for tokens in (pool.tokens, pool.tokens[::-1]):
        dx = 10**20
        first, after = pool.swap(*tokens, dx)
        second = after.amount_out(*tokens, dx)

        assert first / dx == pytest.approx(pool.rate(*tokens), rel=1e-3)
        assert pool.depth(*tokens) == pytest.approx(2 * dx / (1 - second / first), rel=2e-2)
