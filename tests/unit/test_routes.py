import random
from collections.abc import Iterable
from contextlib import suppress
from math import log

import pytest

from keeper.errors import SwapReverts
from keeper.pools.pool import Pool
from keeper.routes.graph import Graph
from keeper.routes.search import Costs, search
from keeper.routes.sizing import estimate
from keeper.types import Address
from tests.brute_force import all_cycles
from tests.random_markets import random_market, v2_pool

WETH, USDC, DAI, UNKNOWN = (Address("0x" + f"{n:02x}" * 20) for n in (1, 2, 3, 4))
VALUES = {WETH: 1.0, USDC: 1.0, DAI: 1.0}

CHEAP = v2_pool(1, (WETH, USDC), 1_000 * 10**9, 2_000 * 10**9)
DEAR = v2_pool(2, (WETH, USDC), 1_000 * 10**9, 2_100 * 10**9)
DAI_WETH = v2_pool(3, (WETH, DAI), 500 * 10**9, 1_000 * 10**9)
USDC_DAI = v2_pool(4, (USDC, DAI), 10**13, 11 * 10**12)
POOLS = (CHEAP, DEAR, DAI_WETH, USDC_DAI)


def graph_of(pools: Iterable[Pool]) -> Graph:
    graph = Graph()
    for pool in pools:
        graph.update(pool)
    return graph


def addresses(pools: Iterable[Pool]) -> list[Address]:
    return [pool.address for pool in pools]


@pytest.fixture
def graph() -> Graph:
    return graph_of(POOLS)


def test_search__two_prices_of_one_pair__finds_the_cycle_that_gains(graph: Graph) -> None:
    found = search(graph, [CHEAP.address], {WETH: 1.0}, max_hops=2)

    (cycle,) = found.cycles
    assert cycle.pools == (DEAR.address, CHEAP.address)
    assert cycle.token == WETH
    assert found.searched == 2


def test_search__several_pools_changed__tells_each_cycle_once(graph: Graph) -> None:
    found = search(graph, addresses(POOLS), VALUES, max_hops=3)

    told = [cycle.pools for cycle in found.cycles]
    assert len(set(map(frozenset, told))) == len(told)
    assert (DEAR.address, USDC_DAI.address, DAI_WETH.address) in told


def test_search__several_profit_tokens__starts_at_the_most_preferred(graph: Graph) -> None:
    for preferred in (WETH, USDC):
        values = {preferred: 1.0} | VALUES

        found = search(graph, None, values, max_hops=2)

        assert [cycle.token for cycle in found.cycles] == [preferred]


@pytest.mark.parametrize("seed", range(40))
def test_search__every_market__equals_exhaustive_enumeration(seed: int) -> None:
    tokens, pools = random_market(seed, kinds="23n")
    changed = set(random.Random(seed).sample(addresses(pools), 2))
    profit = dict.fromkeys(tokens[:2], 1.0)
    cycles = {tuple(edge for edge, _ in cycle): cycle for token in profit for cycle in all_cycles(pools, token, 4)}
    once = {edges for edges in cycles if edges[0].token_in == tokens[0] or all(e.token_in != tokens[0] for e in edges)}
    tradable = {edges for edges in once if all(pool.rate(e.token_in, e.token_out) > 0 for e, pool in cycles[edges])}
    through = {edges for edges in tradable if any(edge.pool in changed for edge in edges)}
    gaining = {edges for edges in through if _log_rate(cycles[edges]) > 0}

    found = search(graph_of(pools), changed, profit, max_hops=4)
    told = [cycle.edges for cycle in found.cycles]

    assert len(told) == len(set(told))
    assert set(told) <= gaining
    assert all(_gains_nothing(cycles[edges]) for edges in gaining - set(told))
    if all(len(pool.tokens) == 2 for pool in pools):
        assert found.searched == len(through)


def _log_rate(cycle: list[tuple[object, Pool]]) -> float:
    return sum(log(pool.rate(edge.token_in, edge.token_out)) for edge, pool in cycle)  # type: ignore[attr-defined]


