"""
Observe, decide, act, record: the only place where the keeper's objects meet.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress

import structlog
from eth_account.signers.local import LocalAccount

from keeper.chain.feed import Feed
from keeper.chain.follower import Follower, NewBlock, Unwound
from keeper.chain.heads import Heads
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.conditions import Conditions
from keeper.config import ChainFacts, Settings
from keeper.desk import Desk, profit_tokens
from keeper.errors import (
    ChainError,
    JournalError,
    JournalOutOfReach,
    KeeperError,
    LifeCycleError,
    MalformedLog,
    NonceError,
    ReorgError,
    SubmissionError,
)
from keeper.events import TOPICS, Log, decode_each, speakers
from keeper.execution.funder import Funder
from keeper.execution.opening import open_operators
from keeper.execution.operation import Operation
from keeper.execution.operators import Operators
from keeper.execution.payouts import Payouts
from keeper.execution.signer import Signer
from keeper.execution.simulation import Simulator
from keeper.execution.submission import Broadcast
from keeper.execution.trader import Trader
from keeper.garbage import freeze, undisturbed
from keeper.journal import Entry, Journal
from keeper.lenders import TOPICS as LENDERS_TOPICS
from keeper.market import CacheCounts, Market
from keeper.monitor.dashboard import Moment, Unwatched, Watcher
from keeper.monitor.figures import Figures, Sources
from keeper.monitor.metrics import Metrics
from keeper.monitor.report import Report
from keeper.monitor.table import Screen
from keeper.preflight import Deployment
from keeper.registry import creation_topics, topics_of
from keeper.resume import Resumption
from keeper.routes.warm import warm
from keeper.snapshot import SnapshotFile
from keeper.standby import Onlooker
from keeper.stopping import Stopped, in_background, unless_told
from keeper.types import Address, Block, Hash
from keeper.upkeep import Upkeep
from keeper.watch import Subject, Watch

_log = structlog.get_logger("keeper")

#: Blocks between two looks at what no event announces: ArbOS parameters and the lenders' liquidity.
_SLOW_BLOCKS = 20

#: The pause after a failure to read or send; whoever follows the chain has his own.
_BACK_OFF_SECONDS = 0.1

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
        self._screen = screen
        self._watcher = watcher or Unwatched()
        self._reader = Reader(rpc, Address(facts.multicall3))
        trusted = (*profit_tokens(settings, facts), Address(facts.weth))
        self._upkeep = Upkeep(self._reader, settings, facts, trusted, rpc)
        proved = topics_of({dex.family for dex in self._upkeep.facts.dexes})
        followed = sorted({*TOPICS, *creation_topics(facts), *LENDERS_TOPICS})
        self._follower = Follower(rpc, followed, proved, settings.bloom_check)
        self._feed = Feed(self._follower, heads)
        self._resumption = Resumption(file, self._upkeep, self._follower, settings.resume_blocks, settings.save_seconds)
        self._lost = False
        self._operators: Operators | Onlooker = Onlooker()
        self._leads = False
        self._stopping = False
        self._simulator = Simulator(rpc, deployment.executor, Address(facts.node_interface))
        self._treasury_before: dict[Address, int] = {}
        self.report = Report()
        self._desk = Desk(settings, facts, deployment, self._upkeep, journal, self.report, screen)
        #: Cleared when the journal or a nonce cannot be trusted any more: then nothing is looked up or written down.
        self._accountable = True
        #: How many changes of the state were shown.
        self._told = 0
        self.operation = operation or Operation(settings.state_dir, settings.dry_run)
        self.conditions = Conditions(rpc, self._reader, facts, self._desk, self._simulator, self.operation)
        self.metrics = metrics or Metrics()
        self.watch = self._watched(funder)

    def _watched(self, payer: LocalAccount | None) -> Watch:
        subject = Subject(
            self._deployment,
            tuple(signer.address for signer in self._signers),
            self._desk.symbols,
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
            in_flight=lambda: {one.address: len(one.transactions.in_flight) for one in self._operators},
            nonces=lambda: {one.address: one.nonces.next for one in self._operators},
            answers=lambda: self._broadcast.answers,
            gaps=lambda: (self._operators.gaps_found, self._operators.gaps_filled),
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
                await self._begin()
            begun = True
            async with self._feed:
                async with unless_told(stop):
                    await self._lead()
                    await self._take_over()
                await self._trade_and_drain(stop)
                await self._note_treasury(_FAREWELL_SECONDS if stop.is_set() else _SETTLE_SECONDS)
        if begun and not self._lost:
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
    def _in_flight(self) -> Sequence[Entry]:
        return self._operators.in_flight

    @property
    def _finished(self) -> bool:
        return 0 < self._settings.blocks <= self.report.blocks

    # ---------------------------------------------------------------- begin and end

    async def _begin(self) -> None:
        await self._warm()
        block = await self._follower.start_settled()
        await self._upkeep.discover(block)
        if await self._resumption.resume(block, self._advance):
            await self._take_up(self._upkeep.settle())
        else:
            await self._start_market(self._follower.head)
        await self._look_at_slow_things()

    async def _lead(self) -> None:
        """Follow the market until this keeper leads."""
        while not self._journal.lead(*(signer.address for signer in self._signers)):
            await self._step(trading=False)

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
        self._trader = Trader(self._simulator, self._settings, self._facts, executor, operators, self.watch.may_send)
        self._operators, self._leads = operators, True
        try:
            await operators.begin(self._follower.is_canonical)
        except JournalOutOfReach:
            raise
        except (NonceError, JournalError) as error:
            self._give_up(error)
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

    async def _start_market(self, block: Block) -> None:
        await self._take_up(self._upkeep.start(block))

    async def _take_up(self, pools: Awaitable[Iterable[Address]]) -> None:
        """Search everything once."""
        self._desk.restart(await pools)
        self._desk.lenders.invalidate()
        freeze()

    async def _resync(self) -> None:
        """The chain left the keeper's memory: read everything anew before anything is traded."""
        await self._feed.stop()
        block = await self._follower.start_settled()
        await self._start_market(block)
        self.watch.taken_back(self._desk.take_back(await self._operators.recheck(self._is_canonical)))
        await self._feed.restart()
        self._lost = False

    async def _is_canonical(self, block_hash: Hash, number: int) -> bool:
        """
        Whether the block is one of the market's; of those before its memory, the follower knows. What the follower has
        fetched and the market has not taken in yet is not canonical so far: it is looked for again with its block.
        """
        if self.market.knows(block_hash):
            return True
        return number < self.market.oldest.number and await self._follower.is_canonical(block_hash, number)

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
            await self._step(trading=True)
        self._stopping = self._operators.silent = True
        deadline = time.monotonic() + _SETTLE_SECONDS
        while self._in_flight and self._accountable and not stop.is_set() and time.monotonic() < deadline:
            await self._step(trading=False)

    async def _drain(self, trading: "asyncio.Task[None]") -> None:
        """From now on nothing is signed or sent; what is in flight, and the step that goes on, have a moment to end."""
        self._stopping = self._operators.silent = True
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await trading
                while self._in_flight and self._accountable:
                    await self._step(trading=False)
        except TimeoutError:
            _log.warning("drain_timed_out", seconds=_DRAIN_SECONDS)
        for entry in self._in_flight:
            _log.warning("transaction_left_open", hash=entry.transaction.hash, nonce=entry.transaction.nonce)

    async def _note_treasury(self, seconds: float) -> None:
        """What it came to on chain, if a node says so in time: the journal has what each transaction brought."""
        try:
            async with asyncio.timeout(seconds):
                after = await self._treasury()
        except (ChainError, TimeoutError) as error:
            _log.warning("treasury_unknown", reason=str(error) or f"no answer within {seconds:g} s")
            return
        for token, symbol in self._desk.symbols.items():
            self.report.note_treasury(symbol, after[token] - self._treasury_before[token])

    # ---------------------------------------------------------------- a step

    async def _step(self, trading: bool) -> None:
        """
        Take in the next thing that the chain did. A node's failure costs time, never state.
        """
        self.watch.tick()
        self._watcher.ticked()
        self._tell_state()
        try:
            if self._lost:
                await self._resync()
            with self.report.latency.stage("fetch"):
                news = await self._feed.next()
            if news is not None:
                self.report.blocks += trading and isinstance(news, NewBlock)
                with undisturbed():
                    await self._on_news(news, trading)
            await self._rpc.check()
        except ReorgError as error:
            self._lost = True
            self.watch.lost(error)
            self.watch.resynced(error)
        except JournalOutOfReach:
            raise  # another keeper may lead by now: that is the end of this life, and no reason to halt the next
        except (NonceError, JournalError, SubmissionError, LifeCycleError) as error:
            self._give_up(error)
        except ChainError as error:
            self.watch.lost(error)
            self.report.refused["chain_error"] += 1
            _log.warning("node_failed", reason=str(error))
            await asyncio.sleep(_BACK_OFF_SECONDS)

    async def _on_news(self, news: NewBlock | Unwound, trading: bool) -> None:
        if isinstance(news, Unwound):
            self._unwind(news.head)
            return
        began = time.perf_counter()
        self._watcher.block_began()
        self._advance(news)
        self.watch.advanced(news.block)
        await self._upkeep.notice(news.block, news.logs)
        # What is behind is not read: its state may be gone, and it is no opportunity any more.
        if self._upkeep.wants_reads() and not self._feed.waiting:
            with self.report.latency.stage("refresh"):
                await self._refresh()
        self._operators.silent = self._stopping or not self.watch.may_send()
        if self._accountable:
            outcomes = await self._operators.follow(news.block, self._is_canonical)
            self.watch.booked(self._desk.book(outcomes))
            self.watch.disputed(self._operators.disputed)
        if news.block.number % _SLOW_BLOCKS == 0:
            await self._look_at_slow_things()
            self._desk.mended(await self._upkeep.look_around())
            self._resumption.save_if_due()
        if self._feed.waiting:
            self.report.refused["behind"] += trading
        elif trading and not self.operation.decides:
            self.report.refused["not live"] += 1
        elif trading and (self._settings.dry_run or self._operators.ready(news.block)):
            await self._trade(news.block, began)
        if trading:
            await self._operators.fill_gaps(news.block, self.conditions.prices(news.block))
        self.watch.breakers.signer_failures(self._operators.signer_failures)
        self._screen.draw(self.market, self.report, len(self._in_flight), self.operation.state.upper())
        self._watcher.block_ended(self._moment(news.block, time.perf_counter() - began))

    def _tell_state(self) -> None:
        """On the screen, where it has changed."""
        if self.operation.changes != self._told:
            self._told = self.operation.changes
            reasons = "; ".join(self.operation.reasons.values())
            self._screen.tell(f"{self.operation.state}{': ' if reasons else ''}{reasons}")

    def _give_up(self, error: KeeperError) -> None:
        """Nothing can be accounted for any more: the keeper is halted, and goes on to look."""
        self._accountable = False
        self.watch.fatal(error)

    def _moment(self, block: Block, seconds: float) -> Moment:
        return Moment(
            block,
            seconds,
            self.market,
            self.report,
            len(self._in_flight),
            self._desk.lenders.current(time.monotonic()),
            self._upkeep.quarantine,
            self.conditions.prices(block),
            self._rpc.calls,
            self._rpc.health,
        )

    def _advance(self, new: NewBlock) -> None:
        self.conditions.advance(new.block)
        with self.report.latency.stage("decode"):
            events = decode_each(new.logs, self._refuse)
        with self.report.latency.stage("apply"):
            self._desk.changed(self.market.advance(new.block, events, time.monotonic()))
        self._desk.moved(new.block, speakers(new.logs, events))
        self._desk.lenders.follow(new.logs)
        self.report.events += len(events)

    def _unwind(self, head: Block) -> None:
        depth = self.market.head.number - head.number
        changed = self.market.unwind(head.hash)
        self._desk.changed(changed)
        self._desk.lenders.invalidate()
        self.watch.unwound(head, depth, self._desk.take_back(self._operators.unwound(head)))
        self.report.reorgs += 1
        _log.warning("chain_reorganised", head=head.number, pools=len(changed))

    def _refuse(self, log: Log, error: MalformedLog) -> None:
        self.report.refused["malformed_log"] += 1
        self._upkeep.refused(Address(str(log.get("address")).lower()))
        _log.warning("log_refused", reason=str(error))

    async def _refresh(self) -> None:
        before = self._upkeep.unreadable
        changed = await self._upkeep.refresh()
        self.report.refused["pool_unreadable"] += self._upkeep.unreadable - before
        self._desk.changed(changed)

    async def _trade(self, block: Block, began: float) -> None:
        await self.conditions.read_lenders(block)
        if await self._desk.trade(block, self.conditions.prices(block), time.monotonic(), self._trader):
            self.report.latency.add("block_to_sent", time.perf_counter() - began)
            self.watch.sent(entry.transaction for entry in self._in_flight)

    async def _look_at_slow_things(self) -> None:
        await self.conditions.look()
        # What a standby does not know of moves the balances of its leader's keys.
        quiet = self._leads and not self._in_flight
        await self.watch.look(self.market.head, self.conditions.arbos, quiet)

    async def _treasury(self) -> dict[Address, int]:
        return await self.conditions.held_by(self._deployment.treasury, self.market.head)
