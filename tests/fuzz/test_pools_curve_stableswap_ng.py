"""
The model of Curve's StableSwap NG against curvesim, on random states, to the wei.

Curvesim rounds the invariant as the plain pools do. So the invariant is compared with what the contract's own
mathematics answered, and all that follows from it with curvesim, from curvesim's.
"""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from keeper.errors import SwapReverts
from keeper.math.stableswap import get_xp
from keeper.math.stableswap_ng import get_D
from keeper.pools.curve_stableswap_ng import CurveStableSwapNGPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address
from tests.vectors.curve_cases import COUNT, StableSwap, stableswaps

_VECTORS = Path(__file__).parents[1] / "vectors"
_ANSWERS = json.loads((_VECTORS / "curve_stableswap_ng.json").read_text())
_INVARIANTS = json.loads((_VECTORS / "curve_stableswap_ng_d.json").read_text())


def _pool(case: StableSwap) -> CurveStableSwapNGPool:
    tokens = tuple(Address(str(k)) for k in range(len(case.balances)))
    info = PoolInfo("curve_stableswap_ng", "any", Address("0x"), tokens, 0)
    parameters = (100 * case.A, case.fee, case.offpeg_fee_multiplier, case.admin_fee)
    return CurveStableSwapNGPool(info, tuple(case.balances), tuple(case.rates), *parameters)


def test_invariant__any_state__equals_the_contract_s_own_mathematics() -> None:
    compared = 0
    for case, D in zip(stableswaps(), _INVARIANTS, strict=True):
        if D is None:
            with pytest.raises(SwapReverts):
                get_D(case.xp(), 100 * case.A)
            continue
        assert get_D(case.xp(), 100 * case.A) == D
        compared += 1

    assert compared > 2_400


def test_curve_stableswap_ng_pool__any_amount_on_any_state__equals_curvesim() -> None:
    seen: Counter[str] = Counter()
    for case, (D, dx, dy, remains) in zip(stableswaps(), _ANSWERS, strict=True):
        pool = _pool(case)
        tokens = pool.tokens[case.i], pool.tokens[case.j]
        if D is None:
            seen["no invariant"] += 1  # curvesim's rounding goes round in circles
            continue
        pool._invariant.append((get_xp(pool.balances, pool.rates), D))
        if dx is not None:
            assert pool.amount_in(*tokens, case.balances[case.j] // 10) == dx
            seen["amounts in"] += 1
        if dy is None:
            with pytest.raises(SwapReverts):
                pool.swap(*tokens, case.dx)
            seen["reverts"] += 1
            continue
        bought, after = pool.swap(*tokens, case.dx)
        assert (bought, after.balances[case.j]) == (dy, remains)
        assert after.balances[case.i] == case.balances[case.i] + case.dx
        seen["amounts out"] += 1

    assert seen["amounts out"] + seen["reverts"] + seen["no invariant"] == COUNT
    assert seen["amounts out"] > 2_400
    assert seen["amounts in"] > 2_400


def test_curve_stableswap_ng_pool__rate_and_depth__are_the_slope_of_its_quotes() -> None:
    rng = random.Random(9)
    for n in (2, 3, 8):
        pool = CurveStableSwapNGPool(
            PoolInfo("curve_stableswap_ng", "any", Address("0x"), tuple(Address(str(k)) for k in range(n)), 0),
            tuple(rng.randrange(10**24, 10**25) for _ in range(n)),
            tuple(10**18 * rng.randint(100, 130) // 100 for _ in range(n)),
            rng.choice((1_000, 20_000)),
            4_000_000,
            5 * 10**10,
            0,
        )
        dx = 10**20
        first, after = pool.swap(*pool.tokens[:2], dx)
        second = after.amount_out(*pool.tokens[:2], dx)

        assert first / dx == pytest.approx(pool.rate(*pool.tokens[:2]), rel=1e-3)
        assert pool.depth(*pool.tokens[:2]) == pytest.approx(2 * dx / (1 - second / first), rel=5e-2)
