"""
What was decided, and what became of what was sent.
"""

from collections import deque
from collections.abc import Iterable, Sequence

import structlog

from keeper.bundling import Bundle
from keeper.chain.bloom import Log
from keeper.config import ChainFacts
from keeper.errors import PlanError
from keeper.events import Event, speakers
from keeper.execution.receipts import Outcome
from keeper.execution.trader import planned_routes
from keeper.journal import Decision, Journal, PlannedRoute, State
from keeper.monitor.report import Booking, Decided, Report
from keeper.monitor.table import Screen, shown
from keeper.opportunity import Opportunity
from keeper.races import Races
from keeper.routes.graph import Edge
from keeper.types import Address, Block, Hash
from keeper.upkeep import Upkeep
from keeper.valuation import Valuation

_log = structlog.get_logger("keeper")

#: Blocks of which it is known who spoke in them: no transaction is in flight for longer.
_HEARD_BLOCKS = 64


class Books:
    """
    Attributes:
        races: What was bid, what came of it, and who bids next.
    """

    def __init__(
        self,
        facts: ChainFacts,
        profit_tokens: Sequence[Address],
        races: Races,
        upkeep: Upkeep,
        journal: Journal,
        report: Report,
        screen: Screen,
    ) -> None:
        self.races = races
        self._facts, self._profit_tokens = facts, profit_tokens
        self._upkeep, self._journal, self._report, self._screen = upkeep, journal, report, screen
        self._movements: deque[tuple[int, frozenset[tuple[Address, int]]]] = deque(maxlen=_HEARD_BLOCKS)
        self._unheard: tuple[Block, Sequence[Log], Sequence[Event]] | None = None

    @property
    def symbols(self) -> dict[Address, str]:
        """Of the profit tokens."""
        return {token: self._symbol(token) for token in self._profit_tokens}

    # ---------------------------------------------------------------- what was decided

    def decided(self, bundle: Bundle, block: Block, outcome: str, predicted_wei: int) -> None:
        """
        Enter what was tried and what the trader said of it.

        Args:
            predicted_wei: What it was to earn before it was simulated.
        """
        outlay = bundle.outlay
        known = (self._upkeep.market.peek(address) for address in bundle.pools)
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

    def refused(self, opportunity: Opportunity, block: Block, error: PlanError) -> None:
        """
        Enter an opportunity that the executor cannot run.
        """
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

    # ---------------------------------------------------------------- what became of it

    def hear(self, block: Block, logs: Sequence[Log], events: Sequence[Event]) -> None:
        """
        Take note of a block, to find out by ``listen`` which pools spoke in it, and in which transaction.

        Args:
            events: Of these logs.
        """
        self.listen()
        self._unheard = block, logs, events

    def listen(self) -> None:
        """
        Find out who spoke in the last block. Only what is in flight needs to know: it can wait until after trading.
        """
        if self._unheard is not None:
            block, logs, events = self._unheard
            self._movements.append((block.number, speakers(logs, events)))
            self._unheard = None

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
            tokens = [token for token, _ in (*outcome.gains, *outcome.transaction.predicted)]
            symbols = {token: self._symbol(token) for token in tokens}
            booked.append(self._report.book(outcome, symbols, worth_wei, touched))
            if outcome.state is State.SOFT and not touched and not outcome.as_predicted:
                self._upkeep.misled(outcome.transaction.pools)
            self._screen.tell(self._news_of(outcome, worth_wei))
            _log.info(
                "transaction_settled",
                state=str(outcome.state),
                hash=outcome.transaction.hash,
                block=outcome.position[0],
                routes=len(outcome.transaction.routes),
                gains={symbols[token]: gain for token, gain in outcome.gains},
                predicted={symbols[token]: gain for token, gain in outcome.transaction.predicted},
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
        valuation = Valuation(self._upkeep.market, Address(self._facts.weth))
        return {token: valuation.in_eth(token, gain) or 0 for token, gain in outcome.gains}

    def _touched(self, outcome: Outcome) -> bool:
        """
        Whether another transaction moved a pool of the routes between the plan and this transaction, or may have
        in a block that the keeper did not see.
        """
        self.listen()
        pools, (number, index) = set(outcome.transaction.pools), outcome.position
        heard = {block for block, _ in self._movements}
        return not heard.issuperset(range(outcome.transaction.block_number + 1, number + 1)) or any(
            pool in pools and (block < number or position < index)
            for block, moved in self._movements
            if outcome.transaction.block_number < block <= number
            for pool, position in moved
        )

    def _symbol(self, token: Address) -> str:
        """A token's symbol; of one that an earlier life traded in and the chain's facts do not name, its address."""
        known = self._facts.token_by_address.get(token)
        return known.symbol if known is not None else token

    def _news_of(self, outcome: Outcome, worth_wei: int) -> str:
        if outcome.filled_a_gap:
            return f"{outcome.state}: filled the gap at nonce {outcome.transaction.nonce}"
        profit = (worth_wei - outcome.gas_wei) / 10**18
        if outcome.state is not State.SOFT:
            return f"{outcome.state}: nonce {outcome.transaction.nonce}, net {profit:.6f} ETH"
        known = self._facts.token_by_address
        gained = " and ".join(
            f"{shown(gain, known[token].decimals if token in known else 0)} {self._symbol(token)}"
            for token, gain in outcome.gains
        )
        routes = len(outcome.transaction.routes)
        by = f" by {routes} routes" if routes > 1 else ""
        return f"block {outcome.position[0]}: net {profit:.6f} ETH{by}, gained {gained}"


def _path(edges: Sequence[Edge]) -> tuple[Address, ...]:
    """The tokens that a route leads through, the last one included."""
    return (*(edge.token_in for edge in edges), edges[-1].token_out)
