"""
What could have been earned in a recording, and what of it would have been left some blocks later.

A recording shows the market as others left it, without the keeper's own transactions. So an opportunity that nobody
took stands for many blocks: it counts once, in the block that made it. Of several that meet in a pool, the best counts.
"""

from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from keeper.errors import PlanError, PoolError
from keeper.gas import GasPrices
from keeper.lenders import Lender
from keeper.market import Market
from keeper.opportunity import Opportunity, Terms, scan
from keeper.plan import Plan, encode
from keeper.planning import plan_route
from keeper.pools.pool import Pool
from keeper.routes.graph import Edge, Graph
from keeper.routes.sizing import Sized, quote, size
from keeper.types import Address, Block

#: A recording has no clock: plans of it never expire.
FOREVER = 2**40 - 1


@dataclass(frozen=True, slots=True)
class Assumptions:
    """
    How a recording is studied.

    Attributes:
        prices: What gas costs, the same in every block.
        lenders: Who is assumed to lend as much as a route needs.
        latencies: After how many blocks an opportunity is looked at again.
        most_per_block: So many opportunities of a block are looked at; more are counted as cut.
    """

    terms: Terms
    prices: GasPrices
    lenders: tuple[Lender, ...] = ()
    latencies: tuple[int, ...] = (0, 1, 2, 4)
    most_per_block: int = 100


