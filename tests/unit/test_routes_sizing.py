import random
from collections.abc import Sequence

import pytest

from keeper.errors import SwapReverts
from keeper.pools.pool import Pool, PoolInfo
from keeper.routes.graph import Edge
from keeper.routes.sizing import Sized, estimate, quote, size
from keeper.types import Address
from tests.brute_force import Hop, best_input, close, gain, limit
from tests.random_markets import EqualWeights, address, v2_pool, v3_pool

WETH, USDC, USDT, WBTC = (address(n) for n in range(1, 5))


def ring(*pools: Pool, tokens: Sequence[Address] = (WETH, USDC)) -> tuple[tuple[Edge, ...], tuple[Pool, ...]]:
    """A cycle through the tokens in their order, over the pools in theirs."""
    turned = [*tokens[1:], tokens[0]]
    edges = (Edge(pool.address, one, other) for pool, one, other in zip(pools, tokens, turned, strict=True))
    return tuple(edges), pools


def hops(edges: tuple[Edge, ...], pools: tuple[Pool, ...]) -> list[Hop]:
    return list(zip(edges, pools, strict=True))


def best_of_brute_force(edges: tuple[Edge, ...], pools: tuple[Pool, ...]) -> int:
    cycle = hops(edges, pools)
    best, ceiling = best_input(cycle, limit(cycle), at_least=0, patience=20_000)
    assert close(best, ceiling)
    return best


def best_of_all(edges: tuple[Edge, ...], pools: tuple[Pool, ...], most: int) -> int:
    return max(gain(hops(edges, pools), amount) for amount in range(1, most))


@pytest.mark.parametrize("seed", range(30))
def test_size__tiny_reserves__equals_the_best_of_every_amount(seed: int) -> None:
    rng = random.Random(seed)
    reserve = rng.choice((300, 3_000, 30_000))
    dear = v2_pool(1, (WETH, USDC), reserve, int(reserve * rng.uniform(0.01, 40)))
    cheap = v2_pool(2, (WETH, USDC), reserve, int(dear.depth(USDC, WETH) / rng.uniform(1.02, 1.3)))
    edges, pools = ring(dear, cheap)

    sized = size(edges, pools)

    assert (sized.gain if sized else 0) >= best_of_all(edges, pools, 2 * reserve) - 1


def test_size__amounts__follow_the_pools() -> None:
    dear, cheap = (v2_pool(n, (WETH, USDC), 10**12, reserve) for n, reserve in ((1, 21 * 10**11), (2, 2 * 10**12)))

    sized = size(*ring(dear, cheap))

    assert sized is not None
    first, second, third = sized.amounts
    assert second == dear.amount_out(WETH, USDC, first)
    assert third == cheap.amount_out(USDC, WETH, second)
    assert sized.gain == third - first > 0


def test_size__cycle_that_loses__is_none() -> None:
    cheap, dear = (v2_pool(n, (WETH, USDC), 10**12, reserve) for n, reserve in ((1, 2 * 10**12), (2, 21 * 10**11)))

    assert size(*ring(cheap, dear)) is None


def test_size__pool_without_reserves__is_none() -> None:
    dear, empty = v2_pool(1, (WETH, USDC), 10**12, 10**12), v2_pool(2, (WETH, USDC), 0, 0)

    assert size(*ring(dear, empty)) is None


def test_size__gain_below_one_unit__is_none() -> None:
    dear, cheap = v2_pool(1, (WETH, USDC), 100, 102), v2_pool(2, (WETH, USDC), 100, 100)

    assert size(*ring(dear, cheap)) is None


def test_size__given_optimum__sizes_as_without() -> None:
    dear, cheap = (v2_pool(n, (WETH, USDC), 10**21, reserve) for n, reserve in ((1, 21 * 10**11), (2, 2 * 10**12)))
    edges, pools = ring(dear, cheap)

    assert size(edges, pools, estimate(edges, pools)) == size(edges, pools)


