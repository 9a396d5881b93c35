"""
Which routes go into one transaction, and what that costs and earns.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from math import log

from keeper.errors import PlanError, PoolError
from keeper.gas import MOST_GAS, GasPrices, Outlay, RouteShape, l1_fee_wei, l1_units, program_gas, single_costs
from keeper.lenders import Offer
from keeper.opportunity import Opportunity, Scene, least_gain_wei, look_further, pools_of, shape_of
from keeper.plan import encode
from keeper.plan.bundle import MAX_ROUTES
from keeper.planning import Leg, loan_fees, plan_legs, under_one_loan
from keeper.routes.bundles import PoolOf, Swaps, Wake, joined, run_all
from keeper.routes.detour import Detour
from keeper.routes.ranking import Cycle, Ranking
from keeper.routes.search import Found
from keeper.routes.sizing import Sized, size
from keeper.routes.split import settle
from keeper.types import Address, value

#: How many routes are tried as the next one of a bundle, those that gain most alone first.
_CANDIDATES = 3

#: Stands for the rest of a signed transaction while there is none: bytes that do not compress.
_ENVELOPE = bytes((index * 167 + 13) % 256 for index in range(120))


@value
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

    def at(self, gas: int, l1_wei: int, prices: GasPrices) -> "Bundle":
        """
        Return it with the gas that it really takes, at the tip that it bids, and what posting its bytes costs.
        """
        return replace(self, gas=gas, outlay=Outlay.of(gas, l1_wei, prices, self.tip_wei))


@dataclass(frozen=True, slots=True)
class Conditions:
    """
    How routes become transactions.

    Attributes:
        min_gain_share: Of a route's predicted gain, what the executor insists on; never less than what pays its gas.
        deadline: Unix second after which the executor refuses it.
        profit_tokens: The executor's own list, in its order.
        most_routes: Of a transaction.
        most_tried: Routes that are tried beside the first one, until it goes with those that it has.
        least_share: Of what a transaction earns, what one route more has to promise at least to be tried.
    """

    min_gain_share: float
    deadline: int
    profit_tokens: tuple[Address, ...]
    most_routes: int = MAX_ROUTES
    most_tried: int = 64
    least_share: float = 0.0


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
        cut: Whether it tried no more routes, though others might have paid.
    """

    def __init__(self, scene: Scene, conditions: Conditions) -> None:
        self._scene = scene
        self._conditions = conditions
        self.valuation = scene.valuation()
        self.cut = False
        self._tried = 0
        self._swaps = Swaps()
        #: While routes are put together nothing else is done: pools are as they are when they are first met.
        self._pool_of: PoolOf = scene.market.pool
        self._changed: frozenset[Address] = frozenset()
        self._left: set[Address] = set()
        self._rest: Ranking | None = None

    @property
    def left(self) -> frozenset[Address]:
        """
        Those of the pools that had changed through which routes lead that were seen beside others and not taken. A
        search finds these routes again through them.
        """
        return self._changed & (self._left | (self._rest.pools if self._rest else frozenset()))

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
        scene, pool_of = self._scene, cache(self._scene.market.pool)
        ran, least_wei = run_all([first.route], pool_of, self._swaps), least_gain_wei(scene)
        self._changed, self._rest = frozenset(changed), found.cycles
        if ran is None:
            return self.alone(first)
        self._pool_of = pool_of
        grown, detour = [_Grown(self._single(first), ran[1])], Detour(scene.graph, pool_of)
        try:
            while len(grown) < self._conditions.most_routes and self._tried < self._conditions.most_tried:
                # Only what leads through the pools that the last route moved was not seen before.
                moved = detour.lead(grown[-1].wake.moved)
                found = look_further(scene, moved, self.valuation, found.known(least_wei))
                self._rest = found.cycles
                larger = self._larger(grown[-1], found.cycles, detour)
                if larger is None:
                    break
                grown.append(larger)
            else:
                self.cut = self._tried == self._conditions.most_tried
            grown[-1] = self._whole(grown[-1], detour)
            return self._largest([one.bundle for one in grown])
        finally:
            detour.back()
            self._pool_of = scene.market.pool

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
                return self._written(self._with_rates(bundle))
            self._left.update(bundle.pools)
        return self._written(grown[0])

    def _larger(self, grown: _Grown, cycles: Ranking, detour: Detour) -> _Grown | None:
        """The bundle with one more route, if one pays beside the others."""
        least_wei = self._scene.terms.least_profit_wei
        # What a cycle is to gain at least was taken from what it promises.
        promise_wei = self._conditions.least_share * grown.bundle.profit_wei - least_gain_wei(self._scene)
        for _ in range(_CANDIDATES):
            cycle = self._promising(cycles, promise_wei)
            if cycle is None:
                return None
            self._tried += 1
            with suppress(PlanError, PoolError):
                larger = self._with(grown, cycle, detour)
                if larger is not None and larger.bundle.profit_wei - grown.bundle.profit_wei >= least_wei:
                    return larger
            self._left.update(cycle.pools)
        return None

    def _promising(self, cycles: Ranking, promise_wei: float) -> Cycle | None:
        """The next route to try, if there is one that promises so much and another one may be tried."""
        if cycles.bound >= promise_wei and self._tried < self._conditions.most_tried:
            cycle = next(cycles, None)
            if cycle is None or cycle.profit_wei >= promise_wei:
                return cycle
            self._left.update(cycle.pools)
            self.cut = True
        self.cut |= cycles.bound >= 0.0
        return None

    def _with(self, grown: _Grown, cycle: Cycle, detour: Detour) -> _Grown | None:
        """
        The bundle with a route more, None where that surely does not pay.

        Raises:
            PlanError: The executor could not run it.
            PoolError: A contract would revert.
        """
        if any(self._scene.market.peek(address) is None for address in cycle.pools):
            return None
        routes, least_wei = [leg.route for leg in grown.bundle.legs], self._least_worth(grown.bundle, cycle)
        route: Sized | None = Sized(cycle.edges, (max(int(cycle.optimum.amount_in), 1),))
        met, start = joined(routes, cycle.edges), None
        if met:
            start = detour.start({edge.pool for place in met for edge in routes[place].edges}.union(cycle.pools))
        elif cycle.profit_wei + least_gain_wei(self._scene) < least_wei:
            return None
        if start is None:
            route = size(cycle.edges, grown.wake.pools(cycle.edges), cycle.optimum)
        if route is None:
            return None
        if not met:
            return self._beside(grown, route)
        these = [*(routes[place] for place in met), route]
        worths = self._prices(these)
        least = self._least_together(grown.bundle, met, worths, least_wei)
        together = settle(these, self._pool_of, start, worths, least, whole=False)
        if together is None:
            return None
        *others, route = together
        for place, one in zip(met, others, strict=True):
            routes[place] = one
        return self._in_order([*routes, route], grown.bundle.legs)

    def _whole(self, grown: _Grown, detour: Detour) -> _Grown:
        """With the best whole amounts of routes that share pools, which were in floats until now."""
        routes = [leg.route for leg in grown.bundle.legs]
        groups = sorted({group for route in routes if len(group := tuple(joined(routes, route.edges))) > 1})
        if not groups:
            return grown
        for group in groups:
            these = [routes[place] for place in group]
            start = detour.start({edge.pool for route in these for edge in route.edges})
            if start is not None:
                together = settle(these, self._pool_of, start, self._prices(these), swaps=self._swaps) or these
                for place, one in zip(group, together, strict=True):
                    routes[place] = one
        with suppress(PlanError, PoolError):
            whole = self._in_order(routes, grown.bundle.legs)
            if whole is not None and whole.bundle.profit_wei > grown.bundle.profit_wei:
                return whole
        return grown

    def _least_worth(self, bundle: Bundle, cycle: Cycle) -> int:
        """What a route more has to add to the worth of the gains at least: its gas under the loan of the last one."""
        scene, last = self._scene, bundle.legs[-1]
        shapes = [shape_of(scene, leg.route, leg.offer) for leg in bundle.legs]
        pools = tuple([(address, scene.market.infos[address].family) for address in cycle.pools])
        shapes.append(RouteShape(pools, last.offer.lender, shapes[-1].loan))
        l1_wei = l1_units(shapes) * scene.prices.l1_wei_per_unit
        outlay = Outlay.of(program_gas(shapes), l1_wei, scene.prices, bundle.tip_wei)
        return outlay.total_wei - bundle.outlay.total_wei + scene.terms.least_profit_wei

    def _least_together(self, bundle: Bundle, met: Sequence[int], worths: Sequence[float], least_wei: int) -> float:
        """What the gains of the routes at these places are worth with one more at least; anything, where loans cost."""
        if bundle.loan_fees:
            return 0.0
        gains = [bundle.legs[place].route.gain for place in met]
        return sum(gain * worth for gain, worth in zip(gains, worths, strict=False)) + least_wei

    def _prices(self, routes: Sequence[Sized]) -> list[float]:
        """
        What the smallest unit of what each route starts with is worth in wei.

        Raises:
            PlanError: Nobody can tell.
        """
        prices = [self.valuation.price(route.edges[0].token_in) for route in routes]
        known = [price for price in prices if price]
        if len(known) < len(prices):
            raise PlanError("plan: what a route starts with is worth nothing")
        return known

    def _beside(self, grown: _Grown, route: Sized) -> _Grown | None:
        """With a route that touches nothing of the others, where that is cheaper than a transaction of its own."""
        bundle, wake, offers = grown.bundle, grown.wake.fork(), self._scene.offers(route)
        legs = [*bundle.legs, self._leg(route, under_one_loan(offers, bundle.legs), wake)]
        larger = self._priced(legs)
        single = self._priced([replace(legs[-1], offers=tuple(offers))])
        saves = larger.outlay.total_wei <= bundle.outlay.total_wei + single.outlay.total_wei
        return _Grown(larger, wake) if saves else None

    def _in_order(self, routes: Sequence[Sized], before: Sequence[Leg]) -> _Grown | None:
        """The routes as they run one after another, None where one of them gains nothing."""
        wake, legs = Wake(self._pool_of, self._swaps), list[Leg]()
        for place, route in enumerate(routes):
            known = before[place].offers if place < len(before) else None
            legs.append(self._leg(route, known or under_one_loan(self._scene.offers(route), legs), wake))
        return _Grown(self._priced(legs), wake) if all(leg.route.gain > 0 for leg in legs) else None

    def _leg(self, route: Sized, offers: tuple[Offer, ...], wake: Wake) -> Leg:
        """A route as it runs next."""
        ran = wake.run(route.edges, route.amounts[0])
        return Leg(route if route.amounts == ran.amounts else ran, offers, 0, 0.0)

    def _with_rates(self, bundle: Bundle) -> Bundle:
        """With how far prices may move against each route as it meets them."""
        wake, legs = Wake(self._pool_of, self._swaps), []
        for leg in bundle.legs:
            pools = wake.pools(leg.route.edges)
            rates = [
                pool.rate(edge.token_in, edge.token_out) for edge, pool in zip(leg.route.edges, pools, strict=True)
            ]
            log_rate = sum(log(rate) for rate in rates) if all(rates) else 0.0
            legs.append(replace(leg, log_rate=max(log_rate, 0.0)))
            wake.run(leg.route.edges, leg.route.amounts[0])
        return replace(bundle, legs=tuple(legs))

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
        fees = loan_fees(legs)
        gains = {token: -fee for token, fee in fees.items()}
        for leg in legs:
            gains[leg.token] = gains.get(leg.token, 0) + leg.route.gain
        worth_wei = sum(self._worth(token, gain) for token, gain in gains.items())
        return Bundle(
            tuple(legs),
            tuple(sorted(gains.items())),
            tuple(sorted(fees.items())),
            worth_wei,
            gas,
            self._outlay(legs, worth_wei, gas, l1_units(shapes) * self._scene.prices.l1_wei_per_unit),
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
        alone, units = single_costs(pools_of(scene, best.route))(best.offer.lender)
        bid_wei = scene.outlay(self._worth(best.token, best.gain), alone, units * scene.prices.l1_wei_per_unit).bid_wei
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
        pool_of, infos, tokens = self._pool_of, scene.market.infos, conditions.profit_tokens
        # Without the route that a bid is made for, the others would only pay the bid.
        plan = plan_legs(legs, pool_of, infos, conditions.deadline, tokens, bundle.outlay.bid_wei > 0, self._swaps)
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
        worth_wei = self.valuation.in_eth(token, gain) if gain > 0 else None
        if not worth_wei:
            raise PlanError(f"plan: what it gains of {token} is worth nothing")
        return worth_wei
