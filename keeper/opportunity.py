"""
A cycle that pays: sized, funded, with all its costs and its net profit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from keeper.gas import GasPrices, route_gas
from keeper.lenders import Lender, fundings
from keeper.market import Market
from keeper.pools.pool import Pool
from keeper.routes.graph import Graph
from keeper.routes.search import Cycle, search
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
    """

    route: Sized
    gain: int
    worth_wei: int
    funding: str
    fallbacks: tuple[str, ...]
    gas: int
    gas_cost_wei: int

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
class Scan:
    """
    What one look at the market gave.

    Attributes:
        opportunities: The most profitable first.
        searched: Cycles that were looked at.
    """

    opportunities: Sequence[Opportunity]
    searched: int


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


def scan(
    market: Market,
    graph: Graph,
    changed: Iterable[Address],
    terms: Terms,
    lenders: Sequence[Lender],
    prices: GasPrices,
) -> Scan:
    """
    Return every opportunity through the pools that *changed*.
    """
    found = search(graph, changed, terms.profit_tokens, terms.max_hops)
    valuation = Valuation(market, terms.weth)
    wanted = {address for cycle in found.cycles for address in cycle.pools}
    pools = {address: market.pool(address) for address in wanted}
    opportunities = [
        opportunity
        for cycle in found.cycles
        if (opportunity := _evaluate(cycle, pools, valuation, terms, lenders, prices)) is not None
    ]
    opportunities.sort(key=lambda opportunity: (-opportunity.profit_wei, opportunity.pools))
    return Scan(opportunities, found.searched)


def _evaluate(
    cycle: Cycle,
    current: Mapping[Address, Pool],
    valuation: Valuation,
    terms: Terms,
    lenders: Sequence[Lender],
    prices: GasPrices,
) -> Opportunity | None:
    pools = [current[address] for address in cycle.pools]
    route = size(cycle.edges, pools)
    if route is None:
        return None
    families = [pool.info.family for pool in pools]
    l1_wei = _L1_UNITS * prices.l1_wei_per_unit
    funded = []
    for lender, fee in fundings(cycle.token, route.amounts[0], terms.funding, lenders):
        gain = route.gain - fee
        worth_wei = valuation.in_eth(cycle.token, gain) if gain > 0 else None
        gas = route_gas(families, lender)
        cost_wei = gas * prices.gas_price_wei + l1_wei
        if worth_wei is not None and worth_wei - cost_wei >= max(terms.min_profit_wei, 1):
            funded.append(Opportunity(route, gain, worth_wei, lender, (), gas, cost_wei))
    return _best_funded(funded)


def _best_funded(funded: list[Opportunity]) -> Opportunity | None:
    if not funded:
        return None
    best, *others = sorted(funded, key=lambda opportunity: -opportunity.profit_wei)
    return replace(best, fallbacks=tuple(other.funding for other in others))
