"""
Which routes go into one transaction, and what that costs and earns.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice
from math import log

from keeper.errors import PlanError, PoolError
from keeper.gas import MOST_GAS, GasPrices, Outlay, l1_fee_wei, l1_units, program_gas
from keeper.lenders import NO_LENDER, Offer
from keeper.opportunity import Opportunity, Scene, least_gain_wei, look_further, shape_of
from keeper.plan import encode
from keeper.plan.bundle import MAX_ROUTES
from keeper.planning import Leg, plan_legs
from keeper.routes.bundles import Wake, joined, run_all
from keeper.routes.detour import Detour
from keeper.routes.ranking import Cycle, Ranking
from keeper.routes.search import Found
from keeper.routes.sizing import Sized, size
from keeper.routes.split import settle
from keeper.types import Address

#: How many routes are tried as the next one of a bundle, those that gain most alone first.
_CANDIDATES = 3

#: Stands for the rest of a signed transaction while there is none: bytes that do not compress.
_ENVELOPE = bytes((index * 167 + 13) % 256 for index in range(120))


@dataclass(frozen=True, slots=True)
class Bundle:
    """
    What one transaction runs: one route or several, exact as they run one after another.

    Attributes:
        gains: What the treasury receives of each token, in smallest units: after all loan fees, before gas.
        loan_fees: What lenders take of each token.
        worth_wei: What the gains are worth in ETH, by the market's own prices.
        gas: L2 gas, estimated.
        outlay: What that costs, with the L1 data fee of these very bytes once there are any.
        deadline: Unix second after which the executor refuses it.
        calldata: Empty while it is only considered.
    """

    legs: tuple[Leg, ...]
    gains: tuple[tuple[Address, int], ...]
    loan_fees: tuple[tuple[Address, int], ...]
    worth_wei: int
    gas: int
    outlay: Outlay
    deadline: int
    calldata: bytes = b""

    @property
    def profit_wei(self) -> int:
        """Worth of the gains minus all costs."""
        return self.worth_wei - self.outlay.total_wei

    @property
    def pools(self) -> tuple[Address, ...]:
        """Each pool once, in the order in which they are met."""
        return tuple(dict.fromkeys(edge.pool for leg in self.legs for edge in leg.route.edges))

    def profit(self, token: Address) -> int:
        """
        Return its part of the net profit in a token that it gains, in smallest units.
        """
        gain = dict(self.gains)[token]
        return gain - -(-gain * self.outlay.total_wei // self.worth_wei)

    def at(self, gas: int, prices: GasPrices) -> "Bundle":
        """
        Return it with the gas that it really takes.
        """
        return replace(self, gas=gas, outlay=Outlay.of(gas, self.outlay.l1_wei, prices))


@dataclass(frozen=True, slots=True)
class Conditions:
    """
    How routes become transactions.

    Attributes:
        min_gain_share: Of a route's predicted gain, what the executor insists on; never less than what pays its gas.
        deadline: Unix second after which the executor refuses it.
        profit_tokens: The executor's own list, in its order.
        most_routes: Of a transaction.
    """

    min_gain_share: float
    deadline: int
    profit_tokens: tuple[Address, ...]
    most_routes: int = MAX_ROUTES


@dataclass(frozen=True, slots=True)
class _Grown:
    """A bundle that is only considered, and what its routes leave behind."""

    bundle: Bundle
    wake: Wake


class Bundler:
    """
    Puts routes together on one scene.

    Attributes:
        valuation: Of the scene.
    """

    def __init__(self, scene: Scene, conditions: Conditions) -> None:
        self._scene = scene
        self._conditions = conditions
        self.valuation = scene.valuation()
        self._left: set[Address] = set()
        self._rest: Ranking | None = None

    @property
    def left(self) -> frozenset[Address]:
        """The pools of routes that were seen beside others and not taken."""
        return frozenset(self._left) | (self._rest.pools if self._rest else frozenset())

    def alone(self, opportunity: Opportunity) -> Bundle:
        """
        Return the opportunity in a transaction of its own.

        Raises:
            PlanError: The executor cannot run it.
        """
        return self._written(self._single(opportunity))

    def join(self, first: Opportunity, found: Found, changed: Collection[Address]) -> Bundle:
        """
        Return the opportunity with all that pays in the same transaction: routes through the pools that changed and
        through its own, each planned on the state that those before it leave behind.

        Args:
            found: By the search for the opportunity.

        Raises:
            PlanError: The executor cannot run the opportunity.
        """
        scene, pool_of = self._scene, self._scene.market.pool
        ran, least_wei = run_all([first.route], pool_of), least_gain_wei(scene)
        if ran is None:
            return self.alone(first)
        grown, detour = [_Grown(self._single(first), ran[1])], Detour(scene.graph, pool_of)
        try:
            while len(grown) < self._conditions.most_routes:
                # Only what leads through the pools that the last route moved was not seen before.
                moved = detour.lead(grown[-1].wake.moved)
                found = look_further(scene, moved, self.valuation, found.known(least_wei))
                larger = self._larger(grown[-1], found.cycles, detour)
                if larger is None:
                    self._rest = found.cycles
                    break
                grown.append(larger)
            else:
                self._left.update(changed)
        finally:
            detour.back()
        return self._largest([one.bundle for one in grown])

    def variants(self, bundle: Bundle) -> Iterator[Bundle]:
        """
        Yield the bundle, then by their next ways to fund them those of its routes that pay then, while there are any.
        """
        yield bundle
        for turn in range(1, max(len(leg.offers) for leg in bundle.legs)):
            legs = [replace(leg, offers=leg.offers[min(turn, len(leg.offers) - 1) :]) for leg in bundle.legs]
            try:
                other = self._written(self._priced(self._paying(legs)))
            except PlanError:
                continue
            if other.profit_wei >= self._scene.terms.least_profit_wei:
                yield other

    # ---------------------------------------------------------------- within

    def _paying(self, legs: Sequence[Leg]) -> list[Leg]:
        """Those that gain something as they are funded, with the amounts that they have without the others."""
        paying = [leg for leg in legs if leg.gain > 0]
        ran = run_all([leg.route for leg in paying], self._scene.market.pool)
        if ran is None:
            raise PlanError("plan: a route cannot run without the others")
        return [replace(leg, route=route) for leg, route in zip(paying, ran[0], strict=True)]

    def _single(self, opportunity: Opportunity) -> Bundle:
        return self._priced([Leg(opportunity.route, opportunity.offers, 0, opportunity.log_rate)])

    def _largest(self, grown: Sequence[Bundle]) -> Bundle:
        """The last of ever larger bundles that the executor can run."""
        for bundle in grown[:0:-1]:
            with suppress(PlanError):
                return self._written(bundle)
            self._left.update(bundle.pools)
        return self._written(grown[0])

    def _larger(self, grown: _Grown, cycles: Iterator[Cycle], detour: Detour) -> _Grown | None:
        """The bundle with one more route, if one pays beside the others."""
        market, least_wei = self._scene.market, self._scene.terms.least_profit_wei
        for cycle in islice(cycles, _CANDIDATES):
            current = all(market.peek(address) is not None for address in cycle.pools)
            route = size(cycle.edges, grown.wake.pools(cycle.edges), cycle.optimum) if current else None
            with suppress(PlanError, PoolError):
                larger = self._with(grown, route, detour) if route is not None else None
                if larger is not None and larger.bundle.profit_wei - grown.bundle.profit_wei >= least_wei:
                    return larger
            self._left.update(cycle.pools)
        return None

    def _with(self, grown: _Grown, route: Sized, detour: Detour) -> _Grown | None:
        """
        The bundle with a route more, None where that saves nothing.

        Raises:
            PlanError: The executor could not run it.
            PoolError: A contract would revert.
        """
        bundle = grown.bundle
        routes = [leg.route for leg in bundle.legs]
        if met := joined(routes, route):
            return self._together([*routes, route], met, bundle.legs, detour)
        wake, offers = grown.wake.fork(), self._scene.offers(route)
        legs = [*bundle.legs, self._leg(route, _shared(offers, bundle.legs), wake)]
        larger = self._priced(legs)
        # What touches nothing of the others goes along only where that is cheaper than a transaction of its own.
        single = self._priced([replace(legs[-1], offers=tuple(offers))])
        saves = larger.outlay.total_wei <= bundle.outlay.total_wei + single.outlay.total_wei
        return _Grown(larger, wake) if saves else None

    def _together(
        self, routes: list[Sized], met: Sequence[int], before: Sequence[Leg], detour: Detour
    ) -> _Grown | None:
        """The routes, those that the last one meets sized together with it where they start with its token."""
        pool_of, token = self._scene.market.pool, routes[-1].edges[0].token_in
        places = [*met, len(routes) - 1]
        if all(routes[place].edges[0].token_in == token for place in places):
            these = [routes[place] for place in places]
            start = detour.start(edge.pool for route in these for edge in route.edges)
            together = settle(these, pool_of, start)
            if together is None:
                return None
            for place, one in zip(places, together, strict=True):
                routes[place] = one
        wake, legs = Wake(pool_of), list[Leg]()
        for place, route in enumerate(routes):
            known = before[place].offers if place < len(before) else None
            legs.append(self._leg(route, known or _shared(self._scene.offers(route), legs), wake))
        return _Grown(self._priced(legs), wake) if all(leg.route.gain > 0 for leg in legs) else None

    def _leg(self, route: Sized, offers: tuple[Offer, ...], wake: Wake) -> Leg:
        """A route as it runs next, with how far prices may move against it as it meets them."""
        rates = [
            pool.rate(edge.token_in, edge.token_out)
            for edge, pool in zip(route.edges, wake.pools(route.edges), strict=True)
        ]
        log_rate = sum(log(rate) for rate in rates) if all(rates) else 0.0
        ran = wake.run(route.edges, route.amounts[0])
        return Leg(route if route.amounts == ran.amounts else ran, offers, 0, max(log_rate, 0.0))

    def _priced(self, legs: Sequence[Leg]) -> Bundle:
        """
        The routes with all that they earn and cost, as far as that is known without their bytes.

        Raises:
            PlanError: A transaction may not take so much, or nobody can tell what it is worth.
        """
        if not legs:
            raise PlanError("plan: there is no route")
        scene = self._scene
        shapes = [shape_of(scene, leg.route, leg.offer) for leg in legs]
        gas = program_gas(shapes)
        if gas > MOST_GAS:
            raise PlanError(f"plan: {gas} gas are more than a transaction may take")
        fees = _loan_fees(legs)
        gains = Counter({token: -fee for token, fee in fees.items()})
        for leg in legs:
            gains[leg.token] += leg.route.gain
        return Bundle(
            tuple(legs),
            tuple(sorted(gains.items())),
            tuple(sorted(fees.items())),
            sum(self._worth(token, gain) for token, gain in gains.items()),
            gas,
            Outlay.of(gas, l1_units(shapes) * scene.prices.l1_wei_per_unit, scene.prices),
            self._conditions.deadline,
        )

    def _written(self, bundle: Bundle) -> Bundle:
        """
        The bundle with its bytes, and what posting exactly these costs.

        Raises:
            PlanError: The executor cannot run it.
        """
        scene, conditions = self._scene, self._conditions
        minima = self._minima(bundle.legs, bundle.outlay)
        legs = tuple(replace(leg, min_gain=least) for leg, least in zip(bundle.legs, minima, strict=True))
        plan = plan_legs(legs, scene.market.pool, scene.market.infos, conditions.deadline, conditions.profit_tokens)
        calldata = encode(plan)
        outlay = replace(bundle.outlay, l1_wei=l1_fee_wei(calldata + _ENVELOPE, scene.prices))
        return replace(bundle, legs=legs, outlay=outlay, calldata=calldata)

    def _minima(self, legs: Sequence[Leg], outlay: Outlay) -> list[int]:
        """What the executor insists on for each route: a share of its gain, and its part of all costs."""
        worths = [self._worth(leg.token, leg.gain) for leg in legs]
        minima = []
        for leg in legs:
            share = int(leg.gain * self._conditions.min_gain_share)
            costs = -(-leg.gain * outlay.total_wei // sum(worths))
            minima.append(min(max(share, costs), leg.gain))
        return minima

    def _worth(self, token: Address, gain: int) -> int:
        worth_wei = self.valuation.in_eth(token, gain) if gain > 0 else None
        if not worth_wei:
            raise PlanError(f"plan: what it gains of {token} is worth nothing")
        return worth_wei


def _shared(offers: Sequence[Offer], before: Sequence[Leg]) -> tuple[Offer, ...]:
    """
    The ways to fund a route, under the loan of the one before it where that is as cheap as another.

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


def _loan_fees(legs: Sequence[Leg]) -> dict[Address, int]:
    """What lenders take of each token: routes that follow each other under one loan pay for it once."""
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
