"""
The graph as routes would leave it, and routes sized together from there.
"""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from keeper.errors import PoolError
from keeper.pools.pool import Pool
from keeper.routes.bundles import Wake, run_all
from keeper.routes.detour import Detour, Start
from keeper.routes.graph import Graph
from keeper.routes.search import search
from keeper.routes.sizing import Sized, size
from keeper.routes.split import settle
from keeper.types import Address
from tests.random_markets import random_market


def graph_of(pools: Sequence[Pool]) -> Graph:
    graph = Graph()
    for pool in pools:
        graph.update(pool)
    return graph


def told(graph: Graph, tokens: Sequence[Address]) -> list[str]:
    return [repr(cycle) for cycle in search(graph, None, dict.fromkeys(tokens[:2], 1.0), max_hops=4).cycles]


def one_after_another(seed: int, count: int) -> tuple[dict[Address, Pool], list[Sized]]:
    """The best cycles of a random market that start with one token, each sized on what those before it leave behind."""
    tokens, pools = random_market(seed, "23")
    by_address, routes = {pool.address: pool for pool in pools}, list[Sized]()
    wake = Wake(by_address.__getitem__)
    for cycle in search(graph_of(pools), None, {tokens[0]: 1.0}, max_hops=3).cycles:
        route = size(cycle.edges, wake.pools(cycle.edges))
        if route is not None and len(routes) < count:
            routes.append(wake.run(route.edges, route.amounts[0]))
    return by_address, routes


@pytest.mark.parametrize("kinds", ["23", "23cws", "23n"])
def test_detour__back__leaves_the_graph_as_it_was(kinds: str) -> None:
    for seed in range(5):
        tokens, pools = random_market(seed, kinds)
        graph, by_address = graph_of(pools), {pool.address: pool for pool in pools}
        before = told(graph, tokens)
        detour, wake = Detour(graph, by_address.__getitem__), Wake(by_address.__getitem__)
        for cycle in list(search(graph, None, {tokens[0]: 1.0}, max_hops=3).cycles):
            try:
                wake.run(cycle.edges, max(int(cycle.optimum.amount_in), 1))
            except PoolError:
                continue
            detour.lead(wake.moved)
        led = {pool.address: pool for pool in pools} | wake.moved
        assert told(graph, tokens) == told(graph_of(list(led.values())), tokens)

        detour.back()

        assert told(graph, tokens) == before


def test_lead__pools_it_has_already__are_not_told_again() -> None:
    pools, routes = one_after_another(1, 2)
    detour, wake = Detour(graph_of(list(pools.values())), pools.__getitem__), Wake(pools.__getitem__)
    first = wake.run(routes[0].edges, routes[0].amounts[0])

    assert set(detour.lead(wake.moved)) == {edge.pool for edge in first.edges}
    assert detour.lead(wake.moved) == []


def test_start__after_a_lead__is_of_the_pools_before_it() -> None:
    pools, routes = one_after_another(1, 3)
    detour, wake = Detour(graph_of(list(pools.values())), pools.__getitem__), Wake(pools.__getitem__)
    for route in routes:
        wake.run(route.edges, route.amounts[0])
    detour.lead(wake.moved)

    start, expected = detour.start(wake.moved), Start.from_pools([pools[address] for address in sorted(wake.moved)])

    assert start is not None
    assert expected is not None
    assert start.number == expected.number
    for name in ("rate", "depth", "cap", "keep", "kind"):
        assert np.array_equal(getattr(start.curves(), name), getattr(expected.curves(), name))


def test_start__pool_of_another_shape__is_none() -> None:
    _, pools = random_market(3, "23cws")

    assert Start.from_pools(pools) is None


@pytest.mark.parametrize("seed", range(40))
def test_settle__from_a_start__gains_no_less_than_by_the_exact_models(seed: int) -> None:
    pools, routes = one_after_another(seed, random.Random(seed).choice((2, 3, 4)))
    if len(routes) < 2:
        return  # a market in which nothing can be joined
    start = Start.from_pools([pools[address] for address in sorted({e.pool for r in routes for e in r.edges})])

    fast, slow = settle(routes, pools.__getitem__, start), settle(routes, pools.__getitem__)

    assert start is not None
    if slow is not None:
        assert fast is not None
        assert run_all(fast, pools.__getitem__)[0] == fast  # type: ignore[index]
        gains = [sum(route.gain for route in together) for together in (fast, slow, routes)]
        assert gains[0] >= max(gains) * (1 - 1e-7) - len(routes)


def test_settle__more_wanted_than_there_is__is_none() -> None:
    pools, routes = one_after_another(1, 3)
    start = Start.from_pools([pools[address] for address in sorted({e.pool for r in routes for e in r.edges})])
    together = settle(routes, pools.__getitem__, start)
    assert together is not None
    gain = sum(route.gain for route in together)

    assert settle(routes, pools.__getitem__, start, least_worth=gain * 1.001) is None
    assert settle(routes, pools.__getitem__, start, least_worth=gain) == together


def test_settle__not_whole__has_inputs_that_gain_nearly_as_much() -> None:
    pools, routes = one_after_another(1, 3)
    start = Start.from_pools([pools[address] for address in sorted({e.pool for r in routes for e in r.edges})])
    together = settle(routes, pools.__getitem__, start)
    assert together is not None

    rough = settle(routes, pools.__getitem__, start, whole=False)

    assert rough is not None
    ran = run_all(rough, pools.__getitem__)
    assert ran is not None
    gains = [sum(route.gain for route in of) for of in (ran[0], together)]
    assert gains[1] * (1 - 1e-5) <= gains[0] <= gains[1]
