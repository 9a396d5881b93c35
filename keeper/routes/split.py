"""
Split flow: routes that share pools, and perhaps go through parallel ones, sized so that together they gain most.

The executor's hop is one pool. Flow over parallel pools is therefore several routes, one after another. Sized one after
another, the first would take all that is good for it alone. What they gain together is concave in their amounts, and
its slope in one of them is what one more unit brings that goes last: so each route in turn is sized anew on the state
that all others leave behind, until none moves. Then the marginal price is the same over all of them, and no split gains
more.
"""

from collections.abc import Sequence
from dataclasses import replace

from keeper.errors import PoolError
from keeper.pools.pool import Pool
from keeper.routes.bundles import PoolOf, Wake, run_all
from keeper.routes.sizing import Sized, estimate, size

#: Routes that are run at most while amounts are looked for in floats, of which a round runs all beside each. Every
#: round gains, and where routes come one by one it begins where the others had settled.
_RUNS = 96
#: The relative change of an amount that is none.
_STILL = 1e-5


def settle(routes: Sequence[Sized], pool_of: PoolOf) -> list[Sized] | None:
    """
    Return the routes in their order with the amounts that gain most together, exact to the wei as they run one after
    another; None if one of them gains nothing beside the others.

    All of them start with one token, and are given as they run one after another.
    """
    amounts = [route.amounts[0] for route in routes]
    for _ in range(max(_RUNS // len(routes) ** 2, 1)):
        before = list(amounts)
        if not _round(routes, amounts, pool_of):
            return None
        if all(abs(after - old) <= _STILL * old for after, old in zip(amounts, before, strict=True)):
            break
    return _in_integers(routes, amounts, pool_of)


def _round(routes: Sequence[Sized], amounts: list[int], pool_of: PoolOf) -> bool:
    """Size each route in turn in floats on what all others leave behind; whether each gains something there."""
    for i, route in enumerate(routes):
        pools = _beside(routes, amounts, i, pool_of)
        optimum = estimate(route.edges, pools) if pools else None
        if optimum is None or optimum.gain <= 0 or optimum.amount_in < 1:
            return False
        amounts[i] = int(optimum.amount_in)
    return True


def _in_integers(routes: Sequence[Sized], amounts: list[int], pool_of: PoolOf) -> list[Sized] | None:
    """The routes with the best whole amounts near these; what they were with before, if that gains more."""
    for i, route in enumerate(routes):
        pools = _beside(routes, amounts, i, pool_of)
        sized = size(route.edges, pools) if pools else None
        if sized is None:
            return None
        amounts[i] = sized.amounts[0]
    both = [
        run_all([replace(route, amounts=(amount,)) for route, amount in zip(routes, amounts, strict=True)], pool_of)
    ]
    both.append(run_all(routes, pool_of))
    return max((ran[0] for ran in both if ran is not None), key=_gain, default=None)


def _beside(routes: Sequence[Sized], amounts: Sequence[int], place: int, pool_of: PoolOf) -> list[Pool] | None:
    """A route's pools as all other routes leave them; None if one of those cannot run."""
    wake = Wake(pool_of)
    try:
        for j, other in enumerate(routes):
            if j != place:
                wake.run(other.edges, amounts[j])
    except PoolError:
        return None
    return wake.pools(routes[place].edges)


def _gain(routes: Sequence[Sized]) -> int:
    return sum(route.gain for route in routes)
