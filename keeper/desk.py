"""
What is worth trying after a block.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing

import structlog

from keeper.books import Books
from keeper.bundling import Bundle, Bundler, Conditions
from keeper.config import ChainFacts, Settings
from keeper.errors import ConfigError, PlanError
from keeper.execution.receipts import Outcome
from keeper.execution.trader import Trader
from keeper.gas import GasPrices
from keeper.journal import Journal, State
from keeper.lenders import FLASH_POOL, LenderBook, flash_pools
from keeper.market import Market
from keeper.monitor.report import Report
from keeper.monitor.table import Screen
from keeper.opportunity import Scan, Scene, Terms, look
from keeper.preflight import Deployment
from keeper.races import REMEMBERED, Races, bidder_of
from keeper.routes.graph import Edge, Graph
from keeper.types import Address, Block
from keeper.upkeep import Upkeep

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
    Decides.

    Attributes:
        terms: What a route must satisfy.
        lenders: As of the head.
        books: What was decided and what became of it.
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
        self._settings, self._deployment, self._upkeep, self._report = settings, deployment, upkeep, report
        races = Races(bidder_of(settings), journal.settled(REMEMBERED))
        self.books = Books(facts, self.terms.profit_tokens, races, upkeep, journal, report, screen)
        self._graph = Graph()
        self._hot: set[Address] = set()
        self._flash: Mapping[Address, tuple[Address, ...]] = {}

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

    def settled(self, outcomes: Iterable[Outcome]) -> None:
        """
        Take in what became of transactions: an opportunity stands where one was dropped.
        """
        for outcome in outcomes:
            age = self._market.head.number - outcome.transaction.block_number
            if outcome.state is State.DROPPED and age >= _DROPPED_AFTER_BLOCKS:
                self._hot.update(outcome.transaction.pools)

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
            lenders, bidder = self.lenders.current(now), self.books.races.bidder
            scene = Scene(self._market, self._graph, self.terms, lenders, prices, self._flash, bidder)
            bundler = Bundler(scene, self._conditions(block))
        searched, again = self._hot, set[Address]()
        try:
            with closing(self._attempts(scene, bundler, block)) as attempts:
                return await self._try(attempts, bundler, block, prices, trader, again)
        finally:
            self._hot = searched & (self._hot | again)
            self.books.listen()

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
                    self._hot = set(found.untold if self._settings.max_routes == 1 else bundler.left)
                told = {first.route.edges} if len(bundle.legs) == 1 else set()
            except PlanError as error:
                self.books.refused(first, block, error)
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
                        self.books.refused(opportunity, block, error)
        finally:
            self._hot = set(found.untold)

    def _conditions(self, block: Block) -> Conditions:
        settings = self._settings
        return Conditions(
            settings.min_gain_share,
            block.timestamp + settings.deadline_seconds,
            self._deployment.profit_tokens,
            settings.max_routes,
            settings.max_tried,
            settings.min_route_share,
        )

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
        self.books.decided(bundle, block, outcome, predicted_wei)

    @property
    def _market(self) -> Market:
        return self._upkeep.market


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
