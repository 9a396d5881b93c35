"""
Prices to begin with: along the deepest pools, from the tokens whose worth is known.
"""

from heapq import heappop, heappush
from math import exp, inf

import numpy as np

from keeper.routes.kernels.tables import Array, Curves, Topology

#: How much less a pool counts as its prices to buy and to sell are apart: its depth, to the power of this.
_CAUTION = 10.0


def spread(topology: Topology, curves: Curves, back: Array, known: Array, price: Array) -> None:
    """
    Write the logarithm of each token's price, from those that are known; those that no pool leads to keep theirs.

    Args:
        back: The other direction of each edge, whose rate tells its fee.
        known: Tokens to begin with.
    """
    done = np.zeros(price.size, np.bool_)
    queue = [(0.0, np.int64(0), np.int64(0), 0.0)]
    queue.clear()
    for t in known:
        heappush(queue, (-inf, np.int64(-1), t, price[t]))
    while len(queue) > 0:
        rank, _, token, worth = heappop(queue)
        if done[token]:
            continue
        done[token] = True
        price[token] = worth
        for arc in range(topology.first[token], topology.first[token + 1]):
            if done[topology.head[arc]]:
                continue
            for i in range(topology.edge_first[arc], topology.edge_first[arc + 1]):
                edge = topology.edge_at[i]
                there, home = curves.log_rate[edge], curves.log_rate[back[edge]]
                if there == -inf:
                    continue
                apart = max(there + home, -50.0)
                middle = 0.5 * (there - home) if home > -inf else there
                depth = curves.depth[edge] * exp(worth + _CAUTION * apart)
                heappush(queue, (max(rank, -depth), edge, topology.head[arc], worth - middle))
