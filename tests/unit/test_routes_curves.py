import random
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from math import exp, inf

import numpy as np
import pytest

from keeper.errors import SwapReverts
from keeper.events import V3Burn, V3Mint
from keeper.math.tick import Ticks
from keeper.pools.pool import Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.routes.curves import CurveTable, directions
from keeper.routes.graph import Edge
from keeper.routes.kernels import climb
from keeper.routes.kernels.tables import FALLS, STABLE, Curves
from keeper.routes.ranges import Ranges
from tests.random_markets import EqualWeights, address, random_market, v2_pool, v3_pool
from tests.real_curves import composed, real_curve

TOKENS = (address(1), address(2))


def curves_of(pool: Pool) -> Curves:
    table = CurveTable()
    n = len(pool.tokens) * (len(pool.tokens) - 1)
    table.follow(table.add(0, 0, n), pool)
    return table.arrays


def rows_of(ranges: Ranges, pool: UniswapV3Pool) -> np.ndarray:  # type: ignore[type-arg]
    """The rows of a pool that has key 0, from end to end."""
    position = pool.ticks.position(pool.tick)
    row = ranges.follow(0, pool.ticks, position, pool.liquidity)
    start = row - 1 - position
    return ranges.rows[start : start + len(pool.ticks) + 3].copy()


@pytest.mark.parametrize("seed", range(20))
def test_curves__any_pool__have_its_rates(seed: int) -> None:
    _, pools = random_market(seed)
    for pool in pools:
        curves = curves_of(pool)

        for edge, (token_in, token_out) in enumerate((pool.tokens, pool.tokens[::-1])):
            rate = pool.rate(token_in, token_out)
            if rate > 0:
                assert curves.rate[edge] == pytest.approx(rate, rel=1e-12)
            else:
                assert curves.log_rate[edge] == -inf


def paid_by(curves: Curves, edge: int, amount_in: float) -> tuple[float, float]:
    """What an edge pays in floats, and its marginal rate there."""
    scratch, row = np.empty((3, 1)), np.empty(1, np.int64)
    paid, rate, *_ = climb._paid(curves, np.array([edge]), 1, scratch, row, float(amount_in))
    return paid, rate


@pytest.mark.parametrize("seed", range(20))
def test_curves__reach__bounds_what_a_pool_pays_until_its_rate_has_fallen(seed: int) -> None:
    rng = random.Random(seed)
    for pool in random_market(seed, kinds="234cws")[1]:
        curves = curves_of(pool)
        for edge, (token_in, token_out) in enumerate(directions(pool)):
            if curves.log_rate[edge] == -inf:
                continue
            for _ in range(20):
                amount_in = int(curves.depth[edge] * 10 ** rng.uniform(-6, 0.5)) + 1
                paid, rate = paid_by(curves, edge, amount_in)
                for fall, reach in zip((*FALLS, inf), curves.reach[edge], strict=True):
                    most = curves.rate[edge] * amount_in / (1 + amount_in / reach)
                    assert rate < curves.rate[edge] * exp(-fall) or paid <= most * (1 + 1e-9) + 1
                with suppress(SwapReverts):
                    assert pool.amount_out(token_in, token_out, amount_in) <= paid * (1 + 1e-12) + 1


@pytest.mark.parametrize("seed", range(20))
def test_curves__closed_forms__equal_the_real_curves(seed: int) -> None:
    rng = random.Random(seed)
    for pool in random_market(seed, kinds="cws")[1]:
        curves = curves_of(pool)
        for edge, (token_in, token_out) in enumerate(directions(pool)):
            real = composed([real_curve(Edge(pool.address, token_in, token_out), pool)])
            nothing = real(Decimal(0)) if curves.kind[edge] == STABLE else Decimal(0)
            slack = curves.shapes[curves.row[edge], 5] if curves.kind[edge] == STABLE else 0.0
            for _ in range(5):
                amount_in = curves.depth[edge] * 10 ** rng.uniform(-6, 1)

                paid, rate = paid_by(curves, edge, amount_in)

                assert paid - slack == pytest.approx(float(real(Decimal(amount_in)) - nothing), rel=1e-12)
                beside = amount_in * 1e-4
                if amount_in + beside < curves.limit[edge] and rate > 1e-2 * curves.rate[edge]:
                    more, less = (paid_by(curves, edge, amount_in + way * beside)[0] for way in (1, -1))
                    assert rate == pytest.approx((more - less) / (2 * beside), rel=1e-5)


