"""
A cycle that pays: sized, funded, with all its costs and its net profit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf

from keeper.bidding import NO_BID, Bidder, Stake
from keeper.gas import (
    LEAST_L1_UNITS,
    MORE_GAS,
    GasPrices,
    Outlay,
    RouteShape,
    base_gas,
    hop_gas,
    single_costs,
)
from keeper.lenders import FLASH_POOL, NO_LENDER, Lender, Offer, fundings, sends_first
from keeper.market import Market
from keeper.pools.pool import Pool, PoolInfo
from keeper.routes.graph import Graph
from keeper.routes.ranking import Cycle
from keeper.routes.search import Costs, Found, Known, search
from keeper.routes.sizing import Sized, size
from keeper.types import Address, value
from keeper.valuation import Valuation

#: A route that is to run with others is looked at if it gains this part of what it costs at least: sized together,
#: they may gain more than one after another.
_LOOKED_AT = 4


@value
class Opportunity:
    """
    A sized route with positive net profit.

    Attributes:
        offers: The ways to fund it that pay, the best first.
        worth_wei: What the gain is worth in ETH, by the market's own prices.
        gas: L2 gas that it takes, estimated.
        outlay: What it costs in a transaction of its own, estimated, with its bid.
        log_rate: Logarithm of what an infinitely small amount multiplies by: how far prices may move against it.
    """

    route: Sized
    offers: tuple[Offer, ...]
    worth_wei: int
    gas: int
    outlay: Outlay
    log_rate: float

    @property
    def token(self) -> Address:
        """What it gains, and starts and ends in."""
        return self.route.edges[0].token_in

    @property
    def pools(self) -> tuple[Address, ...]:
        return tuple(edge.pool for edge in self.route.edges)

    @property
    def funding(self) -> str:
        """The lender, or ``none``."""
        return self.offers[0].lender

    @property
    def loan_fee(self) -> int:
        """What the lender takes, in the token's smallest unit."""
        return self.offers[0].loan_fee(self.route.amounts[0])

    @property
    def gain(self) -> int:
        """What the treasury receives, in the token's smallest unit: after the lender's fee, before gas."""
        return self.route.gain - self.loan_fee

    @property
    def profit_wei(self) -> int:
        """Worth of the gain minus all costs."""
        return self.worth_wei - self.outlay.total_wei


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What a route must satisfy, and how it may be paid for.
    """

    profit_tokens: tuple[Address, ...]
    weth: Address
    max_hops: int
    funding: tuple[str, ...]
    min_profit_wei: int

    @property
    def least_profit_wei(self) -> int:
        """The least profit that is wanted: what earns nothing is not an opportunity."""
        return max(self.min_profit_wei, 1)


@dataclass(frozen=True, slots=True)
class Scene:
    """
    What a decision is made on.

    Attributes:
        lenders: As of the head.
        flash: For each profit token, the V3 pools that may lend it, the preferred first.
        bidder: What sets the tip of each transaction; never below that of the prices.
    """

    market: Market
    graph: Graph
    terms: Terms
    lenders: Sequence[Lender]
    prices: GasPrices
    flash: Mapping[Address, Sequence[Address]]
    bidder: Bidder = NO_BID

    def outlay(self, worth_wei: int, gas: int, l1_wei: int) -> Outlay:
        """
        Return what a transaction costs that is worth so much: its gas, its bytes, and the bid that goes with them.
        """
        prices = self.prices
        stake = Stake(worth_wei - gas * prices.base_fee_wei - l1_wei, gas)
        return Outlay.of(gas, l1_wei, prices, max(self.bidder.tip_wei(stake), prices.tip_wei))

    def valuation(self) -> Valuation:
        """
        Return what values amounts by the market's own prices.
        """
        return Valuation(_pools_that_tell(self.market, self.graph, self.terms), self.terms.weth)

    def infos(self, addresses: Iterable[Address]) -> list[PoolInfo]:
        """
        Return what never changes about these pools.
        """
        return [self.market.infos[address] for address in addresses]

    def offers(self, route: Sized) -> list[Offer]:
        """
        Return every way to fund a route.
        """
        token, hops = route.edges[0].token_in, self.infos(edge.pool for edge in route.edges)
        lending = (self.market.peek(address) for address in self.flash.get(token, ()))
        flash = (pool for pool in lending if pool is not None)
        return fundings(token, route.amounts[0], self.terms.funding, self.lenders, hops, flash)


class Scan(Iterator[Opportunity]):
    """
    The opportunities of one look at the market, the most profitable first, each sized exactly when it may be next.

    Floats rank the cycles by what they earn at most; so the best is known once none that follows can earn more. That is
    before any bid but the least: who earns more keeps more (see Bidder), and what will be bid is no reason to look on.

    Attributes:
        told: How many opportunities were asked for and given.
    """

    def __init__(
        self, found: Found, least_wei: int, evaluate: Callable[[Cycle], Opportunity | None], least_tip_wei: int = 0
    ) -> None:
        """
        Args:
            least_wei: The least profit that is wanted, which cycles count among their costs.
            least_tip_wei: What a unit of gas is bid in any case, which they count, too.
        """
        self._least_tip_wei = least_tip_wei
        self._found = found
        self._least_wei = least_wei
        self._evaluate = evaluate
        self.told = 0
        self._sized: list[tuple[int, tuple[Address, ...], tuple[Address, ...], Opportunity]] = []

    def __next__(self) -> Opportunity:
        cycles = self._found.cycles
        while (bound := cycles.bound) >= 0 and not (self._sized and -self._sized[0][0] - self._least_wei > bound):
            cycle = next(cycles, None)
            if cycle is not None and (opportunity := self._evaluate(cycle)) is not None:
                tokens = tuple(edge.token_in for edge in cycle.edges)
                earned = opportunity.profit_wei + opportunity.outlay.bid_wei - opportunity.gas * self._least_tip_wei
                heappush(self._sized, (-earned, opportunity.pools, tokens, opportunity))
        if not self._sized:
            raise StopIteration
        self.told += 1
        return heappop(self._sized)[-1]

    @property
    def searched(self) -> int:
        """How many cycles were looked at or proved to gain nothing."""
        return self._found.searched

    @property
    def rings(self) -> int:
        """How many rings of tokens may have a cycle that pays."""
        return self._found.rings

    @property
    def found(self) -> Found:
        """What the search has found."""
        return self._found

    @property
    def untold(self) -> frozenset[Address]:
        """The pools of what was not told yet."""
        known = {address for *_, opportunity in self._sized for address in opportunity.pools}
        return self._found.cycles.pools | known


def scan(
    market: Market,
    graph: Graph,
    changed: Iterable[Address],
    terms: Terms,
    lenders: Sequence[Lender],
    prices: GasPrices,
    flash: Mapping[Address, Sequence[Address]] | None = None,
) -> Scan:
    """
    Return the opportunities through the pools that *changed*.

    Args:
        flash: As a scene has it; None for no such lenders.
    """
    return look(Scene(market, graph, terms, lenders, prices, flash or {}), changed)


def look(scene: Scene, changed: Iterable[Address], valuation: Valuation | None = None) -> Scan:
    """
    Return the opportunities through the pools that *changed*.

    Args:
        valuation: Of the scene, if there is one already.
    """
    valuation, terms = valuation or scene.valuation(), scene.terms
    found = search(scene.graph, changed, _values(valuation, terms), terms.max_hops, costs=_costs(scene))

    def evaluate(cycle: Cycle) -> Opportunity | None:
        if any(scene.market.peek(address) is None for address in cycle.pools):
            return None  # put out by what was tried since the search
        route = size(cycle.edges, [scene.market.pool(address) for address in cycle.pools], cycle.optimum)
        return _funded(route, cycle.log_rate, scene, valuation) if route is not None else None

    return Scan(found, terms.least_profit_wei, evaluate, scene.prices.tip_wei)


def look_further(scene: Scene, changed: Iterable[Address], valuation: Valuation, known: Known | None = None) -> Found:
    """
    Return cycles that may pay in a transaction with others, those that gain most first.

    What one costs there depends on the others, and so does its gain: who puts them together counts both.

    Args:
        changed: The pools that it may lead through; the graph has all pools as the others leave them.
        known: Of the look before, when all other pools were as they are.
    """
    terms = scene.terms
    values, costs = _values(valuation, terms), Costs(base_wei=least_gain_wei(scene))
    return search(scene.graph, changed, values, terms.max_hops, costs=costs, known=known)


def least_gain_wei(scene: Scene) -> float:
    """
    Return what a route is to gain at least that is looked at beside others.
    """
    return MORE_GAS * scene.prices.gas_price_wei / _LOOKED_AT


def shape_of(scene: Scene, route: Sized, offer: Offer) -> RouteShape:
    """
    Return what decides about the gas of a route that is funded so.
    """
    return RouteShape(pools_of(scene, route), offer.lender, offer.shared(route.edges[0].token_in))


def pools_of(scene: Scene, route: Sized) -> tuple[tuple[Address, str], ...]:
    """
    Return the address and the family of each hop's pool.
    """
    infos = scene.market.infos
    return tuple([(edge.pool, infos[edge.pool].family) for edge in route.edges])


def _pools_that_tell(market: Market, graph: Graph, terms: Terms) -> Iterator[Pool]:
    """The deepest pool that joins each profit token with WETH; over other profit tokens, where none does."""
    for token in terms.profit_tokens:
        ways = [graph.deepest(token, terms.weth)]
        if ways == [None] and token != terms.weth:
            ways += [
                graph.deepest(*way) for middle in terms.profit_tokens for way in ((token, middle), (middle, terms.weth))
            ]
        yield from (market.pool(edge.pool) for edge in ways if edge is not None)


def _values(valuation: Valuation, terms: Terms) -> dict[Address, float]:
    """What the smallest unit of each profit token is worth, where that is known."""
    return {token: price for token in terms.profit_tokens if (price := valuation.price(token)) is not None}


def _costs(scene: Scene) -> Costs:
    """What a route costs at least: the cheapest funding that its first pool allows, and the least profit wanted."""
    terms, prices = scene.terms, scene.prices
    known = {NO_LENDER, FLASH_POOL, *(lender.name for lender in scene.lenders)}.intersection(terms.funding)
    bare = base_gas(NO_LENDER)
    openings = {
        family: min((base_gas(name) - bare for name in known if name != NO_LENDER or sends_first(family)), default=inf)
        for family in scene.graph.families
    }
    return Costs(
        bare * prices.gas_price_wei + LEAST_L1_UNITS * prices.l1_wei_per_unit + terms.least_profit_wei,
        {family: hop_gas(family) * prices.gas_price_wei for family in scene.graph.families},
        {family: gas * prices.gas_price_wei for family, gas in openings.items()},
    )


def _funded(route: Sized, log_rate: float, scene: Scene, valuation: Valuation) -> Opportunity | None:
    """The route with all fundings that pay, the best first."""
    token, least_wei = route.edges[0].token_in, scene.terms.least_profit_wei
    costs, paying = single_costs(pools_of(scene, route)), []
    for offer in scene.offers(route):
        gain = route.gain - offer.loan_fee(route.amounts[0])
        worth_wei = valuation.in_eth(token, gain) if gain > 0 else None
        if worth_wei is not None:
            gas, units = costs(offer.lender)
            outlay = scene.outlay(worth_wei, gas, units * scene.prices.l1_wei_per_unit)
            if worth_wei - outlay.total_wei >= least_wei:
                paying.append((offer, worth_wei, gas, outlay))
    if not paying:
        return None
    paying.sort(key=lambda way: way[3].total_wei - way[1])
    _, worth_wei, gas, outlay = paying[0]
    return Opportunity(route, tuple([offer for offer, *_ in paying]), worth_wei, gas, outlay, log_rate)