def _gains_nothing(cycle: list[tuple[object, Pool]]) -> bool:
    near = estimate(tuple(edge for edge, _ in cycle), [pool for _, pool in cycle])  # type: ignore[misc]
    return near is None or near.gain < 1


def test_search__pools_of_several_tokens__are_used_once_in_a_cycle() -> None:
    tokens, pools = random_market(3, kinds="n")

    found = search(graph_of(pools), None, dict.fromkeys(tokens, 1.0), max_hops=4)

    told = list(found.cycles)
    assert told
    assert all(len(set(cycle.pools)) == len(cycle.pools) for cycle in told)


def test_search__every_cycle_told__earns_no_more_than_the_one_before() -> None:
    tokens, pools = random_market(18)
    found = search(graph_of(pools), None, dict.fromkeys(tokens, 1.0), max_hops=4)

    bound, earned = found.cycles.bound, []
    for cycle in found.cycles:
        assert cycle.profit_wei <= bound
        earned.append(cycle.profit_wei)
        bound = found.cycles.bound

    assert len(earned) > 10
    assert earned == sorted(earned, reverse=True)
    assert bound < 0


def test_search__pools_in_any_order__tells_the_same_in_the_same_order() -> None:
    tokens, pools = random_market(18)
    profit = dict.fromkeys(tokens, 1.0)
    shuffled = random.Random(1).sample(pools, len(pools))

    found = search(graph_of(pools), addresses(pools), profit, max_hops=4)
    again = search(graph_of(shuffled), addresses(shuffled), profit, max_hops=4)

    assert list(found.cycles) == list(again.cycles)


def test_search__after_many_updates__equals_a_fresh_graph() -> None:
    tokens, pools = random_market(18)
    profit = dict.fromkeys(tokens, 1.0)
    worn = graph_of(_moved(pools, 1))
    search(worn, None, profit, max_hops=4)
    for pool in _moved(pools, 2):
        worn.update(pool)
        worn.forget([pool.address])
        worn.update(pool)

    found = search(worn, None, profit, max_hops=4)

    assert list(found.cycles) == list(search(graph_of(_moved(pools, 2)), None, profit, max_hops=4).cycles)


def _moved(pools: Iterable[Pool], seed: int) -> list[Pool]:
    """The pools after a swap each, where they can trade."""
    rng = random.Random(seed)
    after = []
    for pool in pools:
        token_in, token_out = rng.sample(pool.tokens, 2)
        amount_in = int(pool.depth(token_in, token_out) / 1_000)
        with suppress(SwapReverts):
            pool = pool.swap(token_in, token_out, amount_in)[1] if pool.rate(token_in, token_out) else pool
        after.append(pool)
    return after


@pytest.mark.parametrize("seed", range(30))
def test_search__known_rings_and_moved_pools__tells_all_that_one_search_tells(seed: int) -> None:
    tokens, pools = random_market(seed, kinds="23nc")
    rng, profit, graph = random.Random(seed), dict.fromkeys(tokens[:2], 1.0), graph_of(pools)
    first, moved = (rng.sample(pools, 2) for _ in range(2))
    known = search(graph, addresses(first), profit, max_hops=4).known(0.0)
    for pool in _moved(moved, seed):
        graph.update(pool)

    told = [cycle.edges for cycle in search(graph, addresses(moved), profit, max_hops=4, known=known).cycles]

    assert len(set(told)) == len(told)
    through = {cycle.edges for cycle in search(graph, addresses([*first, *moved]), profit, max_hops=4).cycles}
    assert through <= set(told) <= {cycle.edges for cycle in search(graph, None, profit, max_hops=4).cycles}


def test_search__known_ring_of_a_forgotten_pool__is_not_told(graph: Graph) -> None:
    known = search(graph, None, {WETH: 1.0}, max_hops=2).known(0.0)
    assert len(known.rings)
    graph.forget([DEAR.address])

    assert not list(search(graph, [DEAR.address], {WETH: 1.0}, max_hops=2, known=known).cycles)


