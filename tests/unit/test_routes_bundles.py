"""
Routes one after another, each on what those before it leave behind, and their best amounts together.
"""

import pytest

from keeper.errors import SwapReverts
from keeper.pools.pool import Pool
from keeper.routes.bundles import Swaps, Wake, joined, run_all
from keeper.routes.detour import Start
from keeper.routes.graph import Edge
from keeper.routes.sizing import Sized, size
from keeper.routes.split import settle
from tests.random_markets import address, v2_pool, v3_pool

WETH, USDC = address(1), address(2)
ETH = 10**18


def there_and_back(out: Pool, back: Pool) -> tuple[Edge, Edge]:
    return Edge(out.address, WETH, USDC), Edge(back.address, USDC, WETH)


def sized(edges: tuple[Edge, ...], pools: dict[str, Pool]) -> Sized:
    found = size(edges, [pools[edge.pool] for edge in edges])
    assert found is not None
    return found


def by_address(*pools: Pool) -> dict[str, Pool]:
    return {pool.address: pool for pool in pools}


def parallel(depth: int, other: int, common: int) -> tuple[dict[str, Pool], list[Sized]]:
    """Two pools in which USDC is cheap, one in which it is not, and the two routes sized one after another."""
    first = v2_pool(11, (WETH, USDC), depth * ETH, depth * ETH * 105 // 100)
    second = v3_pool(12, (WETH, USDC), 1.04, [(-60_000, 60_000, other * ETH)])
    pools = by_address(first, second, v2_pool(13, (WETH, USDC), common * ETH, common * ETH))
    ways = [there_and_back(pool, pools[address(13)]) for pool in (first, second)]
    best = sized(ways[0], pools)
    wake = Wake(pools.__getitem__)
    wake.run(best.edges, best.amounts[0])
    then = size(ways[1], wake.pools(ways[1]))
    assert then is not None
    return pools, [best, then]


def gains_with(routes: list[Sized], amounts: list[int], pools: dict[str, Pool]) -> list[int]:
    """What routes gain with these inputs, one after another."""
    ran = run_all(
        [Sized(route.edges, (amount,)) for route, amount in zip(routes, amounts, strict=True)], pools.__getitem__
    )
    assert ran is not None
    return [route.gain for route in ran[0]]


def worth_of(gains: list[int], worths: tuple[float, ...]) -> float:
    return sum(gain * worth for gain, worth in zip(gains, worths, strict=True))


def test_wake__two_routes_through_a_pool__the_second_meets_what_the_first_left() -> None:
    a, b, c = (v2_pool(n, (WETH, USDC), 100 * ETH, (100 + n) * ETH) for n in (1, 2, 3))
    pools = by_address(a, b, c)
    wake = Wake(pools.__getitem__)

    wake.run(there_and_back(a, b), ETH)
    second = wake.run(there_and_back(c, b), ETH)

    _, after = b.swap(USDC, WETH, a.amount_out(WETH, USDC, ETH))
    assert second.amounts[2] == after.amount_out(USDC, WETH, c.amount_out(WETH, USDC, ETH))
    assert set(wake.moved) == {a.address, b.address, c.address}
    assert wake.pool(b.address) == after.swap(USDC, WETH, second.amounts[1])[1]


def test_swaps__the_same_again__is_computed_once() -> None:
    pool, swaps = v2_pool(1, (WETH, USDC), 10**20, 10**20), Swaps()

    once, again = (swaps.swap(pool, WETH, USDC, 10**18) for _ in range(2))
    other = swaps.swap(pool, USDC, WETH, 10**18)

    assert once == pool.swap(WETH, USDC, 10**18)
    assert again[1] is once[1]
    assert other == pool.swap(USDC, WETH, 10**18)


def test_wake__route_that_reverts__moves_nothing() -> None:
    a, b = v2_pool(1, (WETH, USDC), 100 * ETH, 100 * ETH), v2_pool(2, (WETH, USDC), 10**30, 1)
    wake = Wake(by_address(a, b).__getitem__)

    with pytest.raises(SwapReverts):
        wake.run((Edge(a.address, WETH, USDC), Edge(b.address, WETH, USDC)), 10**6)

    assert wake.moved == {}
    assert wake.pool(a.address) == a


def test_run_all__one_cannot_run__is_none() -> None:
    a, b = v2_pool(1, (WETH, USDC), 100 * ETH, 100 * ETH), v2_pool(2, (WETH, USDC), 10**30, 1)
    edges = there_and_back(a, b)

    assert run_all([Sized(edges, (1,))], by_address(a, b).__getitem__) is None


def test_joined__routes_in_a_chain__are_all_told() -> None:
    a, b, c, d, e = (v2_pool(n, (WETH, USDC), ETH, ETH) for n in (1, 2, 3, 4, 5))
    routes = [Sized(there_and_back(*pair), (1, 1, 1)) for pair in ((a, b), (d, e), (b, c))]

    assert joined(routes, there_and_back(c, v2_pool(6, (WETH, USDC), ETH, ETH))) == [0, 2]


@pytest.mark.parametrize(("depth", "other", "common"), [(100, 100, 100), (100, 100, 5_000), (100, 30, 300)])
def test_settle__parallel_pools__gain_most_of_all_splits(depth: int, other: int, common: int) -> None:
    pools, routes = parallel(depth, other, common)

    together = settle(routes, pools.__getitem__)

    assert together is not None
    gain = sum(route.gain for route in together)
    assert gain > sum(route.gain for route in routes) > routes[0].gain
    near = [route.amounts[0] for route in together]
    for step in (0.05, 0.01, 0.002):
        for more, less in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1), (1, 1), (-1, -1)):
            tried = [int(near[0] * (1 + more * step)), int(near[1] * (1 + less * step))]
            assert sum(gains_with(routes, tried, pools)) <= gain * (1 + 1e-8)


