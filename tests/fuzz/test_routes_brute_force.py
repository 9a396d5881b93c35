"""
The search and the sizing against brute force: all cycles in plain Python, each on a fine grid with integer refinement.
"""

import random

import pytest

from keeper.routes.graph import Graph
from keeper.routes.search import search
from keeper.routes.sizing import size
from tests.random_markets import all_cycles, best_amount, random_market

_MARKETS = 200
_PARTS = 10


@pytest.mark.parametrize("part", range(_PARTS))
def test_search_and_size__random_markets__equal_brute_force(part: int) -> None:
    opportunities = 0
    for seed in range(part, _MARKETS, _PARTS):
        opportunities += _check(seed)
    assert opportunities > 20


def _check(seed: int) -> int:
    """Every opportunity of a market, the best first; how many there were."""
    tokens, pools = random_market(seed)
    rng, by_address, graph = random.Random(seed), {pool.address: pool for pool in pools}, Graph()
    for pool in pools:
        graph.update(pool)
    cycles = all_cycles(pools, tokens[0], max_hops=4)

    found = search(graph, None, {tokens[0]: 1.0}, max_hops=4)
    told = [(cycle, size(cycle.edges, [by_address[a] for a in cycle.pools], cycle.optimum)) for cycle in found.cycles]

    ours = {cycle.edges: sized.gain for cycle, sized in told if sized is not None}
    brute = {tuple(edge for edge, _ in cycle): best_amount(cycle, rng)[0] for cycle in cycles}
    for edges, gain in brute.items():
        assert ours.get(edges, 0) >= gain - max(1.0, 1e-6 * gain), f"market {seed}: {edges}"
    if ours and max(brute.values()) > 1:
        best = max(ours, key=lambda edges: ours[edges])
        assert brute[best] >= max(brute.values()) - max(1.0, 1e-6 * max(brute.values())), f"market {seed}"
    for cycle, sized in told:
        assert sized is None or sized.gain <= min(cycle.profit_wei, sized.ceiling), f"market {seed}: {cycle.edges}"
    return sum(gain > 0 for gain in brute.values())
