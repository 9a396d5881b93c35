"""
From planned routes to a transaction in flight: simulate, sign, write down, send.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from keeper.bundling import Bundle
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts, Settings
from keeper.errors import RpcError, SignerError
from keeper.execution.answers import Submission
from keeper.execution.operators import Operator, Operators
from keeper.execution.wire import Unsigned
from keeper.gas import GasPrices, l1_gas
from keeper.journal import PlannedRoute, SignedTransaction
from keeper.types import Address, Block

Stage = Callable[[str], AbstractContextManager[None]]

#: How many times the base fee may grow before a signed transaction is stranded.
_BASE_FEE_ROOM = 2


class Trader:
    """
    Sends one transaction after the other, with whichever operator's key is free.
    """

    def __init__(
        self,
        rpc: Rpc,
        settings: Settings,
        facts: ChainFacts,
        executor: Address,
        operators: Operators,
    ) -> None:
        self._rpc = rpc
        self._settings = settings
        self._chain_id = facts.chain_id
        self._executor = executor
        self._operators = operators

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
        if (operator := self._operators.ready(block)) is None and not self._settings.dry_run:
            return "no key is free", None
        refusal, bundle = "no funding", None
        for bundle in variants:
            if not self._operators.pools_in_flight.isdisjoint(bundle.pools):
                return "its pools are under way", bundle
            with stage("simulate"):
                gas, refusal = await self._simulate(bundle.calldata, (operator or self._operators.first).address)
            if not gas:
                continue
            bundle = bundle.at(gas, prices)
            if bundle.profit_wei < max(self._settings.min_profit_wei, 1):
                refusal = "not worth its gas"
                continue
            if operator is None or self._settings.dry_run:
                return "dry run", bundle
            return await self._send(operator, bundle, block, prices, stage), bundle
        return refusal, bundle

    async def _send(self, operator: Operator, bundle: Bundle, block: Block, prices: GasPrices, stage: Stage) -> str:
        with stage("sign"):
            try:
                signed = await self._sign(operator, bundle, block, prices)
            except SignerError as error:
                return f"not signed: {error}"
        if self._operators.silent:
            return "told to stop"
        with stage("send"):
            submission = await operator.transactions.send(signed)
        match submission:
            case Submission.REFUSED:
                return "refused by the node"
            case _:
                return "sent"

    async def _simulate(self, calldata: bytes, operator: Address) -> tuple[int, str]:
        """
        Execute these very bytes on the pending state; return the gas they take, or 0 and why they fail.
        """
        request = {"from": operator, "to": self._executor, "data": "0x" + calldata.hex()}
        try:
            _, gas = await asyncio.gather(
                self._rpc("eth_call", request, "pending"), self._rpc("eth_estimateGas", request, "pending")
            )
        except RpcError as error:
            if error.data is None and error.code is None:
                raise
            return 0, f"simulation failed: {error}"
        return int(gas, 16), ""

    async def _sign(self, operator: Operator, bundle: Bundle, block: Block, prices: GasPrices) -> SignedTransaction:
        nonce = operator.next_nonce
        siblings = operator.transactions.siblings(nonce)
        # State may move a little before execution, and so may the price of L1 data; what is not used is not paid. One
        # unit more for each sibling: no two of them have the same bytes.
        gas_limit = bundle.gas * 5 // 4 + l1_gas(bundle.outlay.l1_wei, prices) * 13 // 10 + len(siblings)
        max_fee_wei = prices.base_fee_wei * _BASE_FEE_ROOM + prices.tip_wei
        max_fee_wei = max(max_fee_wei, operator.transactions.replacing_fee_wei(siblings))
        max_fee_wei = min(max_fee_wei, self._settings.max_base_fee_wei)
        raw, transaction_hash = await operator.sign(
            Unsigned(self._chain_id, nonce, self._executor, bundle.calldata, gas_limit, max_fee_wei, prices.tip_wei),
            block.number,
        )
        return SignedTransaction(
            sender=operator.address,
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
            sibling_of=siblings[-1].id if siblings else None,
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