@dataclass(slots=True)
class Finding:
    """
    An opportunity in the block that made it.

    Attributes:
        gain: What the treasury would receive in the state right after the block, in the token's smallest unit.
        calldata: What would have been sent; the executor insists on the whole gain. Empty if it has no such hops.
        dearer: The same, insisting on one unit more.
        later: By latency in blocks, the gain of these very swaps then; None if they would not run.
    """

    block: Block
    route: Sized
    dexes: tuple[str, ...]
    funding: str
    loan_fee: int
    gain: int
    worth_wei: int
    gas: int
    l2_wei: int
    l1_wei: int
    calldata: bytes
    dearer: bytes
    later: dict[int, int | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """
        Return it for a file: integers beyond what JSON holds exactly are strings.
        """
        return {
            "block_number": self.block.number,
            "block_hash": self.block.hash,
            "pools": [edge.pool for edge in self.route.edges],
            "tokens": [edge.token_in for edge in self.route.edges],
            "dexes": list(self.dexes),
            "funding": self.funding,
            "amount_in": str(self.route.amounts[0]),
            "gain": str(self.gain),
            "worth_wei": str(self.worth_wei),
            "gas": self.gas,
            "l2_wei": str(self.l2_wei),
            "l1_wei": str(self.l1_wei),
            "calldata": "0x" + self.calldata.hex(),
            "dearer": "0x" + self.dearer.hex(),
            "later": {str(latency): None if gain is None else str(gain) for latency, gain in self.later.items()},
        }


class Study:
    """
    Follows a replay's market and writes down what it could earn.

    Attributes:
        findings: In the order of their blocks, the best of a block first.
        counts: ``found`` opportunities, of which ``standing`` were there a block before, and ``overlapping`` meet a
            better one of the same block in a pool; ``cut``, blocks in which not all were looked at.
    """

    def __init__(self, assumptions: Assumptions, from_block: int = 0, to_block: int | None = None) -> None:
        """
        Args:
            from_block: Blocks before it are followed only.
            to_block: So are this one and those after it, except that what was found is looked at again.
        """
        self._assumptions = assumptions
        self._from_block, self._to_block = from_block, to_block
        self._shown: dict[Address, Pool] = {}
        self._waiting: deque[Finding] = deque()
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter(found=0, standing=0, overlapping=0, cut=0)
        self.blocks = 0

    def begin(self, market: Market) -> None:
        """
        Take in the market before the first block.
        """
        self._shown = {address: pool for address in market.infos if (pool := market.peek(address)) is not None}

    def leave(self, next_number: int | None, market: Market) -> None:
        """
        Look again at what was found so many blocks ago; no block before *next_number* brings any more logs, and None
        says that there are none at all.
        """
        last = max(self._assumptions.latencies, default=0)
        for finding in self._waiting:
            for latency in self._assumptions.latencies:
                due = finding.block.number + latency
                if latency not in finding.later and (next_number is None or due < next_number):
                    finding.later[latency] = _gain_now(finding, market)
        while self._waiting and (next_number is None or self._waiting[0].block.number + last < next_number):
            self._waiting.popleft()

    def decide(self, block: Block, changed: Collection[Address], market: Market, graph: Graph) -> None:
        """
        Write down what the block made.
        """
        if self._from_block <= block.number and (self._to_block is None or block.number < self._to_block):
            self.blocks += 1
            self._look(block, changed, market, graph)
        for address in changed:
            self._show(address, market)

    def report(self) -> dict[str, Any]:
        """
        Return the counts.
        """
        return {"blocks": self.blocks, **self.counts}

    def _show(self, address: Address, market: Market) -> None:
        pool = market.peek(address)
        if pool is None:
            self._shown.pop(address, None)
        else:
            self._shown[address] = pool

    def _look(self, block: Block, changed: Collection[Address], market: Market, graph: Graph) -> None:
        assumed, taken = self._assumptions, set[Address]()
        found = scan(market, graph, changed, assumed.terms, assumed.lenders, assumed.prices)
        for place, opportunity in enumerate(found):
            if place == assumed.most_per_block:
                self.counts["cut"] += 1
                break
            self.counts["found"] += 1
            if not taken.isdisjoint(opportunity.pools):
                self.counts["overlapping"] += 1
                continue
            taken.update(opportunity.pools)
            if self._stood(opportunity, changed, market):
                self.counts["standing"] += 1
                continue
            finding = self._finding(block, opportunity, market)
            self.findings.append(finding)
            self._waiting.append(finding)

    def _stood(self, opportunity: Opportunity, changed: Collection[Address], market: Market) -> bool:
        """Whether the cycle paid in the state before the block as well."""
        edges = opportunity.route.edges
        pools = [self._shown.get(edge.pool) if edge.pool in changed else market.peek(edge.pool) for edge in edges]
        known = [pool for pool in pools if pool is not None]
        if len(known) < len(edges):
            return False
        before = size(edges, known)
        if before is None:
            return False
        gain = before.gain - opportunity.offers[0].loan_fee(before.amounts[0])
        # As much worth per unit as now, and the same costs.
        worth_wei = gain * opportunity.worth_wei // opportunity.gain
        return worth_wei - opportunity.outlay.total_wei >= self._assumptions.terms.least_profit_wei

    def _finding(self, block: Block, opportunity: Opportunity, market: Market) -> Finding:
        infos, tokens = [market.infos[address] for address in opportunity.pools], self._assumptions.terms.profit_tokens
        return Finding(
            block=block,
            route=opportunity.route,
            dexes=tuple(info.dex for info in infos),
            funding=opportunity.funding,
            loan_fee=opportunity.loan_fee,
            gain=opportunity.gain,
            worth_wei=opportunity.worth_wei,
            gas=opportunity.gas,
            l2_wei=opportunity.outlay.l2_wei,
            l1_wei=opportunity.outlay.l1_wei,
            calldata=_calldata(opportunity, opportunity.gain, market, tokens),
            dearer=_calldata(opportunity, opportunity.gain + 1, market, tokens),
        )


def _calldata(opportunity: Opportunity, min_gain: int, market: Market, profit_tokens: tuple[Address, ...]) -> bytes:
    first = market.pool(opportunity.pools[0])
    try:
        route = plan_route(opportunity, first, market.infos, opportunity.funding, min_gain)
        return encode(Plan((route,), FOREVER, profit_tokens))
    except PlanError:
        return b""


def _gain_now(finding: Finding, market: Market) -> int | None:
    """What the same amount gains along the same pools as they are now."""
    pools = _pools(finding.route.edges, market)
    try:
        now = quote(finding.route.edges, pools, finding.route.amounts[0]) if pools else None
    except PoolError:
        return None
    return now.gain - finding.loan_fee if now is not None else None


def _pools(edges: Sequence[Edge], market: Market) -> list[Pool] | None:
    pools = [market.peek(edge.pool) for edge in edges]
    known = [pool for pool in pools if pool is not None]
    return known if len(known) == len(pools) else None