def test_search__costs_beyond_64_bits__leave_nothing(graph: Graph) -> None:
    assert not list(search(graph, None, VALUES, max_hops=3, costs=Costs(1 << 70)).cycles)


def test_search__costs__leave_what_pays(graph: Graph) -> None:
    every = {cycle.edges: cycle.profit_wei for cycle in search(graph, None, VALUES, max_hops=3).cycles}
    hop = sorted(every.values())[-2] / 5

    found = search(graph, None, VALUES, max_hops=3, costs=Costs(hop, {"uniswap_v2": hop}))

    expected = {edges for edges, gain in every.items() if gain >= hop * (1 + len(edges))}
    assert {cycle.edges for cycle in found.cycles} == expected
    assert 0 < len(expected) < len(every)


def test_search__threshold__is_a_log_rate_to_exceed(graph: Graph) -> None:
    every = list(search(graph, None, VALUES, max_hops=3).cycles)
    threshold = sorted(cycle.log_rate for cycle in every)[0]

    found = search(graph, None, VALUES, max_hops=3, threshold=threshold + 1e-9)

    assert {cycle.edges for cycle in found.cycles} == {c.edges for c in every if c.log_rate > threshold + 1e-9}


def test_search__forgotten_pool__leads_nowhere(graph: Graph) -> None:
    graph.forget([DEAR.address, UNKNOWN])

    assert not list(search(graph, [CHEAP.address], {WETH: 1.0}, max_hops=2).cycles)


def test_search__forgotten_pool_of_unknown_family__is_not_sampled_back() -> None:
    tokens, pools = random_market(3, kinds="n")
    graph = graph_of(pools)
    graph.forget(addresses(pools[:-1]))

    assert not list(search(graph, None, dict.fromkeys(tokens, 1.0), max_hops=4).cycles)


def test_search__no_profit_token_in_cycle__is_not_told(graph: Graph) -> None:
    assert not list(search(graph, [CHEAP.address], {DAI: 1.0, UNKNOWN: 1.0}, max_hops=2).cycles)


def test_search__no_pools__finds_nothing() -> None:
    found = search(Graph(), None, VALUES, max_hops=4)

    assert (list(found.cycles), found.searched) == ([], 0)


def test_found__told_in_part__names_the_pools_of_the_rest(graph: Graph) -> None:
    found = search(graph, None, VALUES, max_hops=3)
    next(found.cycles)

    left = found.cycles.pools

    assert left == {pool for cycle in found.cycles for pool in cycle.pools}


def test_graph__deepest__is_the_pool_whose_price_moves_least(graph: Graph) -> None:
    graph.update(v2_pool(9, (WETH, USDC), 9_000 * 10**9, 18_000 * 10**9))

    edge = graph.deepest(WETH, USDC)

    assert edge is not None
    assert edge.pool == v2_pool(9, (WETH, USDC), 1, 1).address
    assert graph.deepest(WETH, UNKNOWN) is None


@pytest.mark.parametrize("seed", range(12))
def test_search__one_after_another_as_pools_move__tells_all_that_a_new_graph_tells(seed: int) -> None:
    tokens, pools = random_market(seed, kinds="234cws")
    rng, profit, graph = random.Random(seed), dict.fromkeys(tokens[:2], 1.0), graph_of(pools)
    now = {pool.address: pool for pool in pools}
    found = search(graph, None, profit, max_hops=4)
    for turn in range(4):
        moved = _moved(rng.sample(list(now.values()), 3), turn)
        now |= {pool.address: pool for pool in moved}
        for pool in moved:
            graph.update(pool)

        found = search(graph, addresses(moved), profit, max_hops=4, known=found.known(0.0))

        told = [(cycle.edges, cycle.profit_wei) for cycle in found.cycles]
        anew = search(graph_of(now.values()), None, profit, max_hops=4).cycles
        assert sorted(told, key=repr) == sorted(((cycle.edges, cycle.profit_wei) for cycle in anew), key=repr)
