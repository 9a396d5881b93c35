"""
What is compiled when it is first called, called before anything depends on how long that takes.
"""

import numpy as np

from keeper.math.tick import Ticks
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.routes.detour import Start
from keeper.routes.graph import Graph
from keeper.routes.kernels import bounds, rings, stairs
from keeper.routes.kernels.tables import MAX_HOPS, Worth
from keeper.routes.search import search
from keeper.routes.sizing import size
from keeper.routes.split import settle
from keeper.types import Address


def warm() -> None:
    """
    Compile every kernel, or load it from the cache: seconds the first time, a part of a second afterwards.
    """
    one, other, third = (Address("0x" + digit * 40) for digit in "123")
    # two cycles that earn nearly the same: one is sized, the other at first only bounded
    pools = [
        UniswapV2Pool(PoolInfo("uniswap_v2", "", Address(f"0x{n:040x}"), (one, other), 3_000), 10**18, held)
        for n, held in enumerate((10**18, 2 * 10**18, 2 * 10**18 + 10**13))
    ]
    apart = PoolInfo("", "", Address(f"0x{9:040x}"), (one, third), 100, 1)
    graph = Graph()
    for pool in pools:
        graph.update(pool)
    graph.update(UniswapV3Pool(apart, 1 << 96, 0, 1, Ticks()))
    found = search(graph, None, {one: 1.0}, max_hops=4)
    assert found.searched == 6
    first, second = found.cycles
    best = size(first.edges, [pools[2], pools[0]])
    assert best is not None
    assert second.profit_wei < first.profit_wei
    settle([best], {pool.address: pool for pool in pools}.__getitem__, Start.from_pools(pools))
    graph.update(pools[0])
    search(graph, [pools[0].address], {one: 1.0}, max_hops=4, known=found.known(0.0))
    topology, _, rates = graph.settle()
    bounds.rank(rates, np.ones(1), Worth(*[np.ones(1)] * 3), np.zeros((1, 3 + MAX_HOPS), np.int64), np.ones(1))
    rings.raise_ways(topology, rates, graph.token_numbers([one]), np.arange(1), found.known(0.0).ways)
    Graph().update(CurveStableSwapPool(apart, (10**18, 10**18), (10**18, 10**18), 20_000, 4_000_000, 0))
    stairs.look(np.ones((2, 3, 8)), 0, 1.0, 1.0, 1, np.empty(1), np.empty(1))
    stairs.look_around(np.ones((2, 3, 8)), 0, np.ones(1), 1, np.empty(1), np.empty(1))
