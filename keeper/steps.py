"""
Observe, decide, act, record: a keeper's steps along the chain.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field

import structlog

from keeper.chain.feed import Feed
from keeper.chain.follower import Follower, NewBlock, Unwound
from keeper.chain.rpc import Rpc
from keeper.conditions import Conditions
from keeper.desk import Desk
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
from keeper.events import Log, decode_each
from keeper.execution.operation import Operation
from keeper.execution.operators import Operators
from keeper.execution.trader import Trader
from keeper.garbage import freeze, undisturbed
from keeper.market import Market
from keeper.monitor.dashboard import Moment, Watcher
from keeper.monitor.report import Report
from keeper.monitor.table import Screen
from keeper.resume import Resumption
from keeper.standby import Onlooker
from keeper.types import Address, Block, Hash
from keeper.upkeep import Upkeep
from keeper.watch import Watch

_log = structlog.get_logger("keeper")

#: Blocks between two looks at what no event announces: ArbOS parameters and the lenders' liquidity.
_SLOW_BLOCKS = 20

#: The pause after a failure to read or send; whoever follows the chain has his own.
_BACK_OFF_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class Steps:
    """
    Takes in what the chain does, one thing after the other, and trades on it.

    Attributes:
        operators: Those who sign, once this keeper leads.
        lost: Whether the chain left the keeper's memory: the next step reads the market anew.
        accountable: Cleared when the journal or a nonce cannot be trusted any more: then nothing is looked up or
            written down.
    """

    rpc: Rpc
    follower: Follower
    feed: Feed
    upkeep: Upkeep
    resumption: Resumption
    desk: Desk
    conditions: Conditions
    operation: Operation
    watch: Watch
    report: Report
    screen: Screen
    watcher: Watcher
    dry_run: bool
    operators: Operators | Onlooker = field(default_factory=Onlooker, init=False)
    lost: bool = field(default=False, init=False)
    accountable: bool = field(default=True, init=False)
    _trader: Trader = field(init=False)
    _leads: bool = field(default=False, init=False)
    _stopping: bool = field(default=False, init=False)
    #: How many changes of the state were shown.
    _told: int = field(default=0, init=False)

    @property
    def market(self) -> Market:
        """All pools as of the head."""
        return self.upkeep.market

    @property
    def unsettled(self) -> bool:
        """Whether something is in flight whose fate can still be found out."""
        return bool(self.operators.in_flight) and self.accountable

    async def begin(self) -> None:
        """Take the first step: every pool is read, or as much of the market as changed since the last life."""
        block = await self.follower.start_settled()
        await self.upkeep.discover(block)
        if await self.resumption.resume(block, self._advance):
            await self._take_up(self.upkeep.settle())
        else:
            await self._start_market(self.follower.head)
        await self._look_at_slow_things()

    def lead(self, operators: Operators, trader: Trader) -> None:
        """From now on what is in flight is this keeper's own."""
        self.operators, self._trader, self._leads = operators, trader, True

    def fall_silent(self) -> None:
        """From now on nothing is signed or sent."""
        self._stopping = self.operators.silent = True

    def give_up(self, error: KeeperError) -> None:
        """Nothing can be accounted for any more: the keeper is halted, and goes on to look."""
        self.accountable = False
        self.watch.fatal(error)

    async def take(self, trading: bool) -> None:
        """
        Take in the next thing that the chain did. A node's failure costs time, never state.

        Raises:
            JournalOutOfReach: Another keeper may lead by now.
        """
        self.watch.tick()
        self.watcher.ticked()
        self._tell_state()
        try:
            if self.lost:
                await self._resync()
            with self.report.latency.stage("fetch"):
                news = await self.feed.next()
            if news is not None:
                self.report.blocks += trading and isinstance(news, NewBlock)
                with undisturbed():
                    await self._on_news(news, trading)
            await self.rpc.check()
        except ReorgError as error:
            self.lost = True
            self.watch.lost(error)
            self.watch.resynced(error)
        except JournalOutOfReach:
            raise  # another keeper may lead by now: that is the end of this life, and no reason to halt the next
        except (NonceError, JournalError, SubmissionError, LifeCycleError) as error:
            self.give_up(error)
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
        self.watcher.block_began()
        self._advance(news)
        self.watch.advanced(news.block)
        await self.upkeep.notice(news.block, news.logs)
        # What is behind is not read: its state may be gone, and it is no opportunity any more.
        if self.upkeep.wants_reads() and not self.feed.waiting:
            with self.report.latency.stage("refresh"):
                await self._refresh()
        self.operators.silent = self._stopping or not self.watch.may_send()
        if self.accountable:
            outcomes = await self.operators.follow(news.block, self._is_canonical)
            self.watch.booked(self.desk.books.book(outcomes))
            self.desk.settled(outcomes)
            self.watch.disputed(self.operators.disputed)
        if news.block.number % _SLOW_BLOCKS == 0:
            await self._look_at_slow_things()
            self.desk.mended(await self.upkeep.look_around())
            self.resumption.save_if_due()
        if self.feed.waiting:
            self.report.refused["behind"] += trading
        elif trading and not self.operation.decides:
            self.report.refused["not live"] += 1
        elif trading and (self.dry_run or self.operators.ready(news.block)):
            await self._trade(news.block, began)
        if trading:
            await self.operators.fill_gaps(news.block, self.conditions.prices(news.block))
        self.watch.breakers.signer_failures(self.operators.signer_failures)
        self.screen.draw(self.market, self.report, len(self.operators.in_flight), self.operation.state.upper())
        self.watcher.block_ended(self._moment(news.block, time.perf_counter() - began))

    # ---------------------------------------------------------------- observe

    def _advance(self, new: NewBlock) -> None:
        self.conditions.advance(new.block)
        with self.report.latency.stage("decode"):
            events = decode_each(new.logs, self._refuse)
        with self.report.latency.stage("apply"):
            self.desk.changed(self.market.advance(new.block, events, time.monotonic()))
        self.desk.books.hear(new.block, new.logs, events)
        self.desk.lenders.follow(new.logs)
        self.report.events += len(events)

    def _unwind(self, head: Block) -> None:
        depth = self.market.head.number - head.number
        changed = self.market.unwind(head.hash)
        self.desk.changed(changed)
        self.desk.lenders.invalidate()
        self.watch.unwound(head, depth, self.desk.books.take_back(self.operators.unwound(head)))
        self.report.reorgs += 1
        _log.warning("chain_reorganised", head=head.number, pools=len(changed))

    def _refuse(self, log: Log, error: MalformedLog) -> None:
        self.report.refused["malformed_log"] += 1
        self.upkeep.refused(Address(str(log.get("address")).lower()))
        _log.warning("log_refused", reason=str(error))

    async def _refresh(self) -> None:
        before = self.upkeep.unreadable
        changed = await self.upkeep.refresh()
        self.report.refused["pool_unreadable"] += self.upkeep.unreadable - before
        self.desk.changed(changed)

    async def _start_market(self, block: Block) -> None:
        await self._take_up(self.upkeep.start(block))

    async def _take_up(self, pools: Awaitable[Iterable[Address]]) -> None:
        """Search everything once."""
        self.desk.restart(await pools)
        self.desk.lenders.invalidate()
        freeze()

    async def _resync(self) -> None:
        """The chain left the keeper's memory: read everything anew before anything is traded."""
        await self.feed.stop()
        block = await self.follower.start_settled()
        await self._start_market(block)
        self.watch.taken_back(self.desk.books.take_back(await self.operators.recheck(self._is_canonical)))
        await self.feed.restart()
        self.lost = False

    async def _is_canonical(self, block_hash: Hash, number: int) -> bool:
        """
        Whether the block is one of the market's; of those before its memory, the follower knows. What the follower has
        fetched and the market has not taken in yet is not canonical so far: it is looked for again with its block.
        """
        if self.market.knows(block_hash):
            return True
        return number < self.market.oldest.number and await self.follower.is_canonical(block_hash, number)

    async def _look_at_slow_things(self) -> None:
        await self.conditions.look()
        # Balances are moved by what a standby does not know of, and by what nobody looks up any more.
        quiet = self._leads and self.accountable and not self.operators.in_flight
        await self.watch.look(self.market.head, self.conditions.arbos, quiet)

    # ---------------------------------------------------------------- act

    async def _trade(self, block: Block, began: float) -> None:
        await self.conditions.read_lenders(block)
        if await self.desk.trade(block, self.conditions.prices(block), time.monotonic(), self._trader):
            self.report.latency.add("block_to_sent", time.perf_counter() - began)
            self.watch.sent(entry.transaction for entry in self.operators.in_flight)

    # ---------------------------------------------------------------- show

    def _tell_state(self) -> None:
        """On the screen, where it has changed."""
        if self.operation.changes != self._told:
            self._told = self.operation.changes
            reasons = "; ".join(self.operation.reasons.values())
            self.screen.tell(f"{self.operation.state}{': ' if reasons else ''}{reasons}")

    def _moment(self, block: Block, seconds: float) -> Moment:
        return Moment(
            block,
            seconds,
            self.market,
            self.report,
            len(self.operators.in_flight),
            self.desk.lenders.current(time.monotonic()),
            self.upkeep.quarantine,
            self.conditions.prices(block),
            self.rpc.calls,
            self.rpc.health,
        )
