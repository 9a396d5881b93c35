"""
The amount that maximizes a cycle's gain.

The gain is concave up to rounding, so its optimum is where the marginal rate of the whole cycle, after the amount has
moved the pools, is one. The search is over integers on the exact models; floats only say on which side of the optimum
an amount lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keeper.errors import SwapReverts
from keeper.pools.pool import Pool
from keeper.routes.graph import Edge

#: Amounts stay within what every contract's casts allow.
_LIMIT = 1 << 112

#: The bracket ends this narrow, relative to the amount: near the optimum the gain changes with its square.
_TOLERANCE = 1 << 24


@dataclass(frozen=True, slots=True)
class Sized:
    """
    A cycle with its amounts.

    Attributes:
        amounts: What goes into each hop and what comes out of the last, in smallest units.
    """

    edges: tuple[Edge, ...]
    amounts: tuple[int, ...]

    @property
    def gain(self) -> int:
        """What comes out beyond what went in, before lender and gas."""
        return self.amounts[-1] - self.amounts[0]


def size(edges: tuple[Edge, ...], pools: Sequence[Pool]) -> Sized | None:
    """
    Return the cycle with the input that gains most, or None if no input gains.

    Args:
        pools: The pool of each edge, in the state that the route meets.
    """
    low, high = _bracket(edges, pools)
    while high - low > 1 + high // _TOLERANCE:
        middle = (low + high) // 2
        if _still_gains(edges, pools, middle):
            low = middle
        else:
            high = middle
    candidates = {low, high} | {_cheapest_for_same(edges, pools, amount) for amount in (low, high)}
    quoted = [sized for amount in candidates if (sized := quote(edges, pools, amount)) is not None]
    best = max(quoted, key=lambda sized: (sized.gain, -sized.amounts[0]), default=None)
    return best if best is not None and best.gain > 0 else None


def quote(edges: tuple[Edge, ...], pools: Sequence[Pool], amount_in: int) -> Sized | None:
    """
    Return the cycle with exactly this input, or None where a contract would revert.
    """
    amounts = [amount_in]
    try:
        for edge, pool in zip(edges, pools, strict=True):
            amounts.append(pool.amount_out(edge.token_in, edge.token_out, amounts[-1]))
    except SwapReverts:
        return None
    return Sized(edges, tuple(amounts))


def _bracket(edges: tuple[Edge, ...], pools: Sequence[Pool]) -> tuple[int, int]:
    """Amounts between which the optimum lies: from the least that buys anything, doubled until the gain is used up."""
    low = 1
    while low < _LIMIT and not ((sized := quote(edges, pools, low)) and sized.amounts[-1]):
        low <<= 1
    high = low
    while high < _LIMIT and _still_gains(edges, pools, high):
        low, high = high, high << 1
    return low, high


def _still_gains(edges: tuple[Edge, ...], pools: Sequence[Pool], amount: int) -> bool:
    """Whether the marginal unit after *amount* still gains."""
    rate = 1.0
    for edge, pool in zip(edges, pools, strict=True):
        try:
            amount, after = pool.swap(edge.token_in, edge.token_out, amount)
        except SwapReverts:
            return False
        rate *= after.rate(edge.token_in, edge.token_out)
    return rate > 1.0


def _cheapest_for_same(edges: tuple[Edge, ...], pools: Sequence[Pool], amount: int) -> int:
    """The least input for the output that *amount* gives: rounding leaves units that buy nothing."""
    quoted = quote(edges, pools, amount)
    if quoted is None:
        return amount
    wanted = quoted.amounts[-1]
    try:
        for edge, pool in zip(reversed(edges), reversed(pools), strict=True):
            wanted = pool.amount_in(edge.token_in, edge.token_out, wanted)
    except SwapReverts:
        return amount
    return min(wanted, amount)