def test_size__coarse_tokens_between_fine_ones__wastes_no_unit() -> None:
    edges, pools = ring(
        v2_pool(1, (WETH, USDC), 10**21, 3_000 * 10**9),
        v2_pool(2, (USDC, WBTC), 60_000 * 10**8, 10**10),
        v2_pool(3, (WETH, WBTC), 2_050 * 10**18, 100 * 10**8),
        tokens=(WETH, USDC, WBTC),
    )

    sized = size(edges, pools)

    assert sized is not None
    best = best_of_brute_force(edges, pools)
    assert sized.gain >= best * (1 - 1e-6)
    for edge, pool, bought, paid in zip(edges, pools, sized.amounts[1:], sized.amounts, strict=False):
        assert pool.amount_in(edge.token_in, edge.token_out, bought) >= paid - 1 or bought > 10**12


def test_size__optimum_beyond_several_ranges__equals_brute_force() -> None:
    positions = [(-60_000, 60_000, 10**20), (-300, 300, 10**22), (-120, 120, 10**22), (600, 1_200, 3 * 10**22)]
    dear, cheap = v3_pool(1, (WETH, USDC), 1.15, positions), v2_pool(2, (WETH, USDC), 10**24, 10**24)
    edges, pools = ring(dear, cheap)

    sized = size(edges, pools)

    assert sized is not None
    _, after = dear.swap(WETH, USDC, sized.amounts[0])
    assert after.tick < 600 < dear.tick
    best = best_of_brute_force(edges, pools)
    assert sized.gain >= best * (1 - 1e-6)


def test_size__optimum_at_the_end_of_a_curve__takes_all_there_is() -> None:
    shallow, deep = v3_pool(1, (WETH, USDC), 2.0, [(-600, 600, 10**20)]), v2_pool(2, (WETH, USDC), 10**25, 8 * 10**24)
    edges, pools = ring(shallow, deep)

    sized = size(edges, pools)

    assert sized is not None
    assert shallow.amount_out(WETH, USDC, sized.amounts[0]) == sized.amounts[1]
    with pytest.raises(SwapReverts):
        shallow.amount_out(WETH, USDC, sized.amounts[0] * 1_001 // 1_000)


def test_size__amount_beyond_what_a_contract_takes__stays_within() -> None:
    huge = 1 << 111
    dear, cheap = v2_pool(1, (WETH, USDC), huge, huge), v2_pool(2, (WETH, USDC), huge // 1_000, huge // 40_000)

    sized = size(*ring(dear, cheap))

    assert sized is not None
    assert sized.amounts[0] + huge < 1 << 112


@pytest.mark.parametrize("sells_given", [True, False])
def test_size__family_that_routes_do_not_know__comes_near_brute_force(sells_given: bool) -> None:
    info = PoolInfo("equal_weights", "none", address(1), (WETH, USDC, USDT), 0)
    several = EqualWeights(info, (10**21, 3_100 * 10**15, 3_000 * 10**15), sells_given)
    edges, pools = ring(several, v2_pool(2, (WETH, USDC), 10**21, 3_000 * 10**15))

    sized = size(edges, pools)

    assert sized is not None
    best = best_of_brute_force(edges, pools)
    assert best * (1 - 1e-6) <= sized.gain <= sized.ceiling


def test_estimate__two_pairs__is_the_closed_optimum() -> None:
    dear, cheap = (v2_pool(n, (WETH, USDC), 10**21, reserve, 0) for n, reserve in ((1, 121 * 10**19), (2, 10**21)))

    near = estimate(*ring(dear, cheap))

    # rates 1.21 and 1: sqrt(1.21) - 1 = 0.1, and the depth is 1 / (1 / 10**21 + 1.21 / 10**21)
    assert near is not None
    assert near.amount_in == pytest.approx(0.1e21 / 2.21)
    assert near.gain == pytest.approx(0.01e21 / 2.21)
    assert near.depth == pytest.approx(1.1e21 / 2.21)
    assert near.closed


def test_quote__refused_amount__is_none() -> None:
    edges, pools = ring(v2_pool(1, (WETH, USDC), 10**6, 10**6), v2_pool(2, (WETH, USDC), 10**6, 10**6))

    assert quote(edges, pools, 0) is None
    assert quote(edges, pools, 1_000) == Sized(edges, (1_000, 996, 992))
