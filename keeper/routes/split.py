"""
Split flow: routes that share pools, and perhaps go through parallel ones, sized so that together they gain most.

The executor's hop is one pool. Flow over parallel pools is therefore several routes, one after another. Sized one after
another, the first would take all that is good for it alone. What they gain together is concave in their amounts, and
its slope in one of them is what one more unit brings that goes last: so each route in turn is sized anew on the state
that all others leave behind, until none moves. Then the marginal price is the same over all of them, and no split gains
more.
"""

from collections.abc import Sequence

from keeper.errors import PoolError
from keeper.routes.bundles import PoolOf, Wake, run_all
from keeper.routes.sizing import Sized, size

#: Rounds at most, and by how much one has to raise the gain to be followed by another.
_ROUNDS, _STEP = 20, 1e-7


def settle(routes: Sequence[Sized], pool_of: PoolOf) -> list[Sized] | None:
    """
    Return the routes in their order with the amounts that gain most together, exact to the wei as they run one after
    another; None if one of them gains nothing beside the others.

    All of them start with one token, and are given as they run one after another.
    """
    best = _run(routes, pool_of)
    if best is None or len(routes) < 2:
        return best
    amounts = [route.amounts[0] for route in routes]
    for _ in range(_ROUNDS):
        moved = _round(routes, amounts, pool_of)
        if moved is None:
            return None
        sized = _run([_with(route, amount) for route, amount in zip(routes, moved, strict=True)], pool_of)
        if sized is None:
            break
        grown, amounts = _gain(sized) - _gain(best), moved
        if grown > 0:
            best = sized
        if grown <= _STEP * _gain(best):
            break
    return best


def _round(routes: Sequence[Sized], amounts: Sequence[int], pool_of: PoolOf) -> list[int] | None:
    """Size each route in turn on what all others leave behind."""
    moved = list(amounts)
    for i, route in enumerate(routes):
        wake = Wake(pool_of)
        try:
            for j, other in enumerate(routes):
                if j != i:
                    wake.run(other.edges, moved[j])
        except PoolError:
            return None
        sized = size(route.edges, wake.pools(route.edges))
        if sized is None:
            return None
        moved[i] = sized.amounts[0]
    return moved


def _run(routes: Sequence[Sized], pool_of: PoolOf) -> list[Sized] | None:
    ran = run_all(routes, pool_of)
    return None if ran is None else ran[0]


def _with(route: Sized, amount_in: int) -> Sized:
    return Sized(route.edges, (amount_in, *route.amounts[1:]))


def _gain(routes: Sequence[Sized]) -> int:
    return sum(route.gain for route in routes)
