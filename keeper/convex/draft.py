"""
Swaps whose inputs are changed a little until no token lacks.

At the best prices all swaps pay alike, so that what a token lacks may be moved along any of them at no loss: a swap
that it goes into is lowered, or one that it comes out of raised; then the token at the swap's other end lacks as much.
Moved along a tree that leads to where profit is left, it ends as a little less profit and never goes round.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import takewhile

from keeper.errors import SwapReverts
from keeper.pools.pool import Pool
from keeper.routes.graph import Edge
from keeper.types import Address

#: How often all tokens are put right before the plan is given up.
_SWEEPS = 40

#: How often an input is raised until it pays enough, and by which part more than it should take.
_RAISES, _MORE = 8, 1e-3


@dataclass
class Draft:
    """
    Swaps of which several may go through one pool, then one after another.

    Attributes:
        swaps: With what goes in at first.
        pools: As they are before all swaps.
        price: What the smallest unit of each token is worth at the best prices, in wei.
        profit: The tokens that may be left over.
        ins, outs: Of each swap.
        left: Of each token.
    """

    swaps: Sequence[tuple[Edge, int]]
    pools: Mapping[Address, Pool]
    price: Mapping[Address, float]
    profit: frozenset[Address]
    ins: list[int] = field(init=False)
    outs: list[int] = field(init=False)
    left: dict[Address, int] = field(init=False)
    _of_pool: dict[Address, list[int]] = field(init=False)
    _of_token: dict[Address, list[int]] = field(init=False)
    _full: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.ins, self.outs = [amount for _, amount in self.swaps], [0] * len(self.swaps)
        self.left, self._of_pool, self._of_token = defaultdict(int), defaultdict(list), defaultdict(list)
        for i, (edge, amount) in enumerate(self.swaps):
            self._of_pool[edge.pool].append(i)
            self._of_token[edge.token_in].append(i)
            self._of_token[edge.token_out].append(i)
            self.left[edge.token_in] -= amount
        for pool in self._of_pool:
            self._trade(pool)

    def put_right(self) -> bool:
        """
        Return whether no token lacks, after inputs were changed.
        """
        for sweep in range(_SWEEPS):
            if sweep and all(amount >= 0 for amount in self.left.values()):
                return True
            tree = self._tree()
            if not tree:
                return False
            for i, (edge, _) in enumerate(self.swaps):
                if edge.token_in not in tree:
                    self._set(i, 0)
            for token, via in reversed(tree.items()):
                if via is not None and (self.left[token] < 0 or (sweep == 0 and token not in self.profit)):
                    self._balance(token, via)
        return False

    def _worth(self, token: Address) -> float:
        return self.left[token] * self.price[token]

    def _tree(self) -> dict[Address, int | None]:
        """
        The swap that leads from each token to where profit is left, in the order in which they are reached from there:
        always by the swap that moves most. Tokens that nothing leads from are not in it.
        """
        tree: dict[Address, int | None] = {}
        with_profit = [token for token in self.profit if self.left.get(token, 0) > 0]
        for root in sorted(with_profit, key=lambda token: (-self._worth(token), token)):
            queue: list[tuple[float, int, Address]] = [(0.0, -1, root)]
            while queue:
                _, via, token = heappop(queue)
                if token in tree:
                    continue
                tree[token] = via if via >= 0 else None
                for i in self._of_token[token]:
                    edge = self.swaps[i][0]
                    other = edge.token_out if edge.token_in == token else edge.token_in
                    if self.ins[i] and other not in tree and not (i in self._full and other == edge.token_out):
                        heappush(queue, (-self.ins[i] * self.price[edge.token_in], i, other))
        return tree

    def _balance(self, token: Address, i: int) -> None:
        """Move what a token lacks, or has too much of, along a swap."""
        edge, before = self.swaps[i][0], self.ins[i]
        if edge.token_in == token:
            wanted: int | None = max(before + self.left[token], 0)
        else:
            wanted = self._input(i, max(self.outs[i] - self.left[token], 0))
        if wanted is not None:
            self._set(i, wanted)
        if wanted is None or (wanted and not self.ins[i]):
            self._set(i, before)
            self._full.add(i)

    def _input(self, i: int, amount_out: int) -> int | None:
        """What pays at least an amount, and hardly more; None if that is not found."""
        edge = self.swaps[i][0]
        rate = self.price[edge.token_out] / self.price[edge.token_in]
        amount = self.ins[i] + int((amount_out - self.outs[i]) * rate)
        pool = self._before(i)
        for _ in range(_RAISES):
            if amount_out == 0 or amount <= 0:
                return 0 if amount_out == 0 else None
            try:
                lacks = amount_out - pool.amount_out(edge.token_in, edge.token_out, amount)
            except SwapReverts:
                return None
            if lacks <= 0:
                return amount
            amount += int(lacks * rate * (1 + _MORE)) + 1
        return None

    def _before(self, i: int) -> Pool:
        """The pool of a swap as the swaps before leave it."""
        pool = self.pools[self.swaps[i][0].pool]
        for k in takewhile(lambda k: k != i, self._of_pool[pool.address]):
            if self.ins[k]:
                _, pool = pool.swap(self.swaps[k][0].token_in, self.swaps[k][0].token_out, self.ins[k])
        return pool

    def _set(self, i: int, amount: int) -> None:
        if amount != self.ins[i]:
            self.left[self.swaps[i][0].token_in] += self.ins[i] - amount
            self.ins[i] = amount
            self._trade(self.swaps[i][0].pool)

    def _trade(self, address: Address) -> None:
        """Swap through a pool again; what it refuses is left out."""
        pool, numbers = self.pools[address], self._of_pool[address]
        for i in numbers:
            edge = self.swaps[i][0]
            self.left[edge.token_out] -= self.outs[i]
            self.outs[i] = 0
            if self.ins[i]:
                try:
                    if len(numbers) > 1:
                        self.outs[i], pool = pool.swap(edge.token_in, edge.token_out, self.ins[i])
                    else:
                        self.outs[i] = pool.amount_out(edge.token_in, edge.token_out, self.ins[i])
                except SwapReverts:
                    self.left[edge.token_in] += self.ins[i]
                    self.ins[i] = 0
            self.left[edge.token_out] += self.outs[i]
