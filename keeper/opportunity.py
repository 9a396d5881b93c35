"""
A cycle that pays: sized, funded, with all its costs and its net profit.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from math import inf

from keeper.gas import GasPrices, route_gas
from keeper.lenders import NO_LENDER, Lender, fundings
from keeper.market import Market
from keeper.pools.pool import Pool
from keeper.routes.graph import Graph
from keeper.routes.ranking import Cycle
from keeper.routes.search import Costs, Found, search
from keeper.routes.sizing import Sized, size
from keeper.types import Address
from keeper.valuation import Valuation

#: Compressed size of a signed route, in calldata units: the L1 part while the bytes do not exist yet.
_L1_UNITS = 16 * 320


@dataclass(frozen=True, slots=True)
class Opportunity:
    """
    A sized route with positive net profit.

    Attributes:
        token: What it gains, and starts and ends in.
        gain: What the treasury receives, in the token's smallest unit: after the lender's fee, before gas.
        worth_wei: What the gain is worth in ETH.
        funding: The lender, or ``none``.
        fallbacks: Other ways to fund it that pay too, the next best first.
        gas: L2 gas that it takes, estimated.
        gas_cost_wei: L2 gas and L1 data.
        log_rate: Logarithm of what an infinitely small amount multiplies by: how far prices may move against it.
    """

    route: Sized
    gain: int
    worth_wei: int
    funding: str
    fallbacks: tuple[str, ...]
    gas: int
    gas_cost_wei: int
    log_rate: float

    @property
    def token(self) -> Address:
        return self.route.edges[0].token_in

    @property
    def pools(self) -> tuple[Address, ...]:
        return tuple(edge.pool for edge in self.route.edges)

    @property
    def profit_wei(self) -> int:
        """Worth of the gain minus all gas."""
        return self.worth_wei - self.gas_cost_wei

    def break_even_gain(self, cost_wei: int) -> int:
        """
        Return the least gain, in the token's smallest unit, that is worth *cost_wei*.
        """
        return -(-self.gain * cost_wei // self.worth_wei)


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


class Scan(Iterator[Opportunity]):
    """
    The opportunities of one look at the market, the most profitable first, each sized exactly when it may be next.

    Floats rank the cycles by what they earn at most; so the best is known once none that follows can earn more.

    Attributes:
        told: How many opportunities were asked for and given.
    """

    def __init__(self, found: Found, least_wei: int, evaluate: Callable[[Cycle], Opportunity | None]) -> None:
        """
        Args:
            least_wei: The least profit that is wanted, which cycles count among their costs.
        """
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
                heappush(self._sized, (-opportunity.profit_wei, opportunity.pools, tokens, opportunity))
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
) -> Scan:
    """
    Return the opportunities through the pools that *changed*.
    """
    valuation = Valuation(_pools_that_tell(market, graph, terms), terms.weth)
    values = {token: price for token in terms.profit_tokens if (price := valuation.price(token)) is not None}
    found = search(graph, changed, values, terms.max_hops, costs=_costs(graph, terms, lenders, prices))

    def evaluate(cycle: Cycle) -> Opportunity | None:
        return _evaluate(cycle, market, valuation, terms, lenders, prices)

    return Scan(found, terms.least_profit_wei, evaluate)


def _pools_that_tell(market: Market, graph: Graph, terms: Terms) -> Iterator[Pool]:
    """The deepest pool that joins each profit token with WETH; over other profit tokens, where none does."""
    for token in terms.profit_tokens:
        ways = [graph.deepest(token, terms.weth)]
        if ways == [None] and token != terms.weth:
            ways += [
                graph.deepest(*way) for middle in terms.profit_tokens for way in ((token, middle), (middle, terms.weth))
            ]
        yield from (market.pool(edge.pool) for edge in ways if edge is not None)


def _costs(graph: Graph, terms: Terms, lenders: Sequence[Lender], prices: GasPrices) -> Costs:
    """What a route costs at least: the cheapest funding that its first pool allows, and the least profit wanted."""
    bare = route_gas((), NO_LENDER)
    openings = {
        family: min(
            (route_gas((), name) - bare for name, _ in fundings(terms.weth, 0, terms.funding, lenders, (family,))),
            default=inf,
        )
        for family in graph.families
    }
    hop_gas = {family: route_gas((family,), NO_LENDER) - bare for family in graph.families}
    return Costs(
        bare * prices.gas_price_wei + _L1_UNITS * prices.l1_wei_per_unit + terms.least_profit_wei,
        {family: gas * prices.gas_price_wei for family, gas in hop_gas.items()},
        {family: gas * prices.gas_price_wei for family, gas in openings.items()},
    )


def _evaluate(
    cycle: Cycle,
    market: Market,
    valuation: Valuation,
    terms: Terms,
    lenders: Sequence[Lender],
    prices: GasPrices,
) -> Opportunity | None:
    if any(market.peek(address) is None for address in cycle.pools):
        return None  # put out by what was tried since the search
    pools = [market.pool(address) for address in cycle.pools]
    route = size(cycle.edges, pools, cycle.optimum)
    if route is None:
        return None
    families = [pool.info.family for pool in pools]
    l1_wei = _L1_UNITS * prices.l1_wei_per_unit
    funded = []
    for lender, fee in fundings(cycle.token, route.amounts[0], terms.funding, lenders, families):
        gain = route.gain - fee
        worth_wei = valuation.in_eth(cycle.token, gain) if gain > 0 else None
        gas = route_gas(families, lender)
        cost_wei = gas * prices.gas_price_wei + l1_wei
        if worth_wei is not None and worth_wei - cost_wei >= terms.least_profit_wei:
            funded.append(Opportunity(route, gain, worth_wei, lender, (), gas, cost_wei, cycle.log_rate))
    return _best_funded(funded)


def _best_funded(funded: list[Opportunity]) -> Opportunity | None:
    if not funded:
        return None
    best, *others = sorted(funded, key=lambda opportunity: -opportunity.profit_wei)
    return replace(best, fallbacks=tuple(other.funding for other in others))
