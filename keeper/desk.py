"""
What is worth trying after a block, and what became of what was tried.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing

import structlog

from keeper.bundling import Bundle, Bundler, Conditions
from keeper.chain.bloom import Log
from keeper.config import ChainFacts, Settings
from keeper.errors import ConfigError, PlanError
from keeper.events import Event, speakers
from keeper.execution.receipts import Outcome
from keeper.execution.trader import Trader, planned_routes
from keeper.gas import GasPrices
from keeper.journal import Decision, Journal, PlannedRoute, State
from keeper.lenders import FLASH_POOL, LenderBook, flash_pools
from keeper.market import Market
from keeper.monitor.report import Booking, Decided, Report
from keeper.monitor.table import Screen, shown
from keeper.opportunity import Opportunity, Scan, Scene, Terms, look
from keeper.preflight import Deployment
from keeper.races import REMEMBERED, Races, bidder_of
from keeper.routes.graph import Edge, Graph
from keeper.types import Address, Block, Hash
from keeper.upkeep import Upkeep
from keeper.valuation import Valuation

_log = structlog.get_logger("keeper")

#: Transactions of a block that are planned and simulated at most; what they leave over stays to be searched.
_TRIES = 16

#: Outcomes by which a simulation is known to have succeeded, or not.
_SIMULATED = {
    "simulation failed": False,
    "not worth its gas": True,
    "dry run": True,
    "not live": True,
    "sent": True,
    "refused by the node": True,
}

#: Outcomes that tell nothing of what was tried: of the keeper or the chain, so that nothing else goes either; or of
#: other transactions.
_NOT_NOW = frozenset({"base fee above cap", "L1 price above cap", "no key is free", "not live", "told to stop"})
_NOT_YET = "its pools are under way"

#: What is dropped sooner was refused: nobody had it, and nobody will at once.
_DROPPED_AFTER_BLOCKS = 2


class Desk:
    """
    Decides, and keeps the books.

    Attributes:
        terms: What a route must satisfy.
        lenders: As of the head.
        races: What was bid, what came of it, and who bids next.
    """

    def __init__(
        self,
        settings: Settings,
        facts: ChainFacts,
        deployment: Deployment,
        upkeep: Upkeep,
        journal: Journal,
        report: Report,
        screen: Screen,
    ) -> None:
        self.terms = _terms(settings, facts)
        self.lenders = LenderBook(facts.lenders, self.terms.profit_tokens, settings.ttl_seconds)
        self._settings, self._facts, self._deployment = settings, facts, deployment
        self._upkeep, self._journal, self._report, self._screen = upkeep, journal, report, screen
        self.races = Races(bidder_of(settings), journal.settled(REMEMBERED))
        self._graph = Graph()
        self._hot: set[Address] = set()
        self._flash: Mapping[Address, tuple[Address, ...]] = {}
        self._movements: deque[tuple[int, frozenset[tuple[Address, int]]]] = deque(maxlen=64)
        self._unheard: tuple[Block, Sequence[Log], Sequence[Event]] | None = None

    @property
    def symbols(self) -> dict[Address, str]:
        """Of the profit tokens."""
        known = self._facts.token_by_address
        return {token: known[token].symbol for token in self.terms.profit_tokens}

    # ---------------------------------------------------------------- what is to be searched

    def restart(self, pools: Iterable[Address]) -> None:
        """
        Begin anew with these pools.
        """
        self._graph = Graph()
        self._hot = set()
        self.changed(pools)

    def changed(self, pools: Iterable[Address]) -> None:
        """
        Take in what changed, to be searched with the next decision.
        """
        pools = set(pools)
        self._hot |= pools
        self.mended(pools)

    def mended(self, pools: Iterable[Address]) -> None:
        """
        Take in what is known better than before, or not any more.
        """
        market = self._market
        self._graph.forget(market.stale | market.cold | self._upkeep.gone())
        self._graph.update_all([pool for address in pools if (pool := market.peek(address)) is not None])

    def moved(self, block: Block, logs: Sequence[Log], events: Sequence[Event]) -> None:
        """
        Remember which pools spoke in a block, and in which transaction of it: found out once the keeper has traded.

        Args:
            events: Of these logs.
        """
        self._listen()
        self._unheard = block, logs, events

    def rank_flash_pools(self) -> None:
        """
        Find again which V3 pools are worth asking for a loan.
        """
        if FLASH_POOL in self.terms.funding:
            self._flash = flash_pools(self._market, self.terms.profit_tokens)

    # ---------------------------------------------------------------- decide and act

    async def trade(self, block: Block, prices: GasPrices, now: float, trader: Trader) -> bool:
        """
        Send what pays best after *block*, and return whether something was sent.

        Args:
            now: Of the clock that lenders were read by.
        """
        stage = self._report.latency.stage
        with stage("search"):
            self.mended(())
            lenders, bidder = self.lenders.current(now), self.races.bidder
            scene = Scene(self._market, self._graph, self.terms, lenders, prices, self._flash, bidder)
            bundler = Bundler(scene, self._conditions(block))
        searched, again = self._hot, set[Address]()
        try:
            with closing(self._attempts(scene, bundler, block)) as attempts:
                return await self._try(attempts, bundler, block, prices, trader, again)
        finally:
            self._hot = searched & (self._hot | again)
            self._listen()

    async def _try(
        self,
        attempts: Iterator[Bundle],
        bundler: Bundler,
        block: Block,
        prices: GasPrices,
        trader: Trader,
        again: set[Address],
    ) -> bool:
        """Try one after another until something was sent; *again* gets the pools of what is to be tried later."""
        stage = self._report.latency.stage
        for _ in range(_TRIES):
            with stage("decide"):
                bundle = next(attempts, None)
            if bundle is None:
                break
            outcome, tried = await trader.trade(bundler.variants(bundle), block, prices, stage)
            self._record(tried or bundle, block, outcome, bundle.profit_wei)
            if outcome == "sent":
                return True
            if outcome == _NOT_YET or outcome in _NOT_NOW:
                again.update(bundle.pools)
            if outcome in _NOT_NOW:
                again |= self._hot
                break
        else:
            self._report.refused["left for the next block"] += 1
        return False

    def _attempts(self, scene: Scene, bundler: Bundler, block: Block) -> Generator[Bundle, None, None]:
        """
        The best opportunity with all that goes with it; where that fails, one after another, the best first.
        """
        found = look(scene, self._hot, bundler.valuation)
        try:
            yield from self._bundles(scene, bundler, found, block)
        finally:
            # Counting takes as long as the search: it waits until something was sent.
            self._report.cycles_searched += found.searched

    def _bundles(self, scene: Scene, bundler: Bundler, found: Scan, block: Block) -> Generator[Bundle, None, None]:
        first = next(found, None)
        told: set[tuple[Edge, ...]] = set()
        searched = self._hot
        if first is not None:
            self._report.opportunities += 1
            try:
                if self._settings.max_routes == 1:
                    bundle = bundler.alone(first)
                else:
                    bundle = bundler.join(first, found.found, searched)
                self._report.opportunities += len(bundle.legs) - 1
                if bundler.cut:
                    self._report.refused["left out of a bundle"] += 1
                try:
                    yield bundle
                finally:
                    left = found.untold if self._settings.max_routes == 1 else bundler.left
                    self._hot = searched & left
                told = {first.route.edges} if len(bundle.legs) == 1 else set()
            except PlanError as error:
                self._refuse(first, block, error)
                told = {first.route.edges}
            # The graph has been elsewhere meanwhile.
            found = look(scene, searched)
        try:
            for opportunity in found:
                self._report.opportunities += first is not None and opportunity.route.edges != first.route.edges
                if opportunity.route.edges not in told:
                    try:
                        yield bundler.alone(opportunity)
                    except PlanError as error:
                        self._refuse(opportunity, block, error)
        finally:
            self._hot = searched & found.untold

    def _conditions(self, block: Block) -> Conditions:
        settings = self._settings
        deadline = block.timestamp + settings.deadline_seconds
        tokens, most = (
            self._deployment.profit_tokens,
            (settings.max_routes, settings.max_tried, settings.min_route_share),
        )
        return Conditions(settings.min_gain_share, deadline, tokens, *most)

    def _record(self, bundle: Bundle, block: Block, outcome: str, predicted_wei: int) -> None:
        kind = outcome.partition(":")[0]
        if outcome == "sent":
            self._report.sent(len(bundle.legs), bundle.worth_wei, bundle.outlay)
        else:
            self._report.refused[kind] += 1
        succeeded = _SIMULATED.get(kind)
        if succeeded is False:
            self.lenders.invalidate()
        # Which of several routes failed is not known: each is tried alone next.
        if succeeded is not None and (succeeded or len(bundle.legs) == 1):
            self._upkeep.simulated(bundle.pools, succeeded, block)
        outlay = bundle.outlay
        known = (self._market.peek(address) for address in bundle.pools)
        self._journal.met({pool.info.address: pool.info.dex for pool in known if pool is not None})
        decision = Decision(
            block.number,
            planned_routes(bundle),
            bundle.gains,
            bundle.loan_fees,
            bundle.worth_wei,
            outlay.l2_wei,
            outlay.l1_wei,
            outlay.bid_wei,
            tuple((token, bundle.profit(token)) for token, _ in bundle.gains),
            bundle.profit_wei,
            outcome,
        )
        self._journal.decided(decision)
        paths = tuple(_path(leg.route.edges) for leg in bundle.legs)
        self._report.news.append(Decided(decision, paths, predicted_wei))

    def _refuse(self, opportunity: Opportunity, block: Block, error: PlanError) -> None:
        self._report.refused["no plan"] += 1
        _log.warning("route_refused", block=block.number, pools=opportunity.pools, reason=str(error))
        route, outlay = opportunity.route, opportunity.outlay
        decision = Decision(
            block.number,
            (PlannedRoute(opportunity.pools, opportunity.token, opportunity.funding, route.amounts[0], route.gain, 0),),
            ((opportunity.token, opportunity.gain),),
            ((opportunity.token, opportunity.loan_fee),),
            opportunity.worth_wei,
            outlay.l2_wei,
            outlay.l1_wei,
            outlay.bid_wei,
            (),
            opportunity.profit_wei,
            f"no plan: {error}",
        )
        self._report.news.append(Decided(decision, (_path(route.edges),), opportunity.profit_wei))

    # ---------------------------------------------------------------- the books

    def book(self, outcomes: Iterable[Outcome]) -> list[Booking]:
        """
        Book transactions whose fate is known, and return them as they were booked.
        """
        booked = []
        for outcome in outcomes:
            self.races.note(outcome.transaction, outcome.state)
            worths = self._worths(outcome)
            if outcome.state is State.SOFT:
                self._journal.valued(outcome.transaction.hash, worths)
            worth_wei = sum(worths.values())
            touched = self._touched(outcome)
            booked.append(self._report.book(outcome, self.symbols, worth_wei, touched))
            if outcome.state is State.SOFT and not touched and not outcome.as_predicted:
                self._upkeep.misled(outcome.transaction.pools)
            age = self._market.head.number - outcome.transaction.block_number
            if outcome.state is State.DROPPED and age >= _DROPPED_AFTER_BLOCKS:
                self._hot.update(outcome.transaction.pools)
            self._screen.tell(self._news_of(outcome, worth_wei))
            _log.info(
                "transaction_settled",
                state=str(outcome.state),
                hash=outcome.transaction.hash,
                block=outcome.position[0],
                routes=len(outcome.transaction.routes),
                gains={self.symbols[token]: gain for token, gain in outcome.gains},
                predicted={self.symbols[token]: gain for token, gain in outcome.transaction.predicted},
                profit_wei=worth_wei - outcome.gas_wei,
                touched=touched,
            )
        return booked

    def take_back(self, hashes: Iterable[Hash]) -> list[Booking]:
        """
        Take transactions out of the books whose block left the chain, and return what had been booked.
        """
        taken = []
        for transaction_hash in hashes:
            if (booking := self._report.take_back(transaction_hash)) is not None:
                taken.append(booking)
            self.races.forget(transaction_hash)
            _log.warning("transaction_reorged", hash=transaction_hash)
        return taken

    def _worths(self, outcome: Outcome) -> dict[Address, int]:
        """What its gains are worth, in wei by token."""
        valuation = Valuation(self._market, self.terms.weth)
        return {token: valuation.in_eth(token, gain) or 0 for token, gain in outcome.gains}

    def _touched(self, outcome: Outcome) -> bool:
        """Whether another transaction moved a pool of the routes between the plan's block and this transaction."""
        self._listen()
        pools, (number, index) = set(outcome.transaction.pools), outcome.position
        return any(
            pool in pools and (block < number or position < index)
            for block, moved in self._movements
            if outcome.transaction.block_number < block <= number
            for pool, position in moved
        )

    def _listen(self) -> None:
        if self._unheard is not None:
            block, logs, events = self._unheard
            self._movements.append((block.number, speakers(logs, events)))
            self._unheard = None

    def _news_of(self, outcome: Outcome, worth_wei: int) -> str:
        if outcome.filled_a_gap:
            return f"{outcome.state}: filled the gap at nonce {outcome.transaction.nonce}"
        profit = (worth_wei - outcome.gas_wei) / 10**18
        if outcome.state is not State.SOFT:
            return f"{outcome.state}: nonce {outcome.transaction.nonce}, net {profit:.6f} ETH"
        known = self._facts.token_by_address
        gained = " and ".join(
            f"{shown(gain, known[token].decimals)} {known[token].symbol}" for token, gain in outcome.gains
        )
        routes = len(outcome.transaction.routes)
        by = f" by {routes} routes" if routes > 1 else ""
        return f"block {outcome.position[0]}: net {profit:.6f} ETH{by}, gained {gained}"

    @property
    def _market(self) -> Market:
        return self._upkeep.market


def _path(edges: Sequence[Edge]) -> tuple[Address, ...]:
    """The tokens that a route leads through, the last one included."""
    return (*(edge.token_in for edge in edges), edges[-1].token_out)


def profit_tokens(settings: Settings, facts: ChainFacts) -> tuple[Address, ...]:
    """
    Return where a cycle may start and end, the most preferred first.

    Raises:
        ConfigError: Nowhere.
    """
    symbols = settings.profit_tokens or facts.profit_tokens
    if not symbols:
        raise ConfigError("profit_tokens is empty: a cycle must start somewhere")
    return tuple(facts.token(symbol) for symbol in symbols)


def _terms(settings: Settings, facts: ChainFacts) -> Terms:
    return Terms(
        profit_tokens=profit_tokens(settings, facts),
        weth=Address(facts.weth),
        max_hops=settings.max_hops,
        funding=settings.funding,
        min_profit_wei=settings.min_profit_wei,
    )
