"""
What a composed Moebius map says of a cycle: ``rate * x / (1 + bend * x)`` up to a limit.
"""

from math import inf, sqrt

from keeper.routes.kernels.tables import FALLS

#: What rounding in floats is given room for.
_ROOM = 1.0 + 1e-9


def most_of(rate: float, bend: float, limit: float) -> float:
    """
    Return the most that the map pays beyond its input.
    """
    if rate <= 1.0:
        return 0.0
    root = sqrt(rate)
    if bend * limit <= root - 1.0:  # it still gains at the limit
        return limit * (rate / (1.0 + bend * limit) - 1.0) * _ROOM if limit < inf else inf
    return (root - 1.0) * (root - 1.0) / bend * _ROOM


def input_for(amount: float, rate: float, bend: float) -> float:
    """
    Return the input for which the map pays an amount; infinite if there is none.
    """
    if amount == inf:
        return inf
    left = rate - amount * bend
    return amount / left if left > 0.0 else inf


def level_of(log_rate: float) -> int:
    """
    Return which reaches bound a cycle of a log-rate: where it gains most, its rate has fallen to one, and none of its
    edges' by more than that.
    """
    level = 0
    while level < len(FALLS) and FALLS[level] < log_rate:
        level += 1
    return level
