"""
From an opportunity, or several, to what the executor runs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from math import exp, log1p

from keeper.errors import PlanError
from keeper.lenders import NO_LENDER, Offer
from keeper.math.tick_math import MAX_SQRT_RATIO
from keeper.opportunity import Opportunity
from keeper.plan import (
    BalancerV2Detail,
    BalancerV3Detail,
    CurveDetail,
    FlashPool,
    Funding,
    Guard,
    Hop,
    Plan,
    Route,
    UniswapV4Detail,
)
from keeper.plan.bundle import program_of
from keeper.plan.model import Detail
from keeper.plan.short import fits
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.routes.bundles import PoolOf, Swaps, Wake
from keeper.routes.graph import Edge
from keeper.routes.sizing import Sized
from keeper.types import Address, value

#: What a short program has room for.
_SHORT_GUARDS = 2


@value
class Leg:
    """
    A route as a transaction has it.

    Attributes:
        offers: The ways to fund it, the first of which is taken.
        min_gain: What it has to gain at least, in its token's smallest unit.
        log_rate: Logarithm of what an infinitely small amount multiplies by in the state that the route meets.
    """

    route: Sized
    offers: tuple[Offer, ...]
    min_gain: int
    log_rate: float

    @property
    def token(self) -> Address:
        """What it gains, and starts and ends in."""
        return self.route.edges[0].token_in

    @property
    def offer(self) -> Offer:
        return self.offers[0]

    @property
    def gain(self) -> int:
        """What it gains if it has its loan for itself."""
        return self.route.gain - self.offer.loan_fee(self.route.amounts[0])

    @property
    def log_room(self) -> float:
        """
        Logarithm of how far one price may move against it until it misses its minimum.

        Its amount is fixed: who pays a price that is worse by a part gets as much less. At the best amount that is half
        of what the last rate says, and a rival who closes the gap moves one of two pools by half of that at least.
        """
        lost = (self.gain - self.min_gain) / self.route.amounts[0]
        return min(self.log_rate, -log1p(-lost)) if 0 <= lost < 1 else self.log_rate


def under_one_loan(offers: Sequence[Offer], before: Sequence[Leg]) -> tuple[Offer, ...]:
    """
    Return the ways to fund a route, the first under the loan of the one before it where that is as cheap as another.

    Raises:
        PlanError: There are none.
    """
    if not offers:
        raise PlanError("plan: nobody can fund the route")
    if before and offers[0].lender != NO_LENDER:
        shared = before[-1].offer
        if shared in offers and shared.fee_wad == offers[0].fee_wad:
            return (shared, *(offer for offer in offers if offer != shared))
    return tuple(offers)


def loan_fees(legs: Sequence[Leg]) -> dict[Address, int]:
    """
    Return what lenders take of each token: routes that follow each other under one loan pay for it once.
    """
    if not any(leg.offer.fee_wad for leg in legs):
        return {}
    fees = Counter[Address]()
    for _, group in groupby(enumerate(legs), _sharing):
        members = [leg for _, leg in group]
        loans = Counter[Address]()
        for leg in members:
            loans[leg.token] = max(loans[leg.token], leg.route.amounts[0])
        for token, amount in loans.items():
            fees[token] += members[0].offer.loan_fee(amount)
    return {token: fee for token, fee in fees.items() if fee}


def _sharing(numbered: tuple[int, Leg]) -> tuple[object, ...]:
    """What routes have in common that share a loan, as the program groups them."""
    place, leg = numbered
    offer = leg.offer
    return (place,) if offer.lender == NO_LENDER else (offer.lender, offer.shared(leg.token))


def plan_legs(
    legs: Sequence[Leg],
    pool_of: PoolOf,
    infos: Mapping[Address, PoolInfo],
    deadline: int,
    profit_tokens: tuple[Address, ...],
    insist: bool = False,
    swaps: Swaps | None = None,
) -> Plan:
    """
    Return what one transaction runs: its routes in their order.

    Where there are several, each is left out if the race for one of its pools is lost, and the others go on.

    Args:
        pool_of: The pools as of the head.
        deadline: Unix second after which the executor refuses it.
        profit_tokens: The executor's own list, in its order.
        insist: Whether none goes on where the first route's race is lost, and every pool of that is guarded, though a
            short program may not have room for it: what fails late pays the bid for all its gas.
        swaps: Those that are known.

    Raises:
        PlanError: The executor has no hop for one of the pools, or cannot have such routes under one loan.
    """
    routes = tuple(_unguarded(leg, infos) for leg in legs)
    plan = Plan(routes, deadline, profit_tokens)
    if len(legs) == 1:
        guards = _guards(legs[0], routes[0], Wake(pool_of))
        room = _SHORT_GUARDS if fits(plan) and not insist else len(guards)
        return replace(plan, routes=(_guarded(routes[0], guards[:room]),))
    wake, planned, following = Wake(pool_of, swaps), list[Route](), iter(zip(legs, routes, strict=True))
    for group in program_of(plan).groups:
        members = [next(following) for _ in group.routes]
        _check_flash_pool([leg for leg, _ in members])
        # The guards of a group are all compared before any of its routes runs.
        for leg, route in members:
            guards = _guards(leg, route, wake)
            needed = insist and leg is legs[0]
            planned.append(replace(_guarded(route, guards), tolerant=any(guards) and not needed))
        for leg, _ in members:
            wake.run(leg.route.edges, leg.route.amounts[0])
    return replace(plan, routes=tuple(planned))


def plan_route(
    opportunity: Opportunity, first: Pool, infos: Mapping[Address, PoolInfo], funding: str, min_gain: int
) -> Route:
    """
    Return the route as the executor's program has it.

    Args:
        first: The pool of the first hop as of the head: its state is what the guard is set around.
        min_gain: Below it the executor reverts.

    Raises:
        PlanError: The executor has no hop for one of the pools.
    """
    hops = tuple(hop(infos[edge.pool], edge) for edge in opportunity.route.edges)
    guard = _guard(first, hops[0].zero_for_one, opportunity.log_rate)
    return Route(hops, Funding(funding), opportunity.route.amounts[0], min_gain, guard)


def _unguarded(leg: Leg, infos: Mapping[Address, PoolInfo]) -> Route:
    hops = tuple(hop(infos[edge.pool], edge) for edge in leg.route.edges)
    lender, flash_pool = leg.offer.pool, None
    if lender is not None:
        other = next(token for token in lender.tokens if token != leg.token)
        flash_pool = FlashPool(lender.dex, other, lender.fee_pips)
    return Route(hops, Funding(leg.offer.lender), leg.route.amounts[0], leg.min_gain, flash_pool=flash_pool)


def _check_flash_pool(legs: Sequence[Leg]) -> None:
    lender = legs[0].offer.pool
    if lender is not None and any(edge.pool == lender.address for leg in legs for edge in leg.route.edges):
        raise PlanError(f"plan: {lender.address} refuses swaps while it lends")


def _guards(leg: Leg, route: Route, wake: Wake) -> list[Guard | None]:
    """A guard for each hop's pool in the state in which it is compared; the route is left out if one does not hold."""
    pools = wake.pools(leg.route.edges)
    return [_guard(pool, hop.zero_for_one, leg.log_room) for pool, hop in zip(pools, route.hops, strict=True)]


