"""
The keeper looks at itself: what it sees goes to the breakers, what they do to the alerts, and all of it to the metrics.
"""

import asyncio
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from eth_utils.crypto import keccak

from keeper.abi import answer, call
from keeper.chain.arbitrum import ArbosParameters
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import Settings
from keeper.errors import JournalError, KeeperError, NonceError
from keeper.execution.balances import ETHER, Account, Balances, Movement
from keeper.execution.breakers import Action, Breaker, Breakers, Settled
from keeper.execution.funder import Funder, TopUp
from keeper.execution.operation import OperatingState, Operation
from keeper.journal import Journal, SignedTransaction, State
from keeper.monitor.alerts import Severity, alert
from keeper.monitor.metrics import Metrics
from keeper.monitor.pulse import Clocks
from keeper.monitor.report import Booking, Report
from keeper.preflight import Deployment
from keeper.types import Address, Block, Call

_log = structlog.get_logger("watch")

_DAY = 86_400.0

#: What a transaction takes at worst, before any was signed.
_WORST_GAS = 3_000_000

#: Operators with less than so many times what a transaction takes at worst are sent gas.
_TOPPED_UP_BELOW = 4

#: How many times the base fee a transaction is ready to pay.
_BASE_FEE_ROOM = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """
    What is watched.

    Attributes:
        operators: Whose keys this keeper has.
        tokens: What the treasury is paid in, with their symbols.
    """

    deployment: Deployment
    operators: Sequence[Address]
    tokens: dict[Address, str]
    chain_id: int
    multicall3: Address


