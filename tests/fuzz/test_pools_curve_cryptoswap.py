"""
The models of Curve's cryptoswap pools against curvesim, on random states, to the wei.

Of two coins curvesim has only what preceded NG: Newton's method, where NG has the cubic formula. There the answers
agree to the precision of the two, and the formula equals what the contract's own mathematics answered to the wei.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from keeper.errors import SwapReverts
from keeper.math import twocrypto_ng
from keeper.pools.curve_cryptoswap import CurveCryptoSwapPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address
from tests.vectors.curve_cases import COUNT, CryptoSwap, cryptoswaps


def _answers(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "vectors" / f"curve_{name}.json").read_text())


def _pool(case: CryptoSwap, D: int, generation: str) -> CurveCryptoSwapPool:
    tokens = tuple(Address(str(k)) for k in range(len(case.balances)))
    info = PoolInfo("curve_cryptoswap", "any", Address("0x"), tokens, 0)
    amounts = tuple(case.balances), tuple(case.precisions), tuple(case.price_scale)
    fees = case.mid_fee, case.out_fee, case.fee_gamma
    return CurveCryptoSwapPool(info, *amounts, case.ANN, case.gamma, D, *fees, generation)


@pytest.mark.parametrize("generation", ["2021", "ng"])
def test_tricrypto__any_amount_on_any_state__equals_curvesim(generation: str) -> None:
    seen: Counter[str] = Counter()
    for case, (D, dx, dy) in zip(cryptoswaps(3), _answers(f"tricrypto_{generation}"), strict=True):
        pool = _pool(case, D, generation)
        tokens = pool.tokens[case.i], pool.tokens[case.j]
        if dx is not None and generation == "ng":
            assert pool.amount_in(*tokens, case.balances[case.j] // 10 + 1) == dx
            seen["amounts in"] += 1
        if dy is None:
            with pytest.raises(SwapReverts):
                pool.amount_out(*tokens, case.dx)
            seen["reverts"] += 1
            continue
        assert pool.amount_out(*tokens, case.dx) == dy
        seen["amounts out"] += 1

    assert seen["amounts out"] + seen["reverts"] == COUNT
    assert seen["amounts out"] > 2_300
    assert seen["amounts in"] > 2_000 or generation == "2021"


def test_twocrypto_ng__any_amount_on_any_state__agrees_with_curvesim() -> None:
    compared = 0
    for case, (D, dx, dy) in zip(cryptoswaps(2), _answers("twocrypto"), strict=True):
        pool = _pool(case, D, "ng")
        tokens = pool.tokens[case.i], pool.tokens[case.j]
        #: 1e-11 of the pool, in the coin that is bought.
        tolerance = D / 10**11 / pool._unit(case.j) + 1
        if dx is not None:
            assert pool.amount_in(*tokens, case.balances[case.j] // 10 + 1) == pytest.approx(dx, rel=1e-8, abs=2)
        if dy is None or dy < tolerance:
            continue
        assert pool.amount_out(*tokens, case.dx) == pytest.approx(dy, abs=tolerance, rel=0)
        compared += 1

    assert compared > 1_500


def test_twocrypto_ng__any_balance_on_any_state__equals_the_contract_s_own_mathematics() -> None:
    seen: Counter[str] = Counter()
    for case, (D, *_), y in zip(cryptoswaps(2), _answers("twocrypto"), _answers("twocrypto_ng"), strict=True):
        arguments = (case.ANN, case.gamma, case.xp_after(), D, case.j)
        if y is None:
            with pytest.raises(SwapReverts):
                twocrypto_ng.get_y(*arguments)
            seen["reverts"] += 1
            continue
        assert twocrypto_ng.get_y(*arguments) == y
        seen["balances"] += 1

    assert seen["balances"] + seen["reverts"] == COUNT
    assert seen["balances"] > 2_000


@pytest.mark.parametrize(
    ("n", "generation", "a", "gamma"),
    [(2, "ng", 400_000, 145 * 10**12), (3, "ng", 2_700_000, 13 * 10**12), (3, "2021", 1_707_629, 11_809_167_828_997)],
)
def test_curve_cryptoswap_pool__rate_and_depth__are_the_slope_of_its_quotes(
    n: int, generation: str, a: int, gamma: int
) -> None:
    # Of equal values the invariant is their sum. Fees that move with the balances are no part of the slope.
    case = CryptoSwap([10**24] * n, [1] * n, [10**18] * (n - 1), a, gamma, 0, 0, 10**16, 0, n - 1, 0)
    pool = _pool(case, n * 10**24, generation)
    first_token, last_token = pool.tokens[0], pool.tokens[-1]
    dx = 10**20
    first, after = pool.swap(first_token, last_token, dx)
    second = after.amount_out(first_token, last_token, dx)

    assert first / dx == pytest.approx(pool.rate(first_token, last_token), rel=1e-3)
    assert pool.depth(first_token, last_token) == pytest.approx(2 * dx / (1 - second / first), rel=5e-2)
