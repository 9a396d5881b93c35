"""
All operator keys of a keeper: who may sign next, and what became of all that was signed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from keeper.chain.rpc import Rpc
from keeper.errors import PolicyError, RpcError, SignerError
from keeper.execution.included import IsCanonical
from keeper.execution.nonces import NonceManager
from keeper.execution.receipts import Outcome
from keeper.execution.signer import Signer
from keeper.execution.submission import Broadcast
from keeper.execution.transactions import Transactions
from keeper.execution.wire import Unsigned, as_posted
from keeper.gas import LEAST_GAS, GasPrices, gas_limit, l1_fee_wei
from keeper.journal import Entry, SignedTransaction
from keeper.types import Address, Block, Hash

_log = structlog.get_logger("operators")

#: It does nothing whenever it comes: it is offered until a block has it.
_NEVER = (1 << 31) - 1

#: How many times in a row a signer may fail before its key rests, and for how many blocks.
_FAILURES, _REST_BLOCKS = 3, 120

#: Between two looks at what moves slowly: the final block, and nonces where nothing is in flight.
_SLOW_BLOCKS = 20


@dataclass(slots=True)
class Operator:
    """
    One key. Without a signer it is one that was used before: what it sent is followed, and nothing else.

    Attributes:
        signed: How many times it signed.
        failures: How many times in a row its signer did not sign.
        rests_until: The block before which it is not asked.
    """

    address: Address
    signer: Signer | None
    nonces: NonceManager
    transactions: Transactions
    signed: int = 0
    failures: int = 0
    rests_until: int = 0

    def is_ready(self, block_number: int, pipeline: int) -> bool:
        """Whether it may sign at a block: nothing of it is uncertain, and it has not more in flight than it may."""
        flying = len(self.transactions.in_flight)
        rested = block_number >= self.rests_until
        return self.signer is not None and rested and flying < pipeline and self.transactions.is_certain

    @property
    def next_nonce(self) -> int:
        return self.nonces.free(self.transactions.nonces_in_flight)

    @property
    def gaps(self) -> list[int]:
        """Nonces that what is in flight waits for, and that nothing in flight has."""
        return self.nonces.gaps(self.transactions.nonces_in_flight)

    async def sign(self, transaction: Unsigned, block_number: int) -> tuple[bytes, Hash]:
        """
        Raises:
            SignerError: It was not signed. After three times in a row the key rests.
        """
        if self.signer is None:
            raise SignerError(f"nobody signs for {self.address} any more")
        try:
            signed = await self.signer.sign(transaction)
        except SignerError:
            self.failures += 1
            if self.failures >= _FAILURES:
                self.rests_until = block_number + _REST_BLOCKS
                _log.error("signer_failed", operator=self.address, failures=self.failures)
            raise
        self.failures = 0
        self.signed += 1
        return signed


@dataclass(frozen=True, slots=True)
class Caps:
    """
    Attributes:
        max_base_fee_wei: The highest base fee that anything is signed for.
        pipeline: How many transactions of one key may be in flight.
    """

    chain_id: int
    max_base_fee_wei: int
    pipeline: int = 1


class Operators:
    """
    Attributes:
        silent: Nothing is signed or sent, only followed: while the keeper stops, or must not trade.
        gaps_found: How many nonces were found that something in flight waited for and nothing had.
        gaps_filled: How many times one was filled with a transaction that does nothing.
    """

    def __init__(
        self, rpc: Rpc, broadcast: Broadcast, operators: Sequence[Operator], caps: Caps, silent: bool = False
    ) -> None:
        self._rpc = rpc
        self._broadcast = broadcast
        self._operators = tuple(operators)
        self._caps = caps
        self._looked_at = 0
        self._gaps: set[tuple[Address, int]] = set()
        #: What one key's transactions came to stays untold while a node fails over the next key's.
        self._untold: list[Outcome] = []
        self.silent = silent
        self.gaps_found = 0
        self.gaps_filled = 0

    def __iter__(self) -> Iterator[Operator]:
        return iter(self._operators)

    @property
    def disputed(self) -> set[Hash]:
        """Transactions of whose receipts the nodes tell differently."""
        return {disputed for operator in self._operators for disputed in operator.transactions.disputed}

    @property
    def first(self) -> Operator:
        return self._operators[0]

    @property
    def in_flight(self) -> list[Entry]:
        """What is in no block yet and may come into one, of all keys."""
        return [entry for operator in self._operators for entry in operator.transactions.in_flight]

    @property
    def pools_in_flight(self) -> frozenset[Address]:
        """Pools that something in flight trades with."""
        return frozenset(pool for entry in self.in_flight for pool in entry.transaction.pools)

    @property
    def signer_failures(self) -> int:
        """The longest row of failures to sign that goes on."""
        return max((operator.failures for operator in self._operators), default=0)

    @property
    def answers(self) -> Mapping[tuple[str, str], int]:
        """How often each endpoint gave each kind of answer to sent bytes."""
        return self._broadcast.answers

    def ready(self, block: Block) -> Operator | None:
        """
        Return the key that may sign and has least in flight, of several the one that signed least, or None if none may.
        """
        if self.silent:
            return None
        able = [operator for operator in self._operators if operator.is_ready(block.number, self._caps.pipeline)]
        return min(able, key=lambda one: (len(one.transactions.in_flight), one.signed), default=None)

    async def begin(self, is_canonical: IsCanonical) -> None:
        """
        Take up where the journal ended.

        Raises:
            NonceError: A key was used by somebody else meanwhile.
        """
        for operator in self._operators:
            await operator.transactions.begin(is_canonical)

    async def follow(self, head: Block, is_canonical: IsCanonical) -> list[Outcome]:
        """
        Ask what became of all that is in flight, as of *head*, and return what is known now.

        Raises:
            NonceError: A key's nonce was used by a transaction that the journal does not know.
            SubmissionError: A node answered for other bytes than those that were sent.
        """
        self._broadcast.check()
        for operator in self._operators:
            self._untold += await operator.transactions.follow(head, is_canonical, sending=not self.silent)
        if head.number - self._looked_at >= _SLOW_BLOCKS:
            self._looked_at = head.number
            for operator in self._operators:
                self._untold += await operator.transactions.audit(head, is_canonical)
            await self._finalise(is_canonical)
        told, self._untold = self._untold, []
        return told

    async def fill_gaps(self, block: Block, prices: GasPrices) -> None:
        """
        Send what does nothing for each nonce that something in flight waits for and nothing has.
        """
        gaps = {(operator.address, nonce) for operator in self._operators for nonce in operator.gaps}
        self.gaps_found += len(gaps - self._gaps)
        self._gaps = gaps
        if self.silent or block.base_fee_wei > self._caps.max_base_fee_wei:
            return
        for operator in self._operators:
            if operator.signer is None or block.number < operator.rests_until:
                continue
            for nonce in operator.gaps:
                try:
                    await operator.transactions.send(await self._nothing(operator, nonce, block, prices))
                except (SignerError, PolicyError) as error:
                    _log.warning("gap_left_open", operator=operator.address, nonce=nonce, reason=str(error))
                    break
                self.gaps_filled += 1
                _log.warning("gap_filled", operator=operator.address, nonce=nonce)

    def unwound(self, head: Block) -> list[Hash]:
        """
        Look again for what was in a block above *head*, and return the hashes of those transactions.
        """
        return [gone for operator in self._operators for gone in operator.transactions.unwound(head)]

    async def recheck(self, is_canonical: IsCanonical) -> list[Hash]:
        """
        Look again for what is in a block that is no longer part of the chain; return as ``unwound`` does.
        """
        gone: list[Hash] = []
        for operator in self._operators:
            gone += await operator.transactions.recheck(is_canonical)
        return gone

    async def _finalise(self, is_canonical: IsCanonical) -> None:
        try:
            header = await self._rpc("eth_getBlockByNumber", "finalized", False)
            number = int(header["number"], 16)
        except (RpcError, KeyError, TypeError, ValueError):
            return  # it does not say; what is final stays so until it does
        for operator in self._operators:
            await operator.transactions.finalise(number, is_canonical)

    async def _nothing(self, operator: Operator, nonce: int, block: Block, prices: GasPrices) -> SignedTransaction:
        """A transaction to the key's own account that does nothing but use the nonce."""
        siblings = operator.transactions.siblings(nonce)
        fee_wei = operator.transactions.fee_cap_wei(siblings, prices, prices.tip_wei, self._caps.max_base_fee_wei)
        unsigned = Unsigned(self._caps.chain_id, nonce, operator.address, b"", 2 * LEAST_GAS, fee_wei, prices.tip_wei)
        # One unit more for each sibling: no two of them have the same bytes.
        limit = gas_limit(LEAST_GAS, l1_fee_wei(as_posted(unsigned), prices), prices) + len(siblings)
        raw, transaction_hash = await operator.sign(replace(unsigned, gas_limit=limit), block.number)
        return SignedTransaction(
            sender=operator.address,
            nonce=nonce,
            hash=transaction_hash,
            raw=raw,
            block_number=block.number,
            deadline=_NEVER,
            routes=(),
            predicted=(),
            predicted_profit_wei=0,
            gas_limit=limit,
            max_fee_wei=fee_wei,
            sibling_of=siblings[-1].id if siblings else None,
        )
