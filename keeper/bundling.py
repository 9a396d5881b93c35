"""
Which routes go into one transaction, and what that costs and earns.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice
from math import log

from keeper.errors import PlanError
from keeper.gas import MOST_GAS, GasPrices, Outlay, l1_fee_wei, l1_units, program_gas
from keeper.lenders import NO_LENDER, Offer
from keeper.opportunity import Opportunity, Scene, look_further, shape_of
from keeper.plan import encode
from keeper.plan.bundle import MAX_ROUTES
from keeper.planning import Leg, plan_legs
from keeper.routes.bundles import Wake, joined, run_all
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
        outlay: What that costs, with the L1 data fee of these very bytes once there are any, and with the bid.
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
    def tip_wei(self) -> int:
        """What it bids for a unit of gas."""
        return self.outlay.bid_wei // self.gas

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
        Return it with the gas that it really takes, at the tip that it bids.
        """
        return replace(self, gas=gas, outlay=Outlay.of(gas, self.outlay.l1_wei, prices, self.tip_wei))


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


class Bundler:
    """
    Puts routes together on one scene.
    """

    def __init__(self, scene: Scene, conditions: Conditions) -> None:
        self._scene = scene
        self._conditions = conditions
        self._valuation = scene.valuation()
        self._left: set[Address] = set()

    @property
    def left(self) -> frozenset[Address]:
        """The pools of routes that were seen beside others and not taken."""
        return frozenset(self._left)

    def alone(self, opportunity: Opportunity) -> Bundle:
        """
        Return the opportunity in a transaction of its own.

        Raises:
            PlanError: The executor cannot run it.
        """
        return self._written(self._single(opportunity))

    def join(self, first: Opportunity, changed: Collection[Address]) -> Bundle:
        """
        Return the opportunity with all that pays in the same transaction: routes through the pools that changed and
        through its own, each planned on the state that those before it leave behind.

        Raises:
            PlanError: The executor cannot run the opportunity.
        """
        graph, market = self._scene.graph, self._scene.market
        grown, touched = [self._single(first)], set[Address]()
        try:
            while len(grown) < self._conditions.most_routes:
                ran = run_all([leg.route for leg in grown[-1].legs], market.pool)
                if ran is None:
                    break
                touched |= ran[1].moved.keys()
                for pool in ran[1].moved.values():
                    graph.update(pool)
                larger = self._larger(grown[-1], {*changed, *touched}, ran[1])
                if larger is None:
                    break
                grown.append(larger)
            else:
                self._left.update(changed)
        finally:
            for address in sorted(touched):
                graph.update(market.pool(address))
        return self._largest(grown)

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

    def _larger(self, bundle: Bundle, changed: set[Address], wake: Wake) -> Bundle | None:
        """The bundle with one more route, if one pays beside the others."""
        cycles, market = look_further(self._scene, changed, self._valuation), self._scene.market
        for cycle in islice(cycles, _CANDIDATES):
            current = all(market.peek(address) is not None for address in cycle.pools)
            route = size(cycle.edges, wake.pools(cycle.edges), cycle.optimum) if current else None
            larger = self._with(bundle, route) if route is not None else None
            if larger is not None and larger.profit_wei - bundle.profit_wei >= self._scene.terms.least_profit_wei:
                return larger
            self._left.update(cycle.pools)
        self._left |= cycles.pools
        return None

    def _with(self, bundle: Bundle, route: Sized) -> Bundle | None:
        routes = [*(leg.route for leg in bundle.legs), route]
        met = joined(routes[:-1], route)
        sized = self._settled(routes, met) if met else routes
        if sized is None:
            return None
        try:
            larger = self._priced(self._legs(sized, bundle.legs))
            if met:
                return larger
            single = self._priced(self._legs([route], ()))
        except PlanError:
            return None
        # What touches nothing of the others goes along only where that is cheaper than a transaction of its own.
        saves = larger.outlay.total_wei <= bundle.outlay.total_wei + single.outlay.total_wei
        return larger if saves else None

    def _settled(self, routes: Sequence[Sized], met: Sequence[int]) -> list[Sized] | None:
        """The routes, those that the last one meets sized together with it where they start with its token."""
        pool_of, token = self._scene.market.pool, routes[-1].edges[0].token_in
        places, sized = [*met, len(routes) - 1], list(routes)
        if all(routes[place].edges[0].token_in == token for place in places):
            together = settle([routes[place] for place in places], pool_of)
            if together is None:
                return None
            for place, one in zip(places, together, strict=True):
                sized[place] = one
        ran = run_all(sized, pool_of)
        return ran[0] if ran is not None and all(route.gain > 0 for route in ran[0]) else None

    def _legs(self, routes: Sequence[Sized], before: Sequence[Leg]) -> list[Leg]:
        """Routes with their fundings, and with how far prices may move against each as it meets them."""
        wake, legs = Wake(self._scene.market.pool), list[Leg]()
        for place, route in enumerate(routes):
            rates = [
                pool.rate(edge.token_in, edge.token_out)
                for edge, pool in zip(route.edges, wake.pools(route.edges), strict=True)
            ]
            log_rate = sum(log(rate) for rate in rates) if all(rates) else 0.0
            offers = before[place].offers if place < len(before) else self._offers(route, legs)
            legs.append(Leg(route, offers, 0, max(log_rate, 0.0)))
            wake.run(route.edges, route.amounts[0])
        return legs

    def _offers(self, route: Sized, before: Sequence[Leg]) -> tuple[Offer, ...]:
        """The ways to fund a route; under the loan of the one before it, where that is as cheap as another."""
        offers = self._scene.offers(route)
        if not offers:
            raise PlanError("plan: nobody can fund the route")
        shared = before[-1].offer if before else None
        if offers[0].lender != NO_LENDER and shared in offers and shared.fee_wad == offers[0].fee_wad:
            offers = [shared, *(offer for offer in offers if offer != shared)]
        return tuple(offers)

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
        worth_wei = sum(self._worth(token, gain) for token, gain in gains.items())
        return Bundle(
            tuple(legs),
            tuple(sorted(gains.items())),
            tuple(sorted(fees.items())),
            worth_wei,
            gas,
            self._outlay(legs, worth_wei, gas, l1_units(shapes) * scene.prices.l1_wei_per_unit),
            self._conditions.deadline,
        )

    def _outlay(self, legs: Sequence[Leg], worth_wei: int, gas: int, l1_wei: int) -> Outlay:
        """
        What a transaction of these routes costs. Its tip is what the first and best of them bids alone: that is the one
        whose race it is, others would only thin its bid. They go along if they pay for their own gas at that tip.
        """
        scene = self._scene
        if len(legs) == 1:
            return scene.outlay(worth_wei, gas, l1_wei)
        best = legs[0]
        shape = shape_of(scene, best.route, best.offer)
        alone, l1_alone_wei = program_gas([shape]), l1_units([shape]) * scene.prices.l1_wei_per_unit
        bid_wei = scene.outlay(self._worth(best.token, best.gain), alone, l1_alone_wei).bid_wei
        return Outlay.of(gas, l1_wei, scene.prices, bid_wei // alone)

    def _written(self, bundle: Bundle) -> Bundle:
        """
        The bundle with its bytes, and what posting exactly these costs.

        Raises:
            PlanError: The executor cannot run it.
        """
        scene, conditions = self._scene, self._conditions
        minima = self._minima(bundle.legs, bundle.outlay)
        legs = tuple(replace(leg, min_gain=least) for leg, least in zip(bundle.legs, minima, strict=True))
        pool_of, infos, tokens = scene.market.pool, scene.market.infos, conditions.profit_tokens
        # Without the route that a bid is made for, the others would only pay the bid.
        plan = plan_legs(legs, pool_of, infos, conditions.deadline, tokens, insist=bundle.outlay.bid_wei > 0)
        calldata = encode(plan)
        outlay = self._outlay(legs, bundle.worth_wei, bundle.gas, l1_fee_wei(calldata + _ENVELOPE, scene.prices))
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
        worth_wei = self._valuation.in_eth(token, gain) if gain > 0 else None
        if not worth_wei:
            raise PlanError(f"plan: what it gains of {token} is worth nothing")
        return worth_wei


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
