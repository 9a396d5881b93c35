"""
In which order the prices of tokens are eliminated: always one that is joined with the fewest others.
"""

import numpy as np

from keeper.convex.kernels import order as orders
from keeper.convex.kernels import springs
from keeper.convex.kernels.tables import Elimination
from keeper.routes.kernels.tables import Array


def eliminate(tokens: int, one: Array, other: Array) -> Elimination:
    """
    Return the order for springs between these tokens.
    """
    near = np.zeros((tokens, -(-tokens // orders.WORD)), np.uint64)
    orders.join(near, one, other)
    order, degree = np.empty(tokens, np.int64), np.empty(tokens, np.int64)
    orders.degrees_of(order, near, degree)
    turn = np.empty(tokens, np.int64)
    turn[order] = np.arange(tokens)
    sizes = degree[order]
    first = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
    row = np.empty(int(first[-1]), np.int64)
    orders.list_rows(order, near, first, row)
    column, row = np.repeat(np.arange(tokens), sizes), turn[row]
    row = np.sort(column * tokens + row) - column * tokens
    target = np.empty(int((sizes * (sizes - 1) // 2).sum()), np.int64)
    springs.find_targets(first, row, target)
    early, late = np.minimum(turn[one], turn[other]), np.maximum(turn[one], turn[other])
    place = np.searchsorted(column * tokens + row, early * tokens + late)
    return Elimination(turn, first, row, target, one, other, place)
