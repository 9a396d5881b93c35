"""
From an opportunity to a transaction in flight: fund, plan, simulate, sign, write down, send.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts, Settings
from keeper.errors import PlanError, RpcError
from keeper.execution.nonces import NonceManager
from keeper.execution.signer import Signer, Unsigned
from keeper.execution.submission import Submission
from keeper.execution.transactions import Transactions
from keeper.gas import GasPrices, l1_fee_wei, l1_gas
from keeper.journal import SignedTransaction
from keeper.market import Market
from keeper.opportunity import Opportunity
from keeper.plan import Plan, encode
from keeper.planning import plan_route
from keeper.types import Address, Block

Stage = Callable[[str], AbstractContextManager[None]]

#: How many times the base fee may grow before a signed transaction is stranded.
_BASE_FEE_ROOM = 2

#: Stands for the rest of a signed transaction while there is none: bytes that do not compress.
_ENVELOPE = bytes((index * 167 + 13) % 256 for index in range(120))


class Trader:
    """
    Trades one opportunity at a time with one operator's key.
    """

    def __init__(
        self,
        rpc: Rpc,
        settings: Settings,
        facts: ChainFacts,
        executor: Address,
        profit_tokens: tuple[Address, ...],
        signer: Signer,
        nonces: NonceManager,
        transactions: Transactions,
    ) -> None:
        """
        Args:
            profit_tokens: The executor's own list, in its order.
        """
        self._rpc = rpc
        self._settings = settings
        self._chain_id = facts.chain_id
        self._executor = executor
        self._profit_tokens = profit_tokens
        self._signer = signer
        self._nonces = nonces
        self._transactions = transactions

    async def trade(
        self,
        opportunity: Opportunity,
        market: Market,
        prices: GasPrices,
        stage: Stage,
    ) -> str:
        """
        Send the opportunity with the first funding that its simulation bears out.

        Returns:
            ``sent``, or why it was not: a word or two, and after a colon what was seen.
        """
        block = market.head
        if block.base_fee_wei > self._settings.max_base_fee_wei:
            return "base fee above cap"
        refusal = "no funding"
        for funding in (opportunity.funding, *opportunity.fallbacks):
            deadline = block.timestamp + self._settings.deadline_seconds
            min_gain = self._min_gain(opportunity)
            with stage("plan"):
                first = market.pool(opportunity.pools[0])
                try:
                    route = plan_route(opportunity, first, market.infos, funding, min_gain)
                    calldata = encode(Plan((route,), deadline, self._profit_tokens))
                except PlanError as error:
                    return f"no plan: {error}"
            with stage("simulate"):
                gas, refusal = await self._simulate(calldata)
            if not gas:
                continue
            l1_wei = l1_fee_wei(calldata + _ENVELOPE, prices)
            cost_wei = gas * prices.gas_price_wei + l1_wei
            if opportunity.worth_wei - cost_wei < max(self._settings.min_profit_wei, 1):
                refusal = "not worth its gas"
                continue
            if self._settings.dry_run:
                return "dry run"
            with stage("sign"):
                signed = self._sign(opportunity, funding, calldata, gas, l1_wei, min_gain, deadline, block, prices)
            with stage("send"):
                submission = await self._transactions.send(signed)
            return "sent" if submission is not Submission.REFUSED else "refused by the node"
        return refusal

    def _min_gain(self, opportunity: Opportunity) -> int:
        """What the contract insists on: a share of the exact prediction, and never less than what pays the gas."""
        share = int(opportunity.gain * self._settings.min_gain_share)
        return min(max(share, opportunity.break_even_gain(opportunity.gas_cost_wei)), opportunity.gain)

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
        return int(gas, 16), ""

    def _sign(
        self,
        opportunity: Opportunity,
        funding: str,
        calldata: bytes,
        gas: int,
        l1_wei: int,
        min_gain: int,
        deadline: int,
        block: Block,
        prices: GasPrices,
    ) -> SignedTransaction:
        # State may move a little before execution, and so may the price of L1 data; what is not used is not paid.
        gas_limit = gas * 5 // 4 + l1_gas(l1_wei, prices) * 13 // 10
        max_fee_wei = min(prices.base_fee_wei * _BASE_FEE_ROOM + prices.tip_wei, self._settings.max_base_fee_wei)
        nonce = self._nonces.next
        raw, transaction_hash = self._signer.sign(
            Unsigned(self._chain_id, nonce, self._executor, calldata, gas_limit, max_fee_wei, prices.tip_wei)
        )
        return SignedTransaction(
            sender=self._signer.address,
            nonce=nonce,
            hash=transaction_hash,
            raw=raw,
            block_number=block.number,
            deadline=deadline,
            pools=opportunity.pools,
            token=opportunity.token,
            funding=funding,
            amount_in=opportunity.route.amounts[0],
            predicted_gain=opportunity.gain,
            min_gain=min_gain,
            predicted_profit_wei=opportunity.profit_wei,
            gas_limit=gas_limit,
            max_fee_wei=max_fee_wei,
            sibling_of=self._transactions.last_of_nonce(nonce),
        )
