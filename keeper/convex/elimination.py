"""
In which order the prices of tokens are eliminated: always one that is joined with the fewest others.
"""

from heapq import heapify, heappop, heappush

import numpy as np

from keeper.convex.kernels import springs
from keeper.convex.kernels.tables import Elimination
from keeper.routes.kernels.tables import Array


def eliminate(tokens: int, one: Array, other: Array) -> Elimination:
    """
    Return the order for springs between these tokens.
    """
    low, high = np.minimum(one, other), np.maximum(one, other)
    pairs, pair_of = np.unique(low * tokens + high, return_inverse=True)
    low, high = pairs // tokens, pairs % tokens
    order, joined = _order(tokens, low.tolist(), high.tolist())
    turn = np.empty(tokens, np.int64)
    turn[order] = np.arange(tokens)
    sizes = np.array([len(later) for later in joined])
    column = np.repeat(np.arange(tokens), sizes)
    row = turn[np.array([token for later in joined for token in later], dtype=np.int64)]
    row = row[np.lexsort((row, column))]
    first = np.concatenate(([0], np.cumsum(sizes)))
    target = np.empty(int((sizes * (sizes - 1) // 2).sum()), np.int64)
    springs.find_targets(first, row, target)
    early, late = np.minimum(turn[low], turn[high]), np.maximum(turn[low], turn[high])
    place = np.searchsorted(column * tokens + row, early * tokens + late)
    return Elimination(turn, first, row, target, one, other, place[pair_of])


def _order(tokens: int, low: list[int], high: list[int]) -> tuple[list[int], list[set[int]]]:
    """The tokens in their order, and what each is joined with when its turn comes."""
    near: list[set[int]] = [set() for _ in range(tokens)]
    for a, b in zip(low, high, strict=True):
        near[a].add(b)
        near[b].add(a)
    queue = [(len(others), token) for token, others in enumerate(near)]
    heapify(queue)
    order, joined, done = [], [], [False] * tokens
    while queue:
        degree, token = heappop(queue)
        if done[token] or degree != len(near[token]):
            continue
        done[token] = True
        order.append(token)
        others = near[token]
        joined.append(others)
        for other in others:
            mine = near[other]
            mine |= others
            mine.discard(other)
            mine.discard(token)
            heappush(queue, (len(mine), other))
    return order, joined