@pytest.mark.parametrize("off", [0.99, 1.0, 1.01])
def test_settle__routes_of_two_tokens__gains_are_worth_most_of_all_splits(off: float) -> None:
    pools, routes = parallel(100, 100, 300)
    way = routes[1].edges
    routes = [routes[0], Sized((way[1], way[0]), (routes[1].amounts[0], 0, 0))]
    start = Start.from_pools([pools[address] for address in sorted(pools)])
    common = pools[address(13)]
    # What is gained is valued as the market does when the routes have run, or nearly so.
    worths = (1.0, off * common.rate(USDC, WETH))

    together = settle(routes, pools.__getitem__, start, worths)

    assert start is not None
    assert together is not None
    inputs = ([route.amounts[0] for route in of] for of in (routes, together))
    before, best = (worth_of(gains_with(routes, amounts, pools), worths) for amounts in inputs)
    assert best > 1.001 * before
    near = [route.amounts[0] for route in together]
    for step in (0.05, 0.01, 0.002):
        for more, less in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1), (1, 1), (-1, -1)):
            tried = [int(near[0] * (1 + more * step)), int(near[1] * (1 + less * step))]
            assert worth_of(gains_with(routes, tried, pools), worths) <= best * (1 + 1e-4)


def test_settle__parallel_pools__ends_at_one_marginal_price() -> None:
    pools, routes = parallel(100, 100, 300)

    together = settle(routes, pools.__getitem__)

    assert together is not None
    ran = run_all(together, pools.__getitem__)
    assert ran is not None
    prices = [ran[1].pool(route.edges[0].pool).rate(WETH, USDC) for route in together]
    assert prices[0] == pytest.approx(prices[1], rel=3e-4)
    assert prices[0] * ran[1].pool(address(13)).rate(USDC, WETH) == pytest.approx(1, rel=1e-3)


def test_settle__as_they_run__amounts_are_those_of_the_models() -> None:
    pools, routes = parallel(100, 30, 300)

    together = settle(routes, pools.__getitem__)

    assert together is not None
    assert run_all(together, pools.__getitem__)[0] == together  # type: ignore[index]


def test_settle__route_that_gains_nothing_beside_the_other__is_none() -> None:
    a, b, c = (v2_pool(n, (WETH, USDC), 100 * ETH, reserve * ETH) for n, reserve in ((1, 110), (2, 100), (3, 101)))
    pools = by_address(a, b, c)

    assert settle([sized(there_and_back(a, b), pools), Sized(there_and_back(c, b), (ETH, 0, 0))], pools.get) is None  # type: ignore[arg-type]
