"""
The linear equations of a step: prices joined by springs, eliminated one by one in an order that joins few more.
"""

import numpy as np

from keeper.convex.kernels.tables import Elimination
from keeper.routes.kernels.tables import Array


def find_targets(first: Array, row: Array, target: Array) -> None:
    """
    Write, for each pair of rows of each column, where the pair itself is.
    """
    n = 0
    for j in range(first.size - 1):
        for i in range(first[j], first[j + 1]):
            for k in range(i + 1, first[j + 1]):
                target[n] = _place(first, row, row[i], row[k])
                n += 1


def _place(first: Array, row: Array, column: int, wanted: int) -> int:
    low, high = first[column], first[column + 1]
    while low < high:
        middle = (low + high) // 2
        if row[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return int(low)


def solve(elimination: Elimination, spring: Array, reach: float, slope: Array, free: Array, step: Array) -> None:
    """
    Write the relative change of the free prices at which the springs take up the slope, as far as that is within
    reach; others stay.

    No price changes by more: each has a resistance that alone would take up its slope there.
    """
    first, row, target, turn = elimination.first, elimination.row, elimination.target, elimination.turn
    n = turn.size
    diagonal, below, rest = np.zeros(n), np.zeros(row.size), np.zeros(n)
    for i in range(spring.size):
        a, b = elimination.one[i], elimination.other[i]
        if free[a]:
            diagonal[turn[a]] += spring[i]
        if free[b]:
            diagonal[turn[b]] += spring[i]
        if free[a] and free[b]:
            below[elimination.place[i]] -= spring[i]
    for token in range(n):
        j = turn[token]
        if free[token]:
            diagonal[j] += abs(slope[token]) / reach + 1e-12 * diagonal[j]
            rest[j] = -slope[token]
        if diagonal[j] <= 0.0:
            diagonal[j], rest[j] = 1.0, 0.0
    # Rounding may leave nothing of a diagonal, or less: such a price stays. The bound does not depend on it.
    least = 1e-12 * diagonal
    at = 0
    for j in range(n):
        start, end = first[j], first[j + 1]
        if diagonal[j] <= least[j]:
            diagonal[j], rest[j] = 1e300, 0.0
        for i in range(start, end):
            part = below[i] / diagonal[j]
            diagonal[row[i]] -= part * below[i]
            rest[row[i]] -= part * rest[j]
            for k in range(i + 1, end):
                below[target[at]] -= part * below[k]
                at += 1
    for j in range(n - 1, -1, -1):
        for i in range(first[j], first[j + 1]):
            rest[j] -= below[i] * rest[row[i]]
        rest[j] /= diagonal[j]
    for token in range(n):
        step[token] = rest[turn[token]] if free[token] else 0.0
