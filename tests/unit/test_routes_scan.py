"""
Opportunities in the order of what they earn, from a market and its graph.
"""

import random
from collections.abc import Iterable
from itertools import product

import pytest

from keeper.gas import GasPrices
from keeper.lenders import Lender
from keeper.market import Market
from keeper.opportunity import Opportunity, Scan, Terms, scan
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool, PoolInfo
from keeper.routes.graph import Graph
from keeper.types import Address, Block, Hash
from tests.random_markets import address, v2_pool

WETH, USDC, DAI = (address(n) for n in (1, 2, 3))
PRICES = GasPrices(base_fee_wei=10**7, tip_wei=0, l1_wei_per_unit=10**8, brotli_level=1)


def terms(least_wei: int = 0, funding: tuple[str, ...] = ("none",)) -> Terms:
    return Terms((WETH, USDC), WETH, 4, funding, least_wei)


def looked_at(pools: Iterable[Pool], wanted: Terms, lenders: Iterable[Lender] = ()) -> Scan:
    pools, graph = list(pools), Graph()
    market = Market([pool.info for pool in pools])
    market.start(Block(1, Hash("0x01"), Hash("0x00"), 0, PRICES.base_fee_wei), 0.0)
    market.refresh(pools)
    for pool in pools:
        graph.update(pool)
    return scan(market, graph, [pool.address for pool in pools], wanted, list(lenders), PRICES)


def mispriced(seed: int) -> list[Pool]:
    """Pairs of three tokens of one value, each off by up to three percent."""
    rng = random.Random(seed)
    pairs = [(WETH, USDC), (WETH, DAI), (USDC, DAI)] * 3
    return [v2_pool(100 + n, pair, 10**20, int(10**20 * rng.uniform(0.97, 1.03))) for n, pair in enumerate(pairs)]


def curve_pool(n: int, tokens: tuple[Address, Address], balances: tuple[int, int]) -> Pool:
    info = PoolInfo("curve_stableswap", "curve", address(n), tokens, 0)
    return CurveStableSwapPool(info, balances, (10**18, 10**18), 200 * 100, 4_000_000, 5 * 10**9)


@pytest.mark.parametrize(("seed", "least_wei"), product(range(5), (0, 3 * 10**15)))
def test_scan__any_least_profit__tells_the_most_profitable_first(seed: int, least_wei: int) -> None:
    # what floats say of a Curve pool is a few percent too high: it is looked at before others that earn more
    curves = [curve_pool(50 + n, pair, (10**21, 10**21)) for n, pair in enumerate([(WETH, USDC), (WETH, DAI)])]

    told = list(looked_at([*mispriced(seed), *curves], terms(least_wei)))

    profits = [opportunity.profit_wei for opportunity in told]
    assert len(profits) > 3
    assert profits == sorted(profits, reverse=True)
    assert profits[-1] >= max(least_wei, 1)


def test_scan__least_profit__leaves_out_exactly_what_earns_less() -> None:
    every = list(looked_at(mispriced(1), terms()))
    least_wei = every[len(every) // 2].profit_wei

    told = list(looked_at(mispriced(1), terms(least_wei)))

    assert told == [opportunity for opportunity in every if opportunity.profit_wei >= least_wei]


def test_scan__pools_in_any_order__tells_the_same() -> None:
    pools = mispriced(2)

    assert list(looked_at(pools, terms())) == list(looked_at(pools[::-1], terms()))


def test_scan__identical_pools__tells_them_by_address() -> None:
    dear = [v2_pool(n, (WETH, USDC), 10**20, 103 * 10**18) for n in (7, 5, 6)]

    told = list(looked_at([*dear, v2_pool(9, (WETH, USDC), 10**20, 10**20)], terms()))

    assert [opportunity.pools[0] for opportunity in told] == [address(5), address(6), address(7)]
    assert len({opportunity.profit_wei for opportunity in told}) == 1


def test_scan__family_the_executor_cannot_swap__is_ranked_all_the_same() -> None:
    pools = [curve_pool(1, (WETH, USDC), (10**21, 10**21)), v2_pool(2, (WETH, USDC), 10**20, 102 * 10**18)]

    told = list(looked_at(pools, terms()))

    assert [opportunity.pools for opportunity in told] == [(address(2), address(1))]


def test_scan__told_in_part__names_the_pools_of_the_rest() -> None:
    found = looked_at(mispriced(3), terms())
    next(found)

    left = found.untold

    assert {pool for opportunity in found for pool in opportunity.pools} <= left
    assert found.untold == frozenset()


def test_scan__lender_with_a_fee__costs_its_fee() -> None:
    lender = Lender("balancer_v2", address(99), 10**15, {WETH: 10**30, USDC: 10**30})

    (best, *_) = looked_at(mispriced(4), terms(funding=("none", "balancer_v2")), [lender])
    lent = [o for o in looked_at(mispriced(4), terms(funding=("balancer_v2",)), [lender]) if _same(o, best)]

    assert best.funding == "none"
    assert [opportunity.funding for opportunity in lent] == ["balancer_v2"]
    assert lent[0].gain == best.gain - -(-best.route.amounts[0] // 1_000)


def _same(one: Opportunity, other: Opportunity) -> bool:
    return one.route.edges == other.route.edges
