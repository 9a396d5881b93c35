"""
From planned routes to a transaction in flight: simulate, sign, write down, send.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from keeper.bundling import Bundle
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts, Settings
from keeper.execution.nonces import NonceManager
from keeper.execution.signer import Signer, Unsigned
from keeper.execution.simulation import Simulator
from keeper.execution.submission import Submission
from keeper.execution.transactions import Transactions
from keeper.gas import GasPrices, gas_limit, max_fee_wei
from keeper.journal import PlannedRoute, SignedTransaction
from keeper.types import Address, Block

Stage = Callable[[str], AbstractContextManager[None]]


class Trader:
    """
    Sends one transaction at a time with one operator's key.

    Attributes:
        simulator: Executes the bytes before they are signed.
    """

    def __init__(
        self,
        rpc: Rpc,
        settings: Settings,
        facts: ChainFacts,
        executor: Address,
        signer: Signer,
        nonces: NonceManager,
        transactions: Transactions,
    ) -> None:
        self._settings = settings
        self._chain_id = facts.chain_id
        self._executor = executor
        self._signer = signer
        self._nonces = nonces
        self._transactions = transactions
        self.simulator = Simulator(rpc, signer.address, executor, Address(facts.node_interface))

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
        refusal, bundle = "no funding", None
        for bundle in variants:
            with stage("simulate"):
                gas, refusal = await self.simulator.run(bundle.calldata)
            if not gas:
                continue
            bundle = bundle.at(gas, prices)
            if bundle.profit_wei < max(self._settings.min_profit_wei, 1):
                refusal = "not worth its gas"
                continue
            if self._settings.dry_run:
                return "dry run", bundle
            with stage("sign"):
                signed = self._sign(bundle, block, prices)
            with stage("send"):
                submission = await self._transactions.send(signed)
            return "sent" if submission is not Submission.REFUSED else "refused by the node", bundle
        return refusal, bundle

    def _sign(self, bundle: Bundle, block: Block, prices: GasPrices) -> SignedTransaction:
        limit = gas_limit(bundle.gas, bundle.outlay.l1_wei, prices)
        fee_wei = max_fee_wei(prices, bundle.tip_wei, self._settings.max_base_fee_wei)
        nonce = self._nonces.next
        raw, transaction_hash = self._signer.sign(
            Unsigned(self._chain_id, nonce, self._executor, bundle.calldata, limit, fee_wei, bundle.tip_wei)
        )
        return SignedTransaction(
            sender=self._signer.address,
            nonce=nonce,
            hash=transaction_hash,
            raw=raw,
            block_number=block.number,
            deadline=bundle.deadline,
            routes=planned_routes(bundle),
            predicted=bundle.gains,
            predicted_profit_wei=bundle.profit_wei,
            gas_limit=limit,
            max_fee_wei=fee_wei,
            sibling_of=self._transactions.last_of_nonce(nonce),
            bid_wei=bundle.outlay.bid_wei,
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
