"""
Split flow: routes that share pools, and perhaps go through parallel ones, sized so that together they gain most.

The executor's hop is one pool. Flow over parallel pools is therefore several routes, one after another. Sized one after
another, the first would take all that is good for it alone. What they gain together is concave in their amounts, and
its slope in one of them is what one more unit brings that goes last: so each route in turn is sized anew on the state
that all others leave behind, until none moves. Then the marginal price is the same over all of them, and no split gains
more. Where they start with different tokens that holds while gains are valued as the pools themselves do.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from keeper.errors import PoolError
from keeper.pools.pool import Pool
from keeper.routes.bundles import PoolOf, Swaps, Wake, run_all
from keeper.routes.curves import Optimum
from keeper.routes.detour import Start
from keeper.routes.kernels import flows
from keeper.routes.kernels.tables import MAX_HOPS
from keeper.routes.sizing import Sized, estimate, size

#: Routes that are run at most while amounts are looked for in floats, of which a round runs all beside each: where all
#: pools are ranges or constant products, and where the exact models run them. Every round gains, and where routes come
#: one by one it begins where the others had settled.
_FAST_RUNS, _RUNS = 2_048, 96
#: The relative change of an amount that is none.
_FAST_STILL, _STILL = 1e-7, 1e-5
#: What whole amounts gain at most of what floats say where they have settled.
_MARGIN = 1.0001


def settle(
    routes: Sequence[Sized],
    pool_of: PoolOf,
    start: Start | None = None,
    worths: Sequence[float] = (),
    least_worth: float = 0.0,
    whole: bool = True,
    swaps: Swaps | None = None,
) -> list[Sized] | None:
    """
    Return the routes in their order with the amounts that gain most together, exact to the wei as they run one after
    another; None if one of them gains nothing beside the others, or if they surely gain less than is wanted.

    Args:
        routes: As they run one after another.
        start: The pools before any route, if all of them are ranges or constant products.
        worths: Of the smallest unit of what each route starts with; none if that is one token.
        least_worth: Of all gains: what is wanted, where there is such a start.
        whole: Whether the best whole amounts are wanted: else, where there is such a start, they are those in floats
            without what is behind the point, and the routes have their inputs alone.
        swaps: Those that are known.
    """
    amounts = [route.amounts[0] for route in routes]
    if start is not None:
        optima = _floats(routes, amounts, start, worths, least_worth)
        if optima is None or whole:
            return _in_integers(routes, amounts, pool_of, worths, optima, swaps) if optima else None
        return [replace(route, amounts=(amount,)) for route, amount in zip(routes, amounts, strict=True)]
    for _ in range(max(_RUNS // len(routes) ** 2, 1)):
        before = list(amounts)
        if not _round(routes, amounts, pool_of):
            return None
        if all(abs(after - old) <= _STILL * old for after, old in zip(amounts, before, strict=True)):
            break
    return _in_integers(routes, amounts, pool_of, worths, [None] * len(routes), swaps)


def _floats(
    routes: Sequence[Sized], amounts: list[int], start: Start, worths: Sequence[float], least_worth: float
) -> list[Optimum] | None:
    """Let the amounts settle on the pools' curves, and return how each route gains then beside the others."""
    gains = np.full(len(routes), np.nan)
    ways, figures = np.full((len(routes), MAX_HOPS), -1), np.empty((len(routes), 3))
    for way, route in zip(ways, routes, strict=True):
        way[: len(route.edges)] = [start.number[edge] for edge in route.edges]
    settled, weights = np.array(amounts, dtype=np.float64), np.array(worths or (1.0,) * len(routes))
    ran = flows.settle(start.curves(), start.twin, ways, weights, settled, figures, gains, _FAST_RUNS, _FAST_STILL)
    # Amounts may lie a rounding beyond the end of a curve when they run in their order: the models know.
    if not ran and np.isnan(gains[0]):
        return None
    if (gains * _MARGIN + 1.0) @ weights < least_worth:
        return None
    amounts[:] = map(int, settled.tolist())
    return [Optimum(amount_in, gain, depth, closed=True) for amount_in, gain, depth in figures.tolist()]


def _round(routes: Sequence[Sized], amounts: list[int], pool_of: PoolOf) -> bool:
    """Size each route in turn in floats on what all others leave behind; whether each gains something there."""
    for i, route in enumerate(routes):
        pools = _beside(routes, amounts, i, pool_of)
        optimum = estimate(route.edges, pools) if pools else None
        if optimum is None or optimum.gain <= 0 or optimum.amount_in < 1:
            return False
        amounts[i] = int(optimum.amount_in)
    return True


def _in_integers(
    routes: Sequence[Sized],
    amounts: list[int],
    pool_of: PoolOf,
    worths: Sequence[float],
    optima: Sequence[Optimum | None],
    swaps: Swaps | None,
) -> list[Sized] | None:
    """The routes with the best whole amounts near these; what they were with before, if that gains more."""
    swaps = swaps or Swaps()
    for i, route in enumerate(routes):
        pools = _beside(routes, amounts, i, pool_of, swaps)
        sized = size(route.edges, pools, optima[i]) if pools else None
        if sized is None:
            return None
        amounts[i] = sized.amounts[0]
    whole = [replace(route, amounts=(amount,)) for route, amount in zip(routes, amounts, strict=True)]
    both = [run_all(each, pool_of, swaps) for each in (whole, routes)]
    return max((ran[0] for ran in both if ran is not None), key=lambda ran: _worth(ran, worths), default=None)


def _beside(
    routes: Sequence[Sized], amounts: Sequence[int], place: int, pool_of: PoolOf, swaps: Swaps | None = None
) -> list[Pool] | None:
    """A route's pools as all other routes leave them; None if one of those cannot run."""
    wake = Wake(pool_of, swaps)
    try:
        for j, other in enumerate(routes):
            if j != place:
                wake.run(other.edges, amounts[j])
    except PoolError:
        return None
    return wake.pools(routes[place].edges)


def _worth(routes: Sequence[Sized], worths: Sequence[float]) -> float:
    """Of all gains; of one token to the unit."""
    if len(set(worths)) <= 1:
        return sum(route.gain for route in routes)
    return sum(route.gain * worth for route, worth in zip(routes, worths, strict=True))
