"""
The keeper looks at itself: what it sees goes to the breakers, what they do to the alerts, and all of it to the metrics.
"""

import asyncio
import time
from collections.abc import Collection, Iterable

import structlog

from keeper.chain.arbitrum import ArbosParameters
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import Settings
from keeper.errors import JournalError, KeeperError, NonceError
from keeper.execution.breakers import Breakers, Settled
from keeper.execution.funder import Funder
from keeper.execution.limits import Action, Breaker
from keeper.execution.operation import RESULTS_FILE, OperatingState, Operation
from keeper.execution.wire import parse
from keeper.journal import Journal, SignedTransaction, State
from keeper.monitor.alerts import Severity, alert
from keeper.monitor.metrics import Metrics
from keeper.monitor.report import Booking, Report
from keeper.types import Block, Hash
from keeper.watch.accounts import Accounts
from keeper.watch.results import Results
from keeper.watch.subject import Subject
from keeper.watch.surroundings import Surroundings

_log = structlog.get_logger("watch")

_DAY = 86_400.0

#: Of what is in no block it is not known who was before it.
_BID_RESULTS = {State.REVERTED: "lost", State.DROPPED: "unknown"}


class Watch:
    """
    Attributes:
        operation: Whether anything may be sent.
        ticked_at: When the loop last did something, by the steady clock.
        accounts: Who holds what.
    """

    def __init__(
        self,
        rpc: Rpc,
        settings: Settings,
        subject: Subject,
        journal: Journal,
        operation: Operation,
        metrics: Metrics,
        report: Report,
        funder: Funder | None = None,
    ) -> None:
        """
        Args:
            funder: Who pays for the operators' gas, if anybody does.
        """
        self._metrics, self._report = metrics, report
        self._max_block_lag_seconds = settings.max_block_lag_seconds
        self.operation = operation
        self.breakers = Breakers(settings, operation, time.monotonic, self._tripped)
        self.ticked_at = time.monotonic()
        reader = Reader(rpc, subject.multicall3)
        self.accounts = Accounts(reader, settings, subject, operation, self.breakers, metrics, funder)
        self._surroundings = Surroundings(rpc, settings, subject, journal, operation, self.breakers, metrics)
        self._prices = (0, 0)
        self._results = Results(settings.state_dir / RESULTS_FILE)
        self.breakers.resume(self._results.load())
        self._sent_at: dict[str, float] = {}
        rpc.listener, journal.listener = self._asked, metrics.journal_seconds.observe
        self._succeeded_at = time.monotonic()
        self._found_by_then = 0
        self._disputed: set[Hash] = set()
        #: Halts that somebody was told of; those of an earlier life are told again.
        self._told: set[str] = set()

    async def begin(self, head: Block) -> None:
        """
        From now on every balance is accounted for: before that, another keeper may have moved them.

        Raises:
            ChainError: A node failed.
        """
        await self.accounts.look(head, quiet=True)

    # ---------------------------------------------------------------- at every step

    def tick(self) -> None:
        """
        The loop did something; look at what needs no node.
        """
        self.ticked_at = time.monotonic()
        self.operation.look()
        self.breakers.look()
        if self.operation.state is OperatingState.HALTED:
            for name, reason in self.operation.reasons.items():
                if name not in self._told and name not in self.operation.pauses:
                    self._told.add(name)
                    alert(Severity.PAGE, "halted", f"the keeper is halted ({name}): {reason}")
        else:
            self._told.clear()

    def may_send(self) -> bool:
        """
        Whether a transaction may be signed and sent at this very moment.
        """
        self.breakers.look()
        return self.operation.may_send

    def advanced(self, block: Block) -> None:
        """
        The head moved forward.
        """
        late = self._surroundings.clocks.block(block.timestamp)
        self.breakers.head_moved(late if late > self._max_block_lag_seconds else 0.0)
        self.breakers.prices(block.base_fee_wei, self._prices[1])
        self._prices = (block.base_fee_wei, self._prices[1])
        self._metrics.head_block.set(block.number)
        self._metrics.base_fee.set(block.base_fee_wei)
        self._metrics.block_lag.set(time.time() - block.timestamp)

    def unwound(self, head: Block, depth: int, bookings: Iterable[Booking]) -> None:
        """
        The head went back, and with it what had been booked.
        """
        self.accounts.unwound(head.number)
        self._surroundings.clocks.again()
        self._metrics.reorgs.inc()
        self._metrics.reorg_depth.observe(depth)
        self.taken_back(bookings)

    def lost(self, error: KeeperError) -> None:
        """
        Blocks cannot be had, or follow nothing that is known.
        """
        self.breakers.gap_opened()
        _log.debug("blocks_missing", reason=str(error))

    def resynced(self, error: KeeperError) -> None:
        """
        The whole market has to be read anew.
        """
        self._metrics.resyncs.inc()
        self.accounts.unwound(-1)
        self._surroundings.clocks.again()
        alert(Severity.TICKET, "resync", f"the whole market is read anew, nothing is traded meanwhile: {error}")

    def disputed(self, hashes: Collection[Hash]) -> None:
        """
        Nodes tell different receipts of these.
        """
        for transaction_hash in hashes:
            if transaction_hash not in self._disputed:
                alert(Severity.PAGE, "receipts_differ", f"nodes tell different receipts of {transaction_hash}")
        self._disputed = set(hashes)

    def fatal(self, error: KeeperError) -> None:
        """
        Something happened after which nothing may be sent: the journal cannot be written, or a nonce is not ours.
        """
        if isinstance(error, JournalError):
            self._metrics.journal_errors.inc()
        match error:
            case NonceError():
                self.breakers.trip("nonce_moved", str(error))
            case JournalError():
                self.breakers.trip("journal", str(error))
            case _:
                self.breakers.trip("books", str(error))

    # ---------------------------------------------------------------- transactions

    def sent(self, transactions: Iterable[SignedTransaction]) -> None:
        """
        These are in flight.
        """
        now = time.monotonic()
        for transaction in transactions:
            if transaction.hash not in self._sent_at:
                self._sent_at[transaction.hash] = now
                self._metrics.tip.observe(parse(transaction.raw)[0].tip_wei)
                self.accounts.worst_gas = max(self.accounts.worst_gas, transaction.gas_limit)

    def booked(self, bookings: Iterable[Booking]) -> None:
        """
        The fate of these is known.
        """
        now, metrics = time.monotonic(), self._metrics
        lost = False
        for booking in bookings:
            outcome = booking.outcome
            lost |= booking.worth_wei < outcome.gas_wei and not outcome.filled_a_gap
            metrics.transactions.labels(str(outcome.state)).inc()
            metrics.gas_used.inc(outcome.gas_used)
            if outcome.transaction.bid_wei:
                metrics.bids.labels(_BID_RESULTS.get(outcome.state, "won")).inc()
            if (sent_at := self._sent_at.pop(outcome.transaction.hash, None)) is not None:
                metrics.confirmation.observe(now - sent_at)
            if outcome.state is State.DROPPED:
                continue
            if outcome.filled_a_gap:
                metrics.gas_spent.labels("gap").inc(outcome.gas_wei)
                self.accounts.booked(booking)
                continue
            result = _settled(booking)
            metrics.gas_spent.labels("success" if result.succeeded else "failure").inc(outcome.gas_wei)
            for token, gain in outcome.gains:
                metrics.profit.labels(booking.symbols[token]).inc(gain)
            self.accounts.booked(booking)
            self.breakers.settled(result)
            if result.succeeded:
                self._succeeded_at, self._found_by_then = now, self._report.opportunities
        if lost:
            self._results.save(self.breakers.results)

    def taken_back(self, bookings: Iterable[Booking]) -> None:
        """
        The blocks of these left the chain.
        """
        for booking in bookings:
            self.accounts.taken_back(booking.outcome.transaction.hash)
            if booking.outcome.state is not State.DROPPED:
                self.breakers.taken_back(_settled(booking))

    # ---------------------------------------------------------------- the slow look

    async def look(self, head: Block, arbos: ArbosParameters, quiet: bool) -> None:
        """
        Look at what no event announces.

        Args:
            quiet: Whether nothing is in flight, so that every balance can be accounted for.

        Raises:
            ChainError: A node failed.
        """
        self.breakers.prices(head.base_fee_wei, arbos.l1_wei_per_unit)
        self._prices = (head.base_fee_wei, arbos.l1_wei_per_unit)
        self._metrics.l1_price.set(arbos.l1_wei_per_unit)
        self._look_at_successes()
        self._results.save(self.breakers.results)
        await asyncio.gather(self._surroundings.look(arbos), self.accounts.look(head, quiet))

    def _look_at_successes(self) -> None:
        if time.monotonic() - self._succeeded_at < _DAY:
            return
        if self._report.opportunities > self._found_by_then:
            alert(Severity.TICKET, "no_success", "there were opportunities for a day, and no transaction succeeded")
        self._succeeded_at, self._found_by_then = time.monotonic(), self._report.opportunities

    # ---------------------------------------------------------------- what the breakers do

    def _asked(self, node: str, method: str, outcome: str, seconds: float) -> None:
        self._metrics.rpc_requests.labels(node, method, outcome).inc()
        if outcome == "limited":
            self._metrics.rpc_limited.labels(node).inc()
        else:
            self._metrics.rpc_seconds.labels(node).observe(seconds)

    def _tripped(self, breaker: Breaker, sentence: str) -> None:
        self._metrics.trips.labels(breaker.name).inc()
        self._told.add(breaker.name)
        coming_back = {
            Action.HALT: "the keeper is halted until it is armed again",
            Action.PAUSE: "the keeper is paused until it is resumed",
            Action.COOL: "the keeper is paused for a while",
            Action.WHILE: "the keeper is paused as long as that lasts",
        }[breaker.action]
        alert(Severity.PAGE if breaker.page else Severity.TICKET, breaker.name, f"{sentence}; {coming_back}")


def _settled(booking: Booking) -> Settled:
    outcome = booking.outcome
    return Settled(
        succeeded=outcome.state not in (State.REVERTED, State.DROPPED),
        profit_wei=booking.worth_wei - outcome.gas_wei,
        gas_wei=outcome.gas_wei,
        expected_wei=outcome.transaction.predicted_profit_wei,
    )
