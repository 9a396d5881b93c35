"""
The convex bound: by hand, against the exact models, and against a search over prices that shares no code with it.
"""

import math
import random
from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import pytest

from keeper.convex.bound import Bound, bound
from keeper.convex.dual import empty_flow, evaluate, minimise
from keeper.convex.kernels import flows
from keeper.convex.problem import problem
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool, PoolInfo
from keeper.routes.graph import Edge, Graph
from keeper.types import Address
from tests.random_markets import EqualWeights, address, random_market, v2_pool, v3_pool
from tests.real_curves import real_curve

WETH, USDC, DAI = (address(n) for n in range(1, 4))
ONE = 10**18


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Markets so small take less time than the compiler does."""
    monkeypatch.setattr("keeper.convex.problem.compile_kernels", lambda: False)


def graph_of(pools: Sequence[Pool]) -> Graph:
    graph = Graph()
    for pool in pools:
        graph.update(pool)
    return graph


def bound_of(pools: Sequence[Pool], token: Address = WETH) -> Bound:
    return bound(graph_of(pools), pools, {token: 1.0})


def weighted(n: int, tokens: tuple[Address, ...], balances: tuple[int, ...], weights: tuple[int, ...]) -> Pool:
    info = PoolInfo("balancer_weighted", "balancer_v2", address(n), tokens, 0)
    percent = tuple(weight * 10**16 for weight in weights)
    return BalancerWeightedPool(info, balances, percent, (ONE,) * len(tokens), 3 * 10**15)


def curve(n: int, tokens: tuple[Address, ...], balances: tuple[int, ...]) -> Pool:
    info = PoolInfo("curve_stableswap", "curve", address(n), tokens, 0)
    return CurveStableSwapPool(info, balances, (ONE,) * len(tokens), 20_000, 4_000_000, 5 * 10**9)


def stable(n: int, tokens: tuple[Address, ...], balances: tuple[int, ...]) -> Pool:
    info = PoolInfo("balancer_stable", "balancer_v2", address(n), tokens, 0)
    return BalancerStablePool(info, balances, (ONE,) * len(tokens), 200_000, 4 * 10**14)


def test_bound__two_v2_pools__is_the_closed_form() -> None:
    dear, cheap = (
        v2_pool(10, (WETH, USDC), 100 * ONE, 330_000 * ONE),
        v2_pool(11, (WETH, USDC), 80 * ONE, 240_000 * ONE),
    )

    found = bound_of([dear, cheap])

    # Composed, the two pools are one Moebius map r x / (1 + b x), which gains (sqrt(r) - 1)**2 / b at most.
    keep = 0.997
    rate_in, rate_out = keep * 330_000 / 100, keep * 80 / 240_000
    bend = keep / (100 * ONE) + rate_in * keep / (240_000 * ONE)
    expected = (math.sqrt(rate_in * rate_out) - 1) ** 2 / bend
    assert found.solution.converged
    assert found.wei == pytest.approx(expected, rel=1e-8)
    assert found.plan({dear.address: dear, cheap.address: cheap}, {WETH: 1.0}).worth_wei == pytest.approx(expected)


def test_bound__prices_within_the_fees__is_nothing() -> None:
    pools = [v2_pool(10, (WETH, USDC), ONE, 3_000 * ONE), v2_pool(11, (WETH, USDC), ONE, 3_015 * ONE)]

    found = bound_of(pools)

    assert found.wei <= 1e9
    assert found.plan({pool.address: pool for pool in pools}, {WETH: 1.0}).swaps == ()


def test_bound__three_pools_of_a_pair__splits_at_equal_marginal_prices() -> None:
    pools = [v2_pool(10 + k, (WETH, USDC), ONE, 3_000 * ONE) for k in range(2)]
    dear = v2_pool(20, (WETH, USDC), 10 * ONE, 33_000 * ONE)

    split, single = bound_of([*pools, dear]), bound_of([pools[0], dear])

    merged = bound_of([v2_pool(30, (WETH, USDC), 2 * ONE, 6_000 * ONE), dear])
    assert split.wei == pytest.approx(merged.wei, rel=1e-8)
    assert split.wei > 1.5 * single.wei


def test_bound__profit_only_in_a_token_without_a_way_home__is_nothing() -> None:
    pools = [v2_pool(10, (USDC, DAI), ONE, ONE), v2_pool(11, (USDC, DAI), ONE, 2 * ONE)]

    found = bound_of([*pools, v2_pool(12, (WETH, address(9)), ONE, ONE)])

    assert found.wei == 0.0


def test_bound__pools_of_an_unknown_family__are_told() -> None:
    known = v2_pool(10, (WETH, USDC), ONE, 3_000 * ONE)
    other = EqualWeights(PoolInfo("equal_weights", "none", address(11), (WETH, USDC), 0), (ONE, 4_000 * ONE))

    found = bound_of([known, other])

    assert found.left_out == (other.address,)
    assert found.wei == 0.0


MARKETS: dict[str, list[Pool]] = {
    "v2": [v2_pool(10, (WETH, USDC), 50 * ONE, 60 * ONE), v2_pool(11, (WETH, USDC), 70 * ONE, 71 * ONE)],
    "v3": [
        v3_pool(10, (WETH, USDC), 1.2, [(-30_000, 30_000, 10**19), (600, 2_400, 10**20), (-60, 60, 10**20)]),
        v3_pool(11, (WETH, USDC), 1.0, [(-30_000, 30_000, 3 * 10**19), (-1_200, 1_200, 10**19)]),
    ],
    "weighted": [
        weighted(10, (WETH, USDC, DAI), (50 * ONE, 60 * ONE, 40 * ONE), (40, 30, 30)),
        v2_pool(11, (WETH, USDC), 70 * ONE, 71 * ONE),
        v2_pool(12, (WETH, DAI), 30 * ONE, 20 * ONE),
    ],
    "curve": [
        curve(10, (WETH, USDC, DAI), (10 * ONE, 60 * ONE, 35 * ONE)),
        v2_pool(11, (WETH, USDC), 700 * ONE, 690 * ONE),
        v2_pool(12, (USDC, DAI), 300 * ONE, 310 * ONE),
    ],
    "stable": [
        stable(10, (WETH, USDC, DAI), (90 * ONE, 20 * ONE, 35 * ONE)),
        stable(11, (WETH, DAI), (20 * ONE, 90 * ONE)),
        v2_pool(12, (WETH, USDC), 700 * ONE, 690 * ONE),
    ],
}


@pytest.mark.parametrize("name", MARKETS)
def test_bound__each_family__is_reached_by_a_plan(name: str) -> None:
    pools = MARKETS[name]

    found = bound_of(pools)
    plan = found.plan({pool.address: pool for pool in pools}, {WETH: 1.0})

    assert found.solution.converged
    assert 0 < plan.worth_wei <= found.wei
    # Fees of several swaps through one pool of three tokens stay in it, between the swaps, which costs a little.
    assert plan.worth_wei == pytest.approx(found.wei, rel=1e-2 if name in ("weighted", "curve", "stable") else 1e-4)
    assert_feasible(pools, found)


@pytest.mark.parametrize("seed", [2, 24, 37])
def test_plan__several_profit_tokens__reaches_the_bound_in_the_one_that_gains(seed: int) -> None:
    tokens, pools = random_market(seed, kinds="23")
    graph = graph_of(pools)
    prices = bound(graph, pools, {tokens[0]: 1.0}).prices
    # At these values any of the tokens may keep the profit, and the search leaves it with some of them.
    values = {token: prices[token] for token in tokens[:3] if token in prices}

    found = bound(graph, pools, values)

    assert len(values) > 1
    assert found.wei > 1e12
    assert assert_feasible(pools, found, values) == pytest.approx(found.wei, rel=1e-2)


def test_plan__pool_that_is_emptied__is_taken_to_its_end() -> None:
    emptied = v3_pool(10, (WETH, USDC), 1.0, [(-600, 600, 10**20)])
    pools = [emptied, v2_pool(11, (WETH, USDC), 70 * ONE, 140 * ONE)]

    found = bound_of(pools)

    assert found.wei > ONE
    assert assert_feasible(pools, found) == pytest.approx(found.wei, rel=1e-4)


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("blur", [0.0, 1e15])
def test_evaluate__slope__is_that_of_the_value(name: str, blur: float) -> None:
    posed = problem(graph_of(MARKETS[name]), MARKETS[name], {WETH: 1.0})
    rng = random.Random(3)
    price = np.array([rng.uniform(-0.03, 0.03) for _ in posed.tokens])
    flow, aside = empty_flow(posed), empty_flow(posed)
    value = flows.evaluate(posed.edges, posed.baskets, price, blur, flow)[0]

    for token in range(len(posed.tokens)):
        up, down = price.copy(), price.copy()
        up[token] += 1e-6
        down[token] -= 1e-6
        above, below = (flows.evaluate(posed.edges, posed.baskets, at, blur, aside)[0] for at in (up, down))
        assert flow.slope[token] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-7 * value + 1e12)
    assert flow.slope.sum() == pytest.approx(value)


@pytest.mark.parametrize("seed", range(12))
def test_bound__random_market__is_between_the_plan_and_any_prices(seed: int) -> None:
    tokens, pools = random_market(seed, kinds="234cws")
    values = {tokens[0]: 1.0}
    graph = graph_of(pools)

    found = bound(graph, pools, values)

    plan = assert_feasible(pools, found, values)
    assert plan <= found.wei
    rng = random.Random(seed)
    posed = problem(graph, pools, values)
    for _ in range(5):
        price = found.solution.price + np.array([rng.gauss(0, 0.01) for _ in posed.tokens])
        anywhere, _ = evaluate(posed, np.maximum(price, posed.floor))
        assert plan <= anywhere
        assert found.wei <= anywhere * (1 + 1e-3) + 1e9


def assert_feasible(pools: Sequence[Pool], found: Bound, values: dict[Address, float] | None = None) -> float:
    """Swap as the plan says, by the exact models, and return what it is worth."""
    values = values or {WETH: 1.0}
    now = {pool.address: pool for pool in pools}
    plan = found.plan(now, values)
    left: dict[Address, int] = {}
    for swap in plan.swaps:
        edge = swap.edge
        amount_out, now[edge.pool] = now[edge.pool].swap(edge.token_in, edge.token_out, swap.amount_in)
        assert amount_out == swap.amount_out
        left[edge.token_in] = left.get(edge.token_in, 0) - swap.amount_in
        left[edge.token_out] = left.get(edge.token_out, 0) + amount_out
    assert all(amount >= 0 for amount in left.values())
    assert plan.worth_wei == sum(left.get(token, 0) * value for token, value in values.items())
    return plan.worth_wei


def best_arbitrage(out: Callable[[Decimal], Decimal], price_in: float, price_out: float, most: float) -> float:
    """The most that one direction of a pool gains at prices: by golden section, of its real curve."""

    def gain(x: float) -> float:
        return float(out(Decimal(x))) * price_out - x * price_in

    low, high = 0.0, most
    step = (math.sqrt(5) - 1) / 2
    left, right = high - step * (high - low), low + step * (high - low)
    at_left, at_right = gain(left), gain(right)
    for _ in range(70):
        if at_left < at_right:
            low, left, at_left = left, right, at_right
            right = low + step * (high - low)
            at_right = gain(right)
        else:
            high, right, at_right = right, left, at_left
            left = high - step * (high - low)
            at_left = gain(left)
    return max(at_left, at_right, 0.0)


def dual_of_real_curves(pools: Sequence[Pool], price: float) -> float:
    """What all pools of a pair gain together, at a price of the second token in the first."""
    total = 0.0
    for pool in pools:
        for one, other in ((WETH, USDC), (USDC, WETH)):
            prices = (1.0, price) if one == WETH else (price, 1.0)
            out = real_curve(Edge(pool.address, one, other), pool)
            total += best_arbitrage(out, *prices, most=40.0 * ONE)
    return total


@pytest.mark.parametrize(
    "pools",
    [
        MARKETS["v2"],
        MARKETS["v3"],
        [weighted(10, (WETH, USDC), (50 * ONE, 60 * ONE), (50, 50)), MARKETS["v2"][1]],
        [curve(10, (WETH, USDC), (10 * ONE, 60 * ONE)), MARKETS["v2"][1]],
        [stable(12, (WETH, USDC), (10 * ONE, 60 * ONE)), *MARKETS["v2"]],
    ],
    ids=["v2", "v3", "weighted", "curve", "stable"],
)
def test_bound__pools_of_one_pair__is_the_least_over_all_prices(pools: Sequence[Pool]) -> None:
    found = bound_of(pools)

    best = found.prices[USDC]
    assert found.prices[WETH] == pytest.approx(1.0)
    there = dual_of_real_curves(pools, best)
    # Curve's fee counts as one on what comes in, which is a little less.
    is_curve = any(isinstance(pool, CurveStableSwapPool) for pool in pools)
    assert there * (1 - 1e-6) <= found.wei <= there * (1 + (1e-3 if is_curve else 1e-6))
    for factor in (0.98, 0.999, 0.9999, 1.0001, 1.001, 1.02):
        assert dual_of_real_curves(pools, best * factor) >= there * (1 - 1e-6)


def test_minimise__ended_before_prices_are_in_sight__tells_the_last_ones() -> None:
    pools = [v2_pool(1, (WETH, USDC), 10**21, 10**21), v2_pool(2, (WETH, USDC), 10**21, 2 * 10**21)]
    posed = problem(graph_of(pools), pools, {WETH: 1.0})

    none, few = (minimise(posed, 1e-3, 1e9, most_rounds=rounds) for rounds in (0, 2))

    assert not few.converged
    assert few.bound < none.bound
