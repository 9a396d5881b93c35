"""
From planned routes to a transaction in flight: simulate, sign, write down, send.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace

from keeper.bundling import Bundle
from keeper.config import ChainFacts, Settings
from keeper.errors import PolicyError, SignerError
from keeper.execution.answers import Submission
from keeper.execution.operators import Operator, Operators
from keeper.execution.simulation import Simulator
from keeper.execution.wire import Unsigned, as_posted
from keeper.gas import GasPrices, gas_limit, l1_fee_wei, max_fee_wei
from keeper.journal import PlannedRoute, SignedTransaction
from keeper.types import Address, Block

Stage = Callable[[str], AbstractContextManager[None]]


class Trader:
    """
    Sends one transaction after the other, with whichever operator's key is free.
    """

    def __init__(
        self,
        simulator: Simulator,
        settings: Settings,
        facts: ChainFacts,
        executor: Address,
        operators: Operators,
        may_send: Callable[[], bool],
    ) -> None:
        """
        Args:
            simulator: Executes the bytes before they are signed.
            may_send: Whether anything may be signed and sent now.
        """
        self._simulator = simulator
        self._settings = settings
        self._chain_id = facts.chain_id
        self._executor = executor
        self._operators = operators
        self._may_send = may_send

    async def trade(
        self, variants: Iterable[Bundle], block: Block, prices: GasPrices, stage: Stage
    ) -> tuple[str, Bundle | None]:
        """
        Send the first of the variants, the same routes funded one way after another, that its simulation bears out.

        Returns:
            ``sent``, or why it was not: a word or two, and after a colon what was seen; and the last that was tried.
        """
        if block.base_fee_wei > self._settings.max_base_fee_wei:
            return "base fee above cap", None
        if prices.l1_wei_per_unit > self._settings.max_l1_wei_per_unit:
            return "L1 price above cap", None
        if (operator := self._operators.ready(block)) is None and not self._settings.dry_run:
            return "no key is free", None
        refusal, bundle = "no funding", None
        for bundle in variants:
            if not self._operators.pools_in_flight.isdisjoint(bundle.pools):
                return "its pools are under way", bundle
            with stage("simulate"):
                sender = (operator or self._operators.first).address
                gas, refusal = await self._simulator.run(bundle.calldata, sender)
            if not gas:
                continue
            unsigned = self._unsigned(operator or self._operators.first, bundle, prices, gas)
            bundle = bundle.at(gas, l1_fee_wei(as_posted(unsigned), prices), prices)
            if bundle.profit_wei < max(self._settings.min_profit_wei, 1):
                refusal = "not worth its gas"
                continue
            if operator is None or self._settings.dry_run:
                return "dry run", bundle
            return await self._send(operator, bundle, block, prices, stage), bundle
        return refusal, bundle

    async def _send(self, operator: Operator, bundle: Bundle, block: Block, prices: GasPrices, stage: Stage) -> str:
        if not self._may_send():
            return "not live"
        with stage("sign"):
            try:
                signed = await self._sign(operator, bundle, block, prices)
            except (SignerError, PolicyError) as error:
                return f"not signed: {error}"
        # Nothing is awaited between here and the bytes' leaving.
        if self._operators.silent:
            return "told to stop"
        if not self._may_send():
            return "not live"
        with stage("send"):
            submission = await operator.transactions.send(signed)
        match submission:
            case Submission.REFUSED:
                return "refused by the node"
            case _:
                return "sent"

    async def _sign(self, operator: Operator, bundle: Bundle, block: Block, prices: GasPrices) -> SignedTransaction:
        unsigned = self._unsigned(operator, bundle, prices, bundle.gas)
        siblings = operator.transactions.siblings(unsigned.nonce)
        # One unit more for each sibling: no two of them have the same bytes.
        limit = unsigned.gas_limit + len(siblings)
        cap_wei = self._settings.max_base_fee_wei
        fee_wei = operator.transactions.fee_cap_wei(siblings, prices, bundle.tip_wei, cap_wei)
        raw, transaction_hash = await operator.sign(
            replace(unsigned, gas_limit=limit, max_fee_wei=fee_wei), block.number
        )
        return SignedTransaction(
            sender=operator.address,
            nonce=unsigned.nonce,
            hash=transaction_hash,
            raw=raw,
            block_number=block.number,
            deadline=bundle.deadline,
            routes=planned_routes(bundle),
            predicted=bundle.gains,
            predicted_profit_wei=bundle.profit_wei,
            gas_limit=limit,
            max_fee_wei=fee_wei,
            sibling_of=siblings[-1].id if siblings else None,
            bid_wei=bundle.outlay.bid_wei,
        )

    def _unsigned(self, operator: Operator, bundle: Bundle, prices: GasPrices, gas: int) -> Unsigned:
        """What would be signed if its nonce were signed for the first time, and took so much L2 gas."""
        limit = gas_limit(gas, bundle.outlay.l1_wei, prices)
        fee_wei = max_fee_wei(prices, bundle.tip_wei, self._settings.max_base_fee_wei)
        return Unsigned(
            self._chain_id, operator.next_nonce, self._executor, bundle.calldata, limit, fee_wei, bundle.tip_wei
        )


def planned_routes(bundle: Bundle) -> tuple[PlannedRoute, ...]:
    """
    Return the routes as the journal keeps them.
    """
    return tuple(
        PlannedRoute(
            tuple(edge.pool for edge in leg.route.edges),
            leg.token,
            leg.offer.lender,
            leg.route.amounts[0],
            leg.route.gain,
            leg.min_gain,
        )
        for leg in bundle.legs
    )
