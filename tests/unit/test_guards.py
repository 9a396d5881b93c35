"""
State guards are as wide as a route can afford, no wider and no narrower.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import exp

import pytest

from keeper.bidding import NO_BID, FixedTip
from keeper.plan import Plan, decode
from keeper.planning import Leg
from keeper.pools.pool import Pool
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.types import Address
from tests.unit.test_bundling import DAI, USDC, WETH, apart, joined, pair, scene


def planned(pools: list[Pool]) -> tuple[Leg, Plan]:
    best, _, bundler = joined(scene(pools))
    bundle = bundler.alone(best)
    plan = decode(bundle.calldata, (WETH, USDC))
    assert isinstance(plan, Plan)
    return bundle.legs[0], plan


def gained(leg: Leg, pools: Mapping[Address, Pool]) -> int:
    amount = leg.route.amounts[0]
    for edge in leg.route.edges:
        amount = pools[edge.pool].amount_out(edge.token_in, edge.token_out, amount)
    return amount - leg.route.amounts[0]


def test_guards__of_a_short_program__are_on_both_pools() -> None:
    _, plan = planned(apart()[:2])

    assert len(plan.routes[0].guards) == 2


@pytest.mark.parametrize("part", [0.3, 0.9, 1.02, 1.5])
def test_guard__pair_moved_by_others__holds_exactly_while_the_minimum_can_be_gained(part: float) -> None:
    pools = {pool.address: pool for pool in apart()[:2]}
    leg, plan = planned(list(pools.values()))
    pair = next(pool for pool in pools.values() if isinstance(pool, UniswapV2Pool))
    place = next(place for place, edge in enumerate(leg.route.edges) if edge.pool == pair.address)
    zero_for_one = leg.route.edges[place].token_in == pair.info.tokens[0]
    factor = exp((part if zero_for_one else -part) * leg.log_room / 2)
    moved = replace(pair, reserve0=int(pair.reserve0 * factor), reserve1=int(pair.reserve1 / factor))

    guard = (plan.routes[0].guard, plan.routes[0].second_guard)[place]
    assert guard is not None
    holds = guard.lower <= moved.reserve0 <= guard.upper

    assert holds == (part < 1)
    assert holds == (gained(leg, pools | {moved.address: moved}) >= leg.min_gain)


def test_guard__at_the_best_amount__is_about_half_as_wide_as_the_gap() -> None:
    leg, _ = planned(apart()[:2])

    assert 0.3 * leg.log_rate < leg.log_room < 0.5 * leg.log_rate


def test_guards__something_is_bid_for_three_hops__are_on_every_pool() -> None:
    pools: list[Pool] = [
        pair("sushi_v2", (WETH, DAI), 10_000, 10_500),
        pair("sushi_v2", (USDC, DAI), 10_000, 10_000),
        pair("sushi_v2", (WETH, USDC), 10_000, 10_000),
    ]
    counts = []
    for bidder in (NO_BID, FixedTip(10**7)):
        best, _, bundler = joined(replace(scene(pools), bidder=bidder))
        read = decode(bundler.alone(best).calldata, (WETH, USDC))
        routes = read.routes if isinstance(read, Plan) else read.groups[0].routes
        counts.append(len(routes[0].guards))

    assert counts == [2, 3]
