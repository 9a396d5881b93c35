"""
From a keeper's beginning to its end: the only place where its objects meet.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress

import structlog
from eth_account.signers.local import LocalAccount

from keeper.chain.feed import Feed
from keeper.chain.follower import Follower
from keeper.chain.heads import Heads
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.conditions import Conditions
from keeper.config import ChainFacts, Settings
from keeper.desk import Desk, profit_tokens
from keeper.errors import ChainError, JournalError, JournalOutOfReach, NonceError
from keeper.events import TOPICS
from keeper.execution.funder import Funder
from keeper.execution.opening import open_operators
from keeper.execution.operation import Operation
from keeper.execution.payouts import Payouts
from keeper.execution.signer import Signer
from keeper.execution.simulation import Simulator
from keeper.execution.submission import Broadcast
from keeper.execution.trader import Trader
from keeper.journal import Entry, Journal
from keeper.lenders import TOPICS as LENDERS_TOPICS
from keeper.market import CacheCounts, Market
from keeper.monitor.dashboard import Unwatched, Watcher
from keeper.monitor.figures import Figures, Sources
from keeper.monitor.metrics import Metrics
from keeper.monitor.report import Report
from keeper.monitor.table import Screen
from keeper.preflight import Deployment
from keeper.registry import creation_topics, topics_of
from keeper.resume import Resumption
from keeper.routes.warm import warm
from keeper.snapshot import SnapshotFile
from keeper.steps import Steps
from keeper.stopping import Stopped, in_background, unless_told
from keeper.types import Address, Hash
from keeper.upkeep import Upkeep
from keeper.watch import Subject, Watch

_log = structlog.get_logger("keeper")

#: How long what is in flight is waited for, after the blocks asked for and when told to stop; later the journal has it.
_SETTLE_SECONDS, _DRAIN_SECONDS = 15.0, 3.0

#: How long a keeper that was told to stop asks what the treasury holds now.
_FAREWELL_SECONDS = 1.0


class Keeper:
    """
    One executor on one chain, and all keys that may use it.

    Attributes:
        report: The numbers of this run so far.
        operation: Whether it may send, and why not.
        metrics: What it tells Prometheus.
        watch: What it sees of itself.
        conditions: What the chain charges and orders by.
    """

    def __init__(
        self,
        rpc: Rpc,
        heads: Heads,
        settings: Settings,
        facts: ChainFacts,
        deployment: Deployment,
        signers: Sequence[Signer],
        broadcast: Broadcast,
        journal: Journal,
        screen: Screen,
        file: SnapshotFile,
        operation: Operation | None = None,
        metrics: Metrics | None = None,
        funder: LocalAccount | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        """
        Args:
            funder: Who pays for the operator's gas, if anybody does.
            watcher: Whoever looks on, if anybody does.

        Raises:
            ConfigError: The funder is the operator, or a setting names what does not exist.
        """
        self._rpc = rpc
        self._settings = settings
        self._facts = facts
        self._deployment = deployment
        self._signers = tuple(signers)
        self._broadcast = broadcast
        self._journal = journal
        reader = Reader(rpc, Address(facts.multicall3))
        trusted = (*profit_tokens(settings, facts), Address(facts.weth))
        self._upkeep = Upkeep(reader, settings, facts, trusted, rpc)
        proved = topics_of({dex.family for dex in self._upkeep.facts.dexes})
        followed = sorted({*TOPICS, *creation_topics(facts), *LENDERS_TOPICS})
        self._follower = Follower(rpc, followed, proved, settings.bloom_check)
        self._feed = Feed(self._follower, heads)
        self._resumption = Resumption(file, self._upkeep, self._follower, settings.resume_blocks, settings.save_seconds)
        self._simulator = Simulator(rpc, deployment.executor, Address(facts.node_interface))
        self._treasury_before: dict[Address, int] = {}
        self.report = Report()
        self._desk = Desk(settings, facts, deployment, self._upkeep, journal, self.report, screen)
        self.operation = operation or Operation(settings.state_dir, settings.dry_run)
        self.conditions = Conditions(rpc, reader, facts, self._desk, self._simulator, self.operation)
        self.metrics = metrics or Metrics()
        self.watch = self._watched(funder)
        self._steps = Steps(
            rpc=rpc,
            follower=self._follower,
            feed=self._feed,
            upkeep=self._upkeep,
            resumption=self._resumption,
            desk=self._desk,
            conditions=self.conditions,
            operation=self.operation,
            watch=self.watch,
            report=self.report,
            screen=screen,
            watcher=watcher or Unwatched(),
            dry_run=settings.dry_run,
        )

    def _watched(self, payer: LocalAccount | None) -> Watch:
        subject = Subject(
            self._deployment,
            tuple(signer.address for signer in self._signers),
            self._desk.books.symbols,
            self._facts.chain_id,
            Address(self._facts.multicall3),
        )
        funder = None
        if payer is not None:
            operators = frozenset(subject.operators)
            funder = Funder(self._rpc, payer, self._facts.chain_id, operators, self._settings)
        watch = Watch(
            self._rpc, self._settings, subject, self._journal, self.operation, self.metrics, self.report, funder
        )
        sources = Sources(
            self.operation,
            watch.breakers,
            self.report,
            market=lambda: self.market,
            pools=self._upkeep.report,
            lenders=lambda: len(self._desk.lenders.current(time.monotonic())),
            in_flight=lambda: {one.address: len(one.transactions.in_flight) for one in self._steps.operators},
            nonces=lambda: {one.address: one.nonces.next for one in self._steps.operators},
            answers=lambda: self._broadcast.answers,
            gaps=lambda: (self._steps.operators.gaps_found, self._steps.operators.gaps_filled),
            backfilled=lambda: self._follower.backfilled,
        )
        Figures(self.metrics, sources)
        return watch

    async def run(self, stop: asyncio.Event) -> None:
        """
        Trade until *stop* is set or the blocks asked for have passed, then wait for what is in flight. Before there is
        anything to trade with, *stop* cuts short whatever is waited for.
        """
        begun = False
        with suppress(Stopped):
            async with unless_told(stop):
                await self._warm()
                await self._steps.begin()
            begun = True
            async with self._feed:
                async with unless_told(stop):
                    await self._lead()
                    await self._take_over()
                await self._trade_and_drain(stop)
                await self._note_treasury(_FAREWELL_SECONDS if stop.is_set() else _SETTLE_SECONDS)
        if begun and not self.lost:
            await self._resumption.save()
        self.report.pools = self._upkeep.report()

    @property
    def market(self) -> Market:
        """All pools as of the head."""
        return self._upkeep.market

    @property
    def profit_tokens(self) -> tuple[Address, ...]:
        return self._desk.terms.profit_tokens

    @property
    def cache(self) -> CacheCounts:
        return self.market.counts

    @property
    def in_flight(self) -> Sequence[Entry]:
        """What may come into a block, and is in none as far as this keeper knows."""
        return self._steps.operators.in_flight

    @property
    def disputed(self) -> Collection[Hash]:
        """Transactions of whose receipts the nodes tell differently."""
        return self._steps.operators.disputed

    @property
    def lost(self) -> bool:
        """Whether the chain left the keeper's memory, and the market is to be read anew."""
        return self._steps.lost

    @property
    def _finished(self) -> bool:
        return 0 < self._settings.blocks <= self.report.blocks

    # ---------------------------------------------------------------- begin

    async def _lead(self) -> None:
        """Follow the market until this keeper leads."""
        while not self._journal.lead(*(signer.address for signer in self._signers)):
            await self._steps.take(trading=False)

    async def _take_over(self) -> None:
        """Take up what the keys' transactions are, whoever sent them, and only then trade."""
        executor = self._deployment.executor
        names = " ".join(signer.address for signer in self._signers)
        self._journal.begin_run(Address(names), executor)
        self.operation.lead(self._journal.halts)
        operators = await open_operators(
            self._rpc,
            self._broadcast,
            self._journal,
            self._settings,
            self._facts.chain_id,
            Payouts(self._rpc, executor, self._deployment.treasury),
            self._signers,
        )
        trader = Trader(self._simulator, self._settings, self._facts, executor, operators, self.watch.may_send)
        self._steps.lead(operators, trader)
        try:
            await operators.begin(self._follower.is_canonical)
        except JournalOutOfReach:
            raise
        except (NonceError, JournalError) as error:
            self._steps.give_up(error)
        self._treasury_before = await self._treasury()
        await self.watch.begin(self.market.head)
        self.operation.begin()
        _log.info("keeper_started", pools=len(self.market), block=self.market.head.number, operators=names)

    async def _warm(self) -> None:
        """Compile what the search runs on before anything depends on how long that takes; the event loop goes on."""
        began = time.perf_counter()
        _log.info("kernels_loading", hint="a new checkout compiles them first, which takes up to half a minute")
        await in_background(warm)
        _log.info("kernels_loaded", seconds=round(time.perf_counter() - began, 1))

    async def _treasury(self) -> dict[Address, int]:
        return await self.conditions.held_by(self._deployment.treasury, self.market.head)

    # ---------------------------------------------------------------- trade and end

    async def _trade_and_drain(self, stop: asyncio.Event) -> None:
        trading = asyncio.create_task(self._trade_until(stop))
        told = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({trading, told}, return_when=asyncio.FIRST_COMPLETED)
            await self._drain(trading)
        finally:
            # Whoever cancels the keeper cancels all of it: nothing of it uses the journal after that.
            for task in (trading, told):
                task.cancel()
            await asyncio.wait({trading, told})

    async def _trade_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set() and not self._finished:
            self._journal.require_lead()
            await self._steps.take(trading=True)
        self._steps.fall_silent()
        deadline = time.monotonic() + _SETTLE_SECONDS
        while self._steps.unsettled and not stop.is_set() and time.monotonic() < deadline:
            await self._steps.take(trading=False)

    async def _drain(self, trading: "asyncio.Task[None]") -> None:
        """From now on nothing is signed or sent; what is in flight, and the step that goes on, have a moment to end."""
        self._steps.fall_silent()
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await trading
                while self._steps.unsettled:
                    await self._steps.take(trading=False)
        except TimeoutError:
            _log.warning("drain_timed_out", seconds=_DRAIN_SECONDS)
        for entry in self.in_flight:
            _log.warning("transaction_left_open", hash=entry.transaction.hash, nonce=entry.transaction.nonce)

    async def _note_treasury(self, seconds: float) -> None:
        """What it came to on chain, if a node says so in time: the journal has what each transaction brought."""
        try:
            async with asyncio.timeout(seconds):
                after = await self._treasury()
        except (ChainError, TimeoutError) as error:
            _log.warning("treasury_unknown", reason=str(error) or f"no answer within {seconds:g} s")
            return
        for token, symbol in self._desk.books.symbols.items():
            self.report.note_treasury(symbol, after[token] - self._treasury_before[token])
