"""
Weak duality: nothing that the search finds is worth more than the bound, at whatever prices it is taken.
"""

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keeper.convex.bound import bound
from keeper.convex.dual import evaluate
from keeper.convex.problem import problem
from keeper.routes.graph import Graph
from keeper.routes.search import search
from keeper.routes.sizing import size
from tests.random_markets import random_market


@pytest.fixture(autouse=True, scope="module")
def interpreted() -> Iterator[None]:
    """Markets so small take less time than the compiler does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keeper.convex.problem.compile_kernels", lambda: False)
        yield


@settings(max_examples=12, deadline=None)
@example(seed=1, spread=0.0, two=True)
@example(seed=28963, spread=0.0, two=True)
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([0.0, 1e-6, 1e-3, 0.1]), two=st.booleans())
def test_bound__any_prices__is_no_less_than_any_cycle_gains(seed: int, spread: float, two: bool) -> None:
    tokens, pools = random_market(seed, kinds="234cws")
    values = dict.fromkeys(tokens[: 1 + two], 1.0)
    graph, by_address = Graph(), {pool.address: pool for pool in pools}
    for pool in pools:
        graph.update(pool)

    found = bound(graph, pools, values)

    posed, rng = problem(graph, pools, values), random.Random(seed)
    price = found.solution.price + np.array([rng.gauss(0, spread) for _ in posed.tokens])
    anywhere, _ = evaluate(posed, np.maximum(price, posed.floor))
    for cycle, _ in zip(search(graph, None, values, max_hops=4).cycles, range(12), strict=False):
        sized = size(cycle.edges, [by_address[address] for address in cycle.pools], cycle.optimum)
        if sized is not None:
            assert sized.gain <= anywhere
            assert sized.gain <= found.wei