class Watch:
    """
    Attributes:
        operation: Whether anything may be sent.
        ticked_at: When the loop last did something, by the steady clock.
        balances_wei: What each operator had at the last look.
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
        self._funder = funder
        self._rpc, self._settings, self._subject, self._journal = rpc, settings, subject, journal
        self._metrics, self._report = metrics, report
        self._reader = Reader(rpc, subject.multicall3)
        self.operation = operation
        self.breakers = Breakers(settings, operation, time.monotonic, self._tripped)
        self.ticked_at = time.monotonic()
        self.balances_wei: dict[Address, int] = {}
        self._balances = Balances()
        self._clocks = Clocks()
        self._prices = (0, 0)
        self._worst_gas = _WORST_GAS
        self._sent_at: dict[str, float] = {}
        rpc.listener, journal.listener = self._asked, metrics.journal_seconds.observe
        self._succeeded_at = time.monotonic()
        self._found_by_then = 0
        #: Halts that somebody was told of; those of an earlier life are told again.
        self._told: set[str] = set()

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
        self.breakers.head_moved(self._clocks.block(block.timestamp))
        self.breakers.prices(block.base_fee_wei, self._prices[1])
        self._prices = (block.base_fee_wei, self._prices[1])
        self._metrics.head_block.set(block.number)
        self._metrics.base_fee.set(block.base_fee_wei)
        self._metrics.block_lag.set(time.time() - block.timestamp)

    def unwound(self, head: Block, depth: int, bookings: Iterable[Booking]) -> None:
        """
        The head went back, and with it what had been booked.
        """
        self._balances.unwound(head.number)
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
        alert(Severity.TICKET, "resync", f"the whole market is read anew, nothing is traded meanwhile: {error}")

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
                self._worst_gas = max(self._worst_gas, transaction.gas_limit)

    def booked(self, bookings: Iterable[Booking]) -> None:
        """
        The fate of these is known.
        """
        now, metrics = time.monotonic(), self._metrics
        for booking in bookings:
            outcome = booking.outcome
            metrics.transactions.labels(str(outcome.state)).inc()
            if (sent_at := self._sent_at.pop(outcome.transaction.hash, None)) is not None:
                metrics.confirmation.observe(now - sent_at)
            if outcome.state is State.DROPPED:
                continue
            result = _settled(booking)
            metrics.gas_spent.labels("success" if result.succeeded else "failure").inc(outcome.gas_wei)
            for token, gain in outcome.gains:
                metrics.profit.labels(booking.symbols[token]).inc(gain)
            for movement in self._movements(booking):
                self._balances.moved(movement)
            self.breakers.settled(result)
            if result.succeeded:
                self._succeeded_at, self._found_by_then = now, self._report.opportunities

    def taken_back(self, bookings: Iterable[Booking]) -> None:
        """
        The blocks of these left the chain.
        """
        for booking in bookings:
            self._balances.taken_back(booking.outcome.transaction.hash)
            if booking.outcome.state is not State.DROPPED:
                self.breakers.taken_back(_settled(booking))

    def _movements(self, booking: Booking) -> Iterable[Movement]:
        outcome, treasury = booking.outcome, self._subject.deployment.treasury
        cause, number = outcome.transaction.hash, outcome.position[0]
        yield Movement(cause, number, Account("operator", outcome.transaction.sender, ETHER), -outcome.gas_wei)
        for token, gain in outcome.gains:
            yield Movement(cause, number, Account("treasury", treasury, token), gain)

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
        self._look_at_ordering(arbos)
        self._look_at_machine()
        self._look_at_successes()
        self._look_at_nodes()
        await asyncio.gather(self._look_at_code(), self._look_at_accounts(head, quiet))

    def _look_at_ordering(self, arbos: ArbosParameters) -> None:
        policy = "fee" if arbos.collects_tips else "arrival"
        self.breakers.ordering(policy)
        self._metrics.ordering.clear()
        self._metrics.ordering.labels(policy).set(1)

    def _look_at_machine(self) -> None:
        skew = self._clocks.skew()
        self._metrics.clock_skew.set(skew)
        self.breakers.clock_skew(skew)
        try:
            free = shutil.disk_usage(self._settings.state_dir).free
        except OSError as error:
            self.breakers.trip("disk", f"the state directory is out of reach: {error.strerror}")
        else:
            self._metrics.disk_free.set(free)
            self.breakers.disk(free)
        if (reason := self._journal.halt_flag()) is not None:
            self.operation.halt(f"the journal's halt flag is set: {reason}", "journal_flag")

    def _look_at_successes(self) -> None:
        if time.monotonic() - self._succeeded_at < _DAY:
            return
        if self._report.opportunities > self._found_by_then:
            alert(Severity.TICKET, "no_success", "there were opportunities for a day, and no transaction succeeded")
        self._succeeded_at, self._found_by_then = time.monotonic(), self._report.opportunities

    def _look_at_nodes(self) -> None:
        health = self._rpc.health
        for node in health:
            self._metrics.rpc_state.labels(node["node"]).set(not node["paused"])
            if node["paused"] and len(health) > 1:
                alert(Severity.TICKET, "node_down", f"node {node['node']} gives no answers")

    async def _look_at_code(self) -> None:
        deployment = self._subject.deployment
        chain_id, code = await asyncio.gather(
            self._rpc("eth_chainId"), self._rpc("eth_getCode", deployment.executor, "latest")
        )
        if int(chain_id, 16) != self._subject.chain_id:
            self.breakers.trip("chain_id", f"the node is of chain {int(chain_id, 16)} now")
        elif "0x" + keccak(bytes.fromhex(code[2:])).hex() != deployment.code_hash:
            self.breakers.trip("code_changed", f"executor {deployment.executor} has other code than its record says")

    async def _look_at_accounts(self, head: Block, quiet: bool) -> None:
        subject, executor = self._subject, self._subject.deployment.executor
        held = self._accounts()
        calls = [call(executor, "paused()"), call(executor, "operators()")]
        calls += [self._balance(account) for account in held]
        paused, operators, *balances = await self._reader.call(calls, head.hash)
        if answer("bool", paused, "executor.paused"):
            self.breakers.trip("executor_paused", f"executor {executor} was paused on chain")
        listed = answer("address[]", operators, "executor.operators")
        for operator in subject.operators:
            if operator not in listed:
                self.breakers.trip("operator_removed", f"{operator} is no operator of executor {executor} any more")
        found = {
            account: int(answer("uint256", balance, f"balance of {account.owner}"))
            for account, balance in zip(held, balances, strict=True)
        }
        await self._look_at_operators(found, listed)
        for account, balance in found.items():
            if account.whose == "treasury":
                self._metrics.treasury_balance.labels(subject.tokens[account.token]).set(balance)
        if quiet:
            for change in self._balances.compare(head.number, found):
                self._unexplained(change.account, change.amount)

    def _accounts(self) -> list[Account]:
        subject, deployment = self._subject, self._subject.deployment
        return [
            *(Account("operator", operator, ETHER) for operator in subject.operators),
            *(Account("treasury", deployment.treasury, token) for token in subject.tokens),
            *(Account("executor", deployment.executor, token) for token in subject.tokens),
        ]

    def _balance(self, account: Account) -> Call:
        if account.token == ETHER:
            return call(self._subject.multicall3, "getEthBalance(address)", account.owner)
        return call(account.token, "balanceOf(address)", account.owner)

    @property
    def worst_wei(self) -> int:
        """What a transaction takes at worst, at the head's base fee."""
        fee = min(_BASE_FEE_ROOM * self._prices[0] + self._settings.tip_wei, self._settings.max_base_fee_wei)
        return self._worst_gas * fee

    async def _look_at_operators(self, found: dict[Account, int], listed: Sequence[Address]) -> None:
        for account, balance in found.items():
            if account.whose == "operator":
                self.balances_wei[account.owner] = balance
                self._metrics.operator_balance.labels(account.owner).set(balance)
        self.breakers.operator_balance(min(self.balances_wei.values()), self.worst_wei)
        for operator, balance in self.balances_wei.items():
            if balance < _TOPPED_UP_BELOW * self.worst_wei and operator in listed:
                await self._top_up(operator)

    async def _top_up(self, operator: Address) -> None:
        """
        Have the funder send gas. It is no trade: a keeper that is paused for nothing but the want of it may do that.
        """
        state, pauses = self.operation.state, self.operation.pauses.keys()
        paused_for_gas = state is OperatingState.DEGRADED and pauses == {"operator_balance"}
        if self._funder is None or not (state is OperatingState.LIVE or paused_for_gas):
            return
        result = await self._funder.top_up(operator, self._prices[0])
        match result:
            case TopUp.SENT:
                self._metrics.topups.inc(self._settings.topup_wei)
                alert(Severity.TICKET, "topped_up", f"{operator} was sent {self._settings.topup_wei} wei for gas")
            case TopUp.CAPPED | TopUp.EMPTY | TopUp.DEAR:
                alert(Severity.TICKET, "not_topped_up", f"{operator} needs gas, and the funder is {result}")

    def _unexplained(self, account: Account, amount: int) -> None:
        way = "in" if amount > 0 else "out"
        self._metrics.unexplained.labels(account.whose, way).inc(abs(amount))
        what = "wei" if account.token == ETHER else f"of {self._subject.tokens[account.token]} in its smallest unit"
        sentence = f"{abs(amount)} {what} went {way} of" if way == "out" else f"{amount} {what} came into"
        sentence += f" the {account.whose} {account.owner}, and no transaction of ours explains it"
        match account.whose, way:
            case "operator", "out":
                self.breakers.trip("balance_unexplained", sentence)
            case "treasury", "out" if self._settings.watch_treasury:
                self.breakers.trip("treasury_unexplained", sentence)
            case _:
                # Anybody can send anything to anyone, and only the owner can sweep the executor.
                alert(Severity.TICKET, "balance_changed", sentence)

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