def test_curves__no_reserves__cannot_trade() -> None:
    assert (curves_of(v2_pool(1, TOKENS, 0, 10**18)).log_rate == -inf).all()


def test_curves__not_initialised__cannot_trade() -> None:
    pool = v3_pool(1, TOKENS, 1.0, [])
    assert (curves_of(UniswapV3Pool.new(pool.info)).log_rate == -inf).all()


def test_curves__price_above_all_liquidity__trades_down_from_the_first_range() -> None:
    pool = v3_pool(1, TOKENS, 2.0, [(-600, 600, 10**18)])

    curves = curves_of(pool)

    assert curves.rate[0] == pytest.approx(1.0001**600 * 0.997)
    assert curves.rate[0] == pytest.approx(pool.rate(*TOKENS))
    assert curves.log_rate[1] == -inf


def test_curves__ticks_known_in_part__end_where_knowledge_does() -> None:
    whole = v3_pool(1, TOKENS, 1.0, [(-60_000, 60_000, 10**18)])
    known = Ticks.of({}, (-1_200, 1_200))

    curves = curves_of(replace(whole, ticks=known))

    assert curves.cap[0] == pytest.approx(1e18 * (1.0001**600 - 1) / 0.997, rel=1e-9)
    assert curves_of(whole).cap[0] > 10 * curves.cap[0]


def test_curves__sampled__follow_the_pool() -> None:
    _, pools = random_market(3, kinds="n")
    pool = pools[0]
    assert isinstance(pool, EqualWeights)
    table = CurveTable()
    table.add(0, 0, 12)

    table.sample(0, pool, pool.tokens[0], pool.tokens[1])

    curves, row = table.arrays, int(table.arrays.row[0])
    assert curves.rate[0] == pytest.approx(pool.rate(pool.tokens[0], pool.tokens[1]))
    amount = paid = 0.0
    while curves.rows[row, 1] > 0:
        rate, depth, cap = curves.rows[row]
        amount, paid, row = amount + cap, paid + rate * cap / (1 + cap / depth), row + 1
        assert paid == pytest.approx(pool.amount_out(pool.tokens[0], pool.tokens[1], int(amount)), abs=2, rel=1e-6)
    assert amount > pool.reserves[0] / 4


def test_ranges__price_moves__only_the_row_does() -> None:
    pool = v3_pool(1, TOKENS, 1.0, [(-6_000, 6_000, 10**18), (-60, 60, 10**19), (120, 600, 10**18)])
    ranges = Ranges()
    before = rows_of(ranges, pool)
    _, after = pool.swap(TOKENS[1], TOKENS[0], 2 * 10**17)

    row = ranges.follow(0, after.ticks, after.ticks.position(after.tick), after.liquidity)

    assert (rows_of(ranges, after) == before).all()
    assert ranges.rows[row, 1] == after.liquidity != pool.liquidity


@pytest.mark.parametrize("seed", range(10))
def test_ranges__mints_and_burns__equal_fresh_rows(seed: int) -> None:
    rng = random.Random(seed)
    pool = v3_pool(1, TOKENS, 1.0, [(-6_000, 6_000, 10**18)])
    worn, minted = Ranges(), []
    for _ in range(60):
        if minted and rng.random() < 0.45:
            lower, upper, amount = minted.pop(rng.randrange(len(minted)))
            after = pool.apply(V3Burn(pool.address, lower, upper, amount, 0, 0))
        else:
            lower = rng.randrange(-50, 49) * 60
            upper, amount = rng.randrange(lower // 60 + 1, 51) * 60, rng.randrange(1, 10**30)
            minted.append((lower, upper, amount))
            after = pool.apply(V3Mint(pool.address, lower, upper, amount, 0, 0))
        assert after is not None
        pool = after

        rows = rows_of(worn, pool)

        assert (rows == rows_of(Ranges(), pool)).all()


def test_ranges__other_part_known__are_written_anew() -> None:
    pool = v3_pool(1, TOKENS, 1.0, [(-600, 600, 10**17)])
    ranges = Ranges()
    rows_of(ranges, replace(pool, ticks=Ticks.of(pool.ticks, (-1_200, 1_200))))
    wider = replace(pool, ticks=Ticks.of(pool.ticks, (-12_000, 12_000)))

    rows = rows_of(ranges, wider)

    assert (rows == rows_of(Ranges(), wider)).all()
