"""
A plan of whole amounts from what the pools would do at the best prices.

It swaps through each pool once, or a few times through one of several tokens, and after all of it no token lacks. What
is short by rounding, or because the prices are not quite the best, is taken from a swap that leads nearer to a profit
token: so it ends as a smaller profit.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from keeper.convex.dual import Solution
from keeper.convex.problem import Problem
from keeper.errors import SwapReverts
from keeper.pools.pool import Pool
from keeper.routes.graph import Edge
from keeper.types import Address

#: How often all tokens are put right before the plan is given up.
_SWEEPS = 30


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
    draft = _Draft(list(_wanted(problem, solution)), pools, values)
    if not draft.put_right():
        return NOTHING
    found = draft.plan()
    return found if found.worth_wei > 0 else NOTHING


def _wanted(problem: Problem, solution: Solution) -> Iterator[tuple[Edge, int]]:
    """What goes into each swap at the solution's prices."""
    price = np.exp(solution.price) * problem.unit
    used = np.flatnonzero(solution.flow.x > 0)
    amounts = solution.flow.x[used] / price[problem.edges.tail[used]]
    for number, amount in zip(used.tolist(), amounts.tolist(), strict=True):
        if amount >= 1:
            yield problem.swaps[number], int(amount)
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
            if amount_in <= 0:
                continue
            try:
                paid, pool = pool.swap(token_in, token_out, amount_in)
            except SwapReverts:
                continue
            rest[token_in] -= amount_in
            amount_out -= paid
            yield Edge(pool.address, token_in, token_out), amount_in


def _enough(pool: Pool, token_in: Address, token_out: Address, most: int, amount_out: int) -> int:
    """The least input, up to the most there is, that pays an amount."""
    low, high = 0, most
    while high - low > 1 and amount_out > 0:
        middle = (low + high) // 2
        try:
            paid = pool.amount_out(token_in, token_out, middle)
        except SwapReverts:
            paid = 0
        low, high = (low, middle) if paid >= amount_out else (middle, high)
    return high if amount_out > 0 else 0


@dataclass
class _Draft:
    """
    Swaps whose inputs are lowered until nothing lacks.

    Attributes:
        swaps: With what goes in.
    """

    swaps: list[tuple[Edge, int]]
    pools: Mapping[Address, Pool]
    values: Mapping[Address, float]
    _ins: list[int] = field(init=False)
    _outs: list[int] = field(init=False)
    _of_pool: dict[Address, list[int]] = field(init=False)
    _from: dict[Address, list[int]] = field(init=False)
    _left: dict[Address, int] = field(init=False)

    def __post_init__(self) -> None:
        self._ins, self._outs = [amount for _, amount in self.swaps], [0] * len(self.swaps)
        self._of_pool, self._from, self._left = defaultdict(list), defaultdict(list), defaultdict(int)
        for i, (edge, amount) in enumerate(self.swaps):
            self._of_pool[edge.pool].append(i)
            self._from[edge.token_in].append(i)
            self._left[edge.token_in] -= amount
        for pool in self._of_pool:
            self._trade(pool)

    def put_right(self) -> bool:
        """Return whether nothing lacks after inputs were lowered."""
        away = self._hops_away()
        order = sorted(self._from, key=lambda token: (-away.get(token, len(away)), token))
        for token in order:
            self._from[token].sort(key=lambda i: away.get(self.swaps[i][0].token_out, len(away)))
        for _ in range(_SWEEPS):
            short = [token for token in order if self._left[token] < 0]
            if not short:
                return True
            for token in short:
                self._lower(token)
        return False

    def plan(self) -> Plan:
        """Return the swaps as they now are."""
        swaps = [
            Swap(edge, amount_in, amount_out)
            for (edge, _), amount_in, amount_out in zip(self.swaps, self._ins, self._outs, strict=True)
            if amount_in
        ]
        worth = sum(self._left[token] * value for token, value in self.values.items())
        return Plan(tuple(swaps), dict(self._left), worth)

    def _lower(self, token: Address) -> None:
        """Take what a token lacks from the swaps that it goes into."""
        for i in self._from[token]:
            if (lacks := -self._left[token]) <= 0:
                return
            less = min(lacks, self._ins[i])
            if less:
                self._ins[i] -= less
                self._left[token] += less
                self._trade(self.swaps[i][0].pool)

    def _trade(self, address: Address) -> None:
        """Swap through a pool again; what it refuses is left out."""
        pool, numbers = self.pools[address], self._of_pool[address]
        for i in numbers:
            edge = self.swaps[i][0]
            self._left[edge.token_out] -= self._outs[i]
            self._outs[i] = 0
            if self._ins[i]:
                try:
                    if len(numbers) > 1:
                        self._outs[i], pool = pool.swap(edge.token_in, edge.token_out, self._ins[i])
                    else:
                        self._outs[i] = pool.amount_out(edge.token_in, edge.token_out, self._ins[i])
                except SwapReverts:
                    self._left[edge.token_in] += self._ins[i]
                    self._ins[i] = 0
            self._left[edge.token_out] += self._outs[i]

    def _hops_away(self) -> dict[Address, int]:
        """How many swaps each token is away from a profit token."""
        into: dict[Address, list[Address]] = defaultdict(list)
        for edge, _ in self.swaps:
            into[edge.token_out].append(edge.token_in)
        away = dict.fromkeys(self.values, 0)
        queue = deque(away)
        while queue:
            token = queue.popleft()
            for other in into[token]:
                if other not in away:
                    away[other] = away[token] + 1
                    queue.append(other)
        return away