def _guarded(route: Route, guards: Sequence[Guard | None]) -> Route:
    first, second, *more = (*guards, None, None)
    return replace(route, guard=first, second_guard=second, more_guards=tuple(more[:-2]) if len(guards) > 2 else ())


def hop(info: PoolInfo, edge: Edge) -> Hop:
    """
    Return the swap as the executor's program has it.

    Raises:
        PlanError: The executor has no hop for pools of this family.
    """
    dex, detail = _hop_kind(info, edge)
    return Hop(
        dex=dex,
        pool=edge.pool,
        token_in=edge.token_in,
        token_out=edge.token_out,
        fee_pips=info.fee_pips,
        zero_for_one=edge.token_in < edge.token_out,
        detail=detail,
    )


def _hop_kind(info: PoolInfo, edge: Edge) -> tuple[str, Detail | None]:
    i, j = info.tokens.index(edge.token_in), info.tokens.index(edge.token_out)
    match info.family:
        case "uniswap_v2" | "uniswap_v3" | "camelot_v2" | "camelot_v3":
            return info.dex, None
        case "uniswap_v4":
            return "uniswap_v4", UniswapV4Detail(info.tick_spacing)
        case "curve_stableswap" | "curve_stableswap_ng":
            return "curve", CurveDetail(i, j)
        case "curve_cryptoswap":
            return "curve", CurveDetail(i, j, unsigned=True)
        case "balancer_weighted" | "balancer_stable":
            return "balancer_v2", BalancerV2Detail(int(info.pool_id, 16))
        case "balancer_v3_weighted" | "balancer_v3_stable":
            return "balancer_v3", BalancerV3Detail(i)
    raise PlanError(f"plan: the executor has no hop for pools of {info.family}")


def _guard(first: Pool, zero_for_one: bool, log_rate: float) -> Guard | None:
    """
    Bounds beyond which this pool alone would have used up what the route has to give: there the race is lost.

    Only the side that moves against the route is bound. A price moves with the square of what is guarded: hence half.
    """
    room = exp(log_rate / 2)
    match first:
        case UniswapV3Pool():
            if zero_for_one:
                return Guard(int(first.sqrt_price_x96 / room), MAX_SQRT_RATIO)
            return Guard(0, min(int(first.sqrt_price_x96 * room), MAX_SQRT_RATIO))
        case UniswapV2Pool():
            if zero_for_one:
                return Guard(0, int(first.reserve0 * room))
            return Guard(int(first.reserve0 / room), (1 << 112) - 1)
        case _:
            return None
