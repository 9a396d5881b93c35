"""
From planned routes to a transaction in flight: simulate, sign, write down, send.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from keeper.bundling import Bundle
from keeper.chain.answers import quantity
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts, Settings
from keeper.errors import RpcError
from keeper.execution.nonces import NonceManager
from keeper.execution.signer import Signer, Unsigned
from keeper.execution.submission import Submission
from keeper.execution.transactions import Transactions
from keeper.gas import GasPrices, l1_gas
from keeper.journal import PlannedRoute, SignedTransaction
from keeper.types import Address, Block

Stage = Callable[[str], AbstractContextManager[None]]

#: How many times the base fee may grow before a signed transaction is stranded.
_BASE_FEE_ROOM = 2


class Trader:
    """
    Sends one transaction at a time with one operator's key.
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
        self._rpc = rpc
        self._settings = settings
        self._chain_id = facts.chain_id
        self._executor = executor
        self._signer = signer
        self._nonces = nonces
        self._transactions = transactions

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
        refusal, bundle = "no funding", None
        for bundle in variants:
            with stage("simulate"):
                gas, refusal = await self._simulate(bundle.calldata)
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

    async def _simulate(self, calldata: bytes) -> tuple[int, str]:
        """
        Execute these very bytes on the pending state; return the gas they take, or 0 and why they fail.
        """
        request = {"from": self._signer.address, "to": self._executor, "data": "0x" + calldata.hex()}
        try:
            _, gas = await asyncio.gather(
                self._rpc("eth_call", request, "pending"), self._rpc("eth_estimateGas", request, "pending")
            )
        except RpcError as error:
            if error.data is None and error.code is None:
                raise
            return 0, f"simulation failed: {error}"
        return quantity(gas, "estimate of gas"), ""

    def _sign(self, bundle: Bundle, block: Block, prices: GasPrices) -> SignedTransaction:
        # State may move a little before execution, and so may the price of L1 data; what is not used is not paid.
        gas_limit = bundle.gas * 5 // 4 + l1_gas(bundle.outlay.l1_wei, prices) * 13 // 10
        max_fee_wei = min(prices.base_fee_wei * _BASE_FEE_ROOM + prices.tip_wei, self._settings.max_base_fee_wei)
        nonce = self._nonces.next
        raw, transaction_hash = self._signer.sign(
            Unsigned(self._chain_id, nonce, self._executor, bundle.calldata, gas_limit, max_fee_wei, prices.tip_wei)
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
            gas_limit=gas_limit,
            max_fee_wei=max_fee_wei,
            sibling_of=self._transactions.last_of_nonce(nonce),
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
