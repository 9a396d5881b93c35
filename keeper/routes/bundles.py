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


class Wake:
    """
    The pools as routes leave them that ran before: exact models, applied hop by hop.
    """

    def __init__(self, pool_of: PoolOf) -> None:
        """
        Args:
            pool_of: The pools before any route.
        """
        self._pool_of = pool_of
        self._moved: dict[Address, Pool] = {}

    def fork(self) -> "Wake":
        """
        Return another one, which goes on from here.
        """
        other = Wake(self._pool_of)
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
            amount, pool = self.pool(edge.pool).swap(edge.token_in, edge.token_out, amounts[-1])
            amounts.append(amount)
            after[edge.pool] = pool
        self._moved |= after
        return Sized(edges, tuple(amounts))


def run_all(routes: Sequence[Sized], pool_of: PoolOf) -> tuple[list[Sized], Wake] | None:
    """
    Return the routes with the amounts that they have one after another, and what they leave behind; None if one of them
    cannot run.
    """
    wake = Wake(pool_of)
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
