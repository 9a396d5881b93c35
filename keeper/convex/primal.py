"""
A plan of whole amounts from what the pools would do at the best prices.

It swaps through each pool once, or a few times through one of several tokens, and after all of it no token lacks. What
is short by rounding, or because the prices are not quite the best, ends as a smaller profit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from keeper.convex.draft import Draft
from keeper.convex.dual import Solution
from keeper.convex.problem import Problem
from keeper.errors import SwapReverts
from keeper.pools.pool import Pool
from keeper.routes.graph import Edge
from keeper.types import Address

#: How finely an amount is cut until a pool takes it.
_FINE = 10**12


@dataclass(frozen=True, slots=True)
class Swap:
    """One swap with whole amounts."""

    edge: Edge
    amount_in: int
    amount_out: int


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Swaps in any order, except through the same pool, that together leave no token short.

    Whoever executes it must borrow what it needs on the way; no fee of a lender and no gas is counted.

    Attributes:
        left: What is left of each token; of none less than nothing.
        worth_wei: Of what is left of the profit tokens.
    """

    swaps: tuple[Swap, ...]
    left: Mapping[Address, int]
    worth_wei: float


NOTHING = Plan((), {}, 0.0)


def plan(problem: Problem, solution: Solution, pools: Mapping[Address, Pool], values: Mapping[Address, float]) -> Plan:
    """
    Return a plan that the exact models confirm; one that does nothing, if none comes of the solution.

    Args:
        pools: As they are, those that the solution uses.
        values: What the smallest unit of each profit token is worth, in wei.
    """
    worth = (problem.unit * np.exp(solution.price)).tolist()
    price = dict(zip(problem.tokens, worth, strict=True))
    draft = Draft(list(_wanted(problem, solution, pools)), pools, price, frozenset(values))
    if not draft.put_right():
        return NOTHING
    swaps = zip(draft.swaps, draft.ins, draft.outs, strict=True)
    left = dict(draft.left)
    gained = sum(left.get(token, 0) * value for token, value in values.items())
    if gained <= 0:
        return NOTHING
    return Plan(tuple(Swap(edge, into, out) for (edge, _), into, out in swaps if into), left, gained)


def _wanted(problem: Problem, solution: Solution, pools: Mapping[Address, Pool]) -> Iterator[tuple[Edge, int]]:
    """What goes into each swap at the solution's prices, as far as the pools take it."""
    price = np.exp(solution.price) * problem.unit
    used = np.flatnonzero(solution.flow.x > 0)
    amounts = solution.flow.x[used] / price[problem.edges.tail[used]]
    for number, amount in zip(used.tolist(), amounts.tolist(), strict=True):
        edge = problem.swaps[number]
        if taken := _taken(pools[edge.pool], edge.token_in, edge.token_out, int(amount)):
            yield edge, taken
    for p, pool in enumerate(problem.pools):
        start, end = problem.baskets.first[p], problem.baskets.first[p + 1]
        tokens = problem.baskets.token[start:end]
        amounts = [int(amount) for amount in (solution.flow.moved[start:end] / problem.unit[tokens]).tolist()]
        if any(amounts):
            yield from _pairwise(pool, dict(zip(pool.tokens, amounts, strict=True)))


def _pairwise(pool: Pool, amounts: Mapping[Address, int]) -> Iterator[tuple[Edge, int]]:
    """
    Swaps of two tokens each: tokens come in one after another until there is enough of each that goes out, and all that
    is left for the last.
    """
    rest = {token: -amount for token, amount in amounts.items() if amount < 0}
    wanted = [(token, amount) for token, amount in amounts.items() if amount > 0]
    for token_out, amount_out in wanted:
        is_last = token_out == wanted[-1][0]
        for token_in in rest:
            amount_in = rest[token_in] if is_last else _enough(pool, token_in, token_out, rest[token_in], amount_out)
            amount_in = _taken(pool, token_in, token_out, amount_in)
            if not amount_in:
                continue
            paid, pool = pool.swap(token_in, token_out, amount_in)
            rest[token_in] -= amount_in
            amount_out -= paid
            yield Edge(pool.address, token_in, token_out), amount_in


def _taken(pool: Pool, token_in: Address, token_out: Address, most: int) -> int:
    """
    The most that a pool takes of an amount: a range that is crossed whole ends within rounding of it, and a weighted
    pool takes no more than a part of what it holds.
    """
    if most <= 0 or _pays(pool, token_in, token_out, most):
        return max(most, 0)
    low, high = 0, most
    while high - low > 1 + most // _FINE:
        middle = (low + high) // 2
        low, high = (middle, high) if _pays(pool, token_in, token_out, middle) else (low, middle)
    return low


def _pays(pool: Pool, token_in: Address, token_out: Address, amount_in: int) -> int:
    """What comes out, 0 where the pool refuses."""
    try:
        return pool.amount_out(token_in, token_out, amount_in)
    except SwapReverts:
        return 0


def _enough(pool: Pool, token_in: Address, token_out: Address, most: int, amount_out: int) -> int:
    """The least input, up to the most there is, that pays an amount."""
    low, high = 0, most
    while high - low > 1 and amount_out > 0:
        middle = (low + high) // 2
        is_enough = _pays(pool, token_in, token_out, middle) >= amount_out
        low, high = (low, middle) if is_enough else (middle, high)
    return high if amount_out > 0 else 0
