"""
Who holds what: gas for the operators, what the executor says of itself, and balances that change for no known reason.
"""

from collections.abc import Iterable, Mapping, Sequence

from keeper.abi import answer, call
from keeper.chain.reader import Reader
from keeper.config import Settings
from keeper.execution.balances import ETHER, Account, Balances, Movement
from keeper.execution.breakers import Breakers
from keeper.execution.funder import Funder, TopUp
from keeper.execution.operation import OperatingState, Operation
from keeper.monitor.alerts import Severity, alert
from keeper.monitor.metrics import Metrics
from keeper.monitor.report import Booking
from keeper.types import Address, Block, Call, Hash
from keeper.watch.subject import Subject

#: What a transaction takes at worst, before any was signed.
_WORST_GAS = 3_000_000

#: Operators with less than so many times what a transaction takes at worst are sent gas.
_TOPPED_UP_BELOW = 4

#: How many times the base fee a transaction is ready to pay.
_BASE_FEE_ROOM = 2


class Accounts:
    """
    Attributes:
        balances_wei: What each operator had at the last look.
        worst_gas: The most that a transaction was allowed to take.
    """

    def __init__(
        self,
        reader: Reader,
        settings: Settings,
        subject: Subject,
        operation: Operation,
        breakers: Breakers,
        metrics: Metrics,
        funder: Funder | None,
    ) -> None:
        """
        Args:
            funder: Who pays for the operators' gas, if anybody does.
        """
        self._reader, self._settings, self._subject = reader, settings, subject
        self._operation, self._breakers, self._metrics, self._funder = operation, breakers, metrics, funder
        self._balances = Balances()
        self._base_fee_wei = 0
        self.balances_wei: dict[Address, int] = {}
        self.worst_gas = _WORST_GAS

    def booked(self, booking: Booking) -> None:
        """
        A transaction is in a block.
        """
        for movement in self._movements(booking):
            self._balances.moved(movement)

    def taken_back(self, cause: Hash) -> None:
        """
        Its block left the chain.
        """
        self._balances.taken_back(cause)

    def unwound(self, block_number: int) -> None:
        """
        The head went back to this block.
        """
        self._balances.unwound(block_number)

    def _movements(self, booking: Booking) -> Iterable[Movement]:
        outcome, treasury = booking.outcome, self._subject.deployment.treasury
        cause, number = outcome.transaction.hash, outcome.position[0]
        yield Movement(cause, number, Account("operator", outcome.transaction.sender, ETHER), -outcome.gas_wei)
        for token, gain in outcome.gains:
            yield Movement(cause, number, Account("treasury", treasury, token), gain)

    async def look(self, head: Block, quiet: bool) -> None:
        """
        Read all of it as of the head.

        Args:
            quiet: Whether nothing is in flight, so that every balance can be accounted for.

        Raises:
            ChainError: A node failed, or the executor answers what no executor does.
        """
        self._base_fee_wei = head.base_fee_wei
        subject, executor = self._subject, self._subject.deployment.executor
        held = self._watched()
        calls = [call(executor, "paused()"), call(executor, "operators()")]
        calls += [self._balance(account) for account in held]
        paused, operators, *balances = await self._reader.call(calls, head.hash)
        if answer("bool", paused, "executor.paused"):
            self._breakers.trip("executor_paused", f"executor {executor} was paused on chain")
        listed = answer("address[]", operators, "executor.operators")
        for operator in subject.operators:
            if operator not in listed:
                self._breakers.trip("operator_removed", f"{operator} is no operator of executor {executor} any more")
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

    def _watched(self) -> list[Account]:
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
        fee = min(_BASE_FEE_ROOM * self._base_fee_wei + self._settings.tip_wei, self._settings.max_base_fee_wei)
        return self.worst_gas * fee

    async def _look_at_operators(self, found: Mapping[Account, int], listed: Sequence[Address]) -> None:
        for account, balance in found.items():
            if account.whose == "operator":
                self.balances_wei[account.owner] = balance
                self._metrics.operator_balance.labels(account.owner).set(balance)
        self._breakers.operator_balance(min(self.balances_wei.values()), self.worst_wei)
        for operator, balance in self.balances_wei.items():
            if balance < _TOPPED_UP_BELOW * self.worst_wei and operator in listed:
                await self._top_up(operator)

    async def _top_up(self, operator: Address) -> None:
        """
        Have the funder send gas. It is no trade: a keeper that is paused for nothing but the want of it may do that.
        """
        state, pauses = self._operation.state, self._operation.pauses.keys()
        paused_for_gas = state is OperatingState.DEGRADED and pauses == {"operator_balance"}
        if self._funder is None or not (state is OperatingState.LIVE or paused_for_gas):
            return
        result = await self._funder.top_up(operator, self._base_fee_wei)
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
                self._breakers.trip("balance_unexplained", sentence)
            case "treasury", "out" if self._settings.watch_treasury:
                self._breakers.trip("treasury_unexplained", sentence)
            case _:
                # Anybody can send anything to anyone, and only the owner can sweep the executor.
                alert(Severity.TICKET, "balance_changed", sentence)
