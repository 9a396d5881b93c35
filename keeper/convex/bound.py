"""
The most that a market gives, and a plan that shows how much of it can be had.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from keeper.convex.dual import Solution, minimise
from keeper.convex.primal import Plan, plan
from keeper.convex.problem import Problem, problem
from keeper.pools.pool import Pool
from keeper.routes.graph import Graph
from keeper.types import Address

#: What may be out of balance, of the bound; bounds that are no more than this many wei are not lowered further.
TOLERANCE, NEGLIGIBLE_WEI = 1e-3, 1e9

MOST_ROUNDS = 80


@dataclass(frozen=True)
class Bound:
    """
    The most that any swaps through any pools leave of the profit tokens, gas and lenders aside.

    Attributes:
        wei: The bound itself; it holds whether or not the search for the best prices converged.
    """

    problem: Problem
    solution: Solution

    @property
    def wei(self) -> float:
        return self.solution.bound

    @property
    def left_out(self) -> tuple[Address, ...]:
        """Pools that the bound knows nothing of, because their families have no convex form here."""
        return self.problem.left_out

    @cached_property
    def prices(self) -> Mapping[Address, float]:
        """What the smallest unit of each token is worth at the best prices, in wei."""
        price = self.problem.unit * np.exp(self.solution.price)
        return {
            token: worth for token, worth in zip(self.problem.tokens, price.tolist(), strict=True) if np.isfinite(worth)
        }

    def plan(self, pools: Mapping[Address, Pool], values: Mapping[Address, float]) -> Plan:
        """
        Return whole amounts that come near to the bound, as the exact models confirm.
        """
        return plan(self.problem, self.solution, pools, values)


def bound(graph: Graph, pools: Iterable[Pool], values: Mapping[Address, float], before: Bound | None = None) -> Bound:
    """
    Return the bound on what the pools of a graph give, after fees.

    Args:
        pools: As they now are, at least those whose curves the graph samples.
        values: What the smallest unit of each profit token is worth, in wei.
        before: An earlier bound of the same graph, whose prices are a start.
    """
    posed = problem(
        graph,
        pools,
        values,
        before.prices if before else None,
        before.problem.elimination if before else None,
    )
    return Bound(posed, minimise(posed, TOLERANCE, NEGLIGIBLE_WEI, MOST_ROUNDS))
