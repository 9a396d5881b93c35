from itertools import product

import pytest

from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.routes.graph import Edge, Graph
from keeper.routes.search import search
from keeper.routes.sizing import quote, size
from keeper.types import Address

WETH, USDC, DAI = (Address("0x" + f"{n:02x}" * 20) for n in (1, 2, 3))


def pair(
    n: int, token0: Address, token1: Address, reserve0: int, reserve1: int, fee_pips: int = 3_000
) -> UniswapV2Pool:
    address = Address("0x" + f"{0xA0 + n:02x}" * 20)
    return UniswapV2Pool(PoolInfo("uniswap_v2", "sushi_v2", address, (token0, token1), fee_pips), reserve0, reserve1)


CHEAP = pair(1, WETH, USDC, 1_000 * 10**9, 2_000 * 10**9)
DEAR = pair(2, WETH, USDC, 1_000 * 10**9, 2_100 * 10**9)
DAI_WETH = pair(3, WETH, DAI, 500 * 10**9, 1_000 * 10**9)
USDC_DAI = pair(4, USDC, DAI, 10**13, 11 * 10**12)


@pytest.fixture
def graph() -> Graph:
    graph = Graph()
    for pool in (CHEAP, DEAR, DAI_WETH, USDC_DAI):
        graph.update(pool)
    return graph


def test_search__two_prices_of_one_pair__finds_the_cycle_that_gains(graph: Graph) -> None:
    found = search(graph, [CHEAP.address], [WETH], max_hops=2)

    assert [cycle.pools for cycle in found.cycles] == [(DEAR.address, CHEAP.address)]
    assert found.cycles[0].token == WETH
    assert found.searched == 2


def test_search__several_pools_changed__tells_each_cycle_once(graph: Graph) -> None:
    changed = [CHEAP.address, DEAR.address, DAI_WETH.address, USDC_DAI.address]

    found = search(graph, changed, [WETH, USDC, DAI], max_hops=3)

    assert len({frozenset(cycle.pools) for cycle in found.cycles}) == len(found.cycles)
    assert (DEAR.address, USDC_DAI.address, DAI_WETH.address) in [cycle.pools for cycle in found.cycles]


def test_search__equals_exhaustive_enumeration(graph: Graph) -> None:
    pools = [CHEAP, DEAR, DAI_WETH, USDC_DAI]
    edges = [edge for pool in pools for edge in graph.edges(pool.address)]
    expected = {
        frozenset(cycle)
        for hops in (2, 3)
        for cycle in product(edges, repeat=hops)
        if all(
            edge.token_out == following.token_in for edge, following in zip(cycle, cycle[1:] + cycle[:1], strict=True)
        )
        and len({edge.pool for edge in cycle}) == hops
        and sum(map(graph.log_rate, cycle)) > 0
    }

    found = search(graph, [pool.address for pool in pools], [WETH, USDC, DAI], max_hops=3)

    assert {frozenset(cycle.edges) for cycle in found.cycles} == expected


def test_search__forgotten_pool__leads_nowhere(graph: Graph) -> None:
    graph.forget([DEAR.address])

    assert not search(graph, [CHEAP.address], [WETH], max_hops=2).cycles


def test_search__no_profit_token_in_cycle__is_not_told(graph: Graph) -> None:
    assert not search(graph, [CHEAP.address], [DAI], max_hops=2).cycles


def test_size__two_pairs__equals_the_best_of_every_amount() -> None:
    small_cheap = pair(1, WETH, USDC, 100_000, 200_000)
    small_dear = pair(2, WETH, USDC, 100_000, 210_000)
    edges = (Edge(small_dear.address, WETH, USDC), Edge(small_cheap.address, USDC, WETH))
    pools = (small_dear, small_cheap)
    best = max(sized.gain for amount in range(1, 5_000) if (sized := quote(edges, pools, amount)) is not None)

    sized = size(edges, pools)

    assert sized is not None
    assert best > 0
    assert sized.gain >= best - 1


def test_size__amounts__follow_the_pools() -> None:
    edges = (Edge(DEAR.address, WETH, USDC), Edge(CHEAP.address, USDC, WETH))

    sized = size(edges, (DEAR, CHEAP))

    assert sized is not None
    first, second, third = sized.amounts
    assert second == DEAR.amount_out(WETH, USDC, first)
    assert third == CHEAP.amount_out(USDC, WETH, second)
    assert sized.gain == third - first > 0


def test_size__cycle_that_loses__is_none() -> None:
    edges = (Edge(CHEAP.address, WETH, USDC), Edge(DEAR.address, USDC, WETH))

    assert size(edges, (CHEAP, DEAR)) is None
