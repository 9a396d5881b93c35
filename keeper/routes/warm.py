"""
What is compiled when it is first called, called before anything depends on how long that takes.
"""

import numpy as np

from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.routes.graph import Graph
from keeper.routes.kernels import stairs
from keeper.routes.search import search
from keeper.routes.sizing import size
from keeper.types import Address


def warm() -> None:
    """
    Compile every kernel, or load it from the cache: seconds the first time, a part of a second afterwards.
    """
    one, other = (Address("0x" + digit * 40) for digit in "12")
    pools = [
        UniswapV2Pool(PoolInfo("uniswap_v2", "", Address(f"0x{n:040x}"), (one, other), 3_000), 10**18, price * 10**18)
        for n, price in enumerate((1, 2))
    ]
    graph = Graph()
    for pool in pools:
        graph.update(pool)
    found = search(graph, None, {one: 1.0}, max_hops=4)
    assert found.searched == 2
    (cycle,) = list(found.cycles)
    assert size(cycle.edges, pools[::-1]) is not None
    graph.update(pools[0])
    search(graph, [pools[0].address], {one: 1.0}, max_hops=4)
    stairs.gains(np.ones((2, 3, 8)), 0, np.ones(1), np.empty(1))
