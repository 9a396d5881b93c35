"""
Routes that run one after another in one transaction, each on the state that those before it leave behind.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from keeper.errors import PoolError
from keeper.pools.pool import Pool
from keeper.routes.graph import Edge
from keeper.routes.sizing import Sized
from keeper.types import Address

#: A pool as of the head.
PoolOf = Callable[[Address], Pool]


class Swaps:
    """
    What swaps gave, each of them computed once: while a bundle grows its routes run again and again.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, Address, Address, int], tuple[int, Pool, Pool]] = {}

    def swap(self, pool: Pool, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Pool]:
        """
        Return the output and the pool after it.

        Raises:
            PoolError: The contract would revert.
        """
        key = id(pool), token_in, token_out, amount_in
        if (known := self._known.get(key)) is None:
            amount_out, after = pool.swap(token_in, token_out, amount_in)
            # The pool is kept, or another one might have its number.
            known = self._known[key] = amount_out, after, pool
        return known[0], known[1]


class Wake:
    """
    The pools as routes leave them that ran before: exact models, applied hop by hop.
    """

    def __init__(self, pool_of: PoolOf, swaps: Swaps | None = None) -> None:
        """
        Args:
            pool_of: The pools before any route.
            swaps: Those that are known.
        """
        self._pool_of = pool_of
        self._swaps = swaps or Swaps()
        self._moved: dict[Address, Pool] = {}

    def fork(self) -> "Wake":
        """
        Return another one, which goes on from here.
        """
        other = Wake(self._pool_of, self._swaps)
        other._moved = dict(self._moved)
        return other

    @property
    def moved(self) -> Mapping[Address, Pool]:
        """The pools that a route went through, as it left them."""
        return self._moved

    def pool(self, address: Address) -> Pool:
        """
        Return the pool as the next route meets it.
        """
        return self._moved.get(address) or self._pool_of(address)

    def pools(self, edges: Iterable[Edge]) -> list[Pool]:
        """
        Return the pool of each edge as the next route meets it.
        """
        return [self.pool(edge.pool) for edge in edges]

    def run(self, edges: tuple[Edge, ...], amount_in: int) -> Sized:
        """
        Swap along a route and return its amounts.

        Raises:
            PoolError: A contract would revert; then nothing has moved.
        """
        amounts, after = [amount_in], {}
        for edge in edges:
            amount, pool = self._swaps.swap(self.pool(edge.pool), edge.token_in, edge.token_out, amounts[-1])
            amounts.append(amount)
            after[edge.pool] = pool
        self._moved |= after
        return Sized(edges, tuple(amounts))


def run_all(routes: Sequence[Sized], pool_of: PoolOf, swaps: Swaps | None = None) -> tuple[list[Sized], Wake] | None:
    """
    Return the routes with the amounts that they have one after another, and what they leave behind; None if one of them
    cannot run.

    Args:
        swaps: Those that are known.
    """
    wake = Wake(pool_of, swaps)
    try:
        return [wake.run(route.edges, route.amounts[0]) for route in routes], wake
    except PoolError:
        return None


def joined(routes: Sequence[Sized], edges: Iterable[Edge]) -> list[int]:
    """
    Return the places of those routes that meet a route of these edges in a pool, or meet a route that does.
    """
    met, pools = set[int](), {edge.pool for edge in edges}
    while more := [
        i for i, route in enumerate(routes) if i not in met and not pools.isdisjoint(edge.pool for edge in route.edges)
    ]:
        met.update(more)
        pools.update(edge.pool for i in more for edge in routes[i].edges)
    return sorted(met)
