"""
The life of the keeper's transactions, from their signing until their fate is known.

Each step is written to the journal before it is taken. One transaction is under way at a time: the next one is signed
when the chain has told what became of it, so no two can be in flight for one nonce unless one of them is its sibling.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keeper.chain.answers import fields, quantity
from keeper.chain.rpc import Rpc
from keeper.errors import ChainError, NonceError
from keeper.execution.nonces import NonceManager
from keeper.execution.submission import Submission, send
from keeper.journal import Amounts, Entry, Journal, SignedTransaction, State
from keeper.types import Address, Block, Hash

#: Whether a block, given by hash and number, is the head or one of its ancestors.
IsCanonical = Callable[[Hash, int], Awaitable[bool]]

#: How many included transactions are watched for their blocks' leaving the chain.
_REMEMBERED = 256

_TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became of a transaction.

    Attributes:
        state: INCLUDED, REVERTED or DROPPED.
        gains: What the treasury received of each token that the transaction was to gain, in smallest units.
        gas_wei: What was paid for it, all of it.
        position: Block number and index in the block.
    """

    transaction: SignedTransaction
    state: State
    gains: Amounts = ()
    gas_wei: int = 0
    position: tuple[int, int] = (0, 0)

    @property
    def as_predicted(self) -> bool:
        """Whether it brought what it was to bring, to the smallest unit."""
        return self.gains == self.transaction.predicted


class Transactions:
    """
    Sends one operator's transactions and follows them.

    Attributes:
        in_flight: Journal entries whose fate is not known.
    """

    def __init__(
        self,
        rpc: Rpc,
        journal: Journal,
        nonces: NonceManager,
        executor: Address,
        treasury: Address,
        patience_blocks: int,
    ) -> None:
        self._rpc = rpc
        self._journal = journal
        self._nonces = nonces
        self._executor = executor
        self._treasury = treasury
        self._patience_blocks = patience_blocks
        #: Block number, block hash and journal entry of what was included lately, by journal id.
        self._included: dict[int, tuple[int, Hash, Entry]] = {}
        self.in_flight: list[Entry] = journal.open_entries(nonces.sender)

    async def send(self, transaction: SignedTransaction) -> Submission:
        """
        Write the transaction down, then send it.
        """
        entry_id = self._journal.signed(transaction)
        self.in_flight.append(Entry(entry_id, 0, transaction, State.SIGNED, {}))
        return await self._submit(self.in_flight[-1])

    async def settle_late(self, is_canonical: IsCanonical) -> None:
        """
        Book what was given up and yet included while nobody looked: their nonces are used on chain.
        """
        sender = self._nonces.sender
        for nonce in range(self._journal.next_nonce(sender) or self._nonces.next, self._nonces.next):
            for entry in self._journal.of_nonce(sender, nonce):
                if entry.state is State.DROPPED:
                    await self._settled(entry, is_canonical)

    async def follow(self, head: Block, is_canonical: IsCanonical) -> list[Outcome]:
        """
        Ask what became of what is in flight, as of *head*, and return what is known now.

        Raises:
            NonceError: The nonce of one was used by a transaction that the journal does not know.
        """
        outcomes: list[Outcome] = []
        for entry in list(self.in_flight):
            if known := await self._look(entry, head, is_canonical):
                self.in_flight.remove(entry)
                outcomes += known
        return outcomes

    def last_of_nonce(self, nonce: int) -> int | None:
        """The journal id of the last transaction that was signed for a nonce, or None if there is none."""
        earlier = self._journal.of_nonce(self._nonces.sender, nonce)
        return earlier[-1].id if earlier else None

    def unwound(self, head: Block) -> list[Hash]:
        """
        Look again for what was in a block above *head*, and return the hashes of those transactions.
        """
        gone = [entry_id for entry_id, (number, _, _) in self._included.items() if number > head.number]
        return [self._look_again(entry_id) for entry_id in gone]

    async def recheck(self, is_canonical: IsCanonical) -> list[Hash]:
        """
        Look again for what is in a block that is no longer part of the chain; return as ``unwound`` does.
        """
        included = list(self._included.items())
        gone = [entry_id for entry_id, (number, at, _) in included if not await is_canonical(at, number)]
        return [self._look_again(entry_id) for entry_id in gone]

    def _look_again(self, entry_id: int) -> Hash:
        number, _, entry = self._included.pop(entry_id)
        self._journal.step(entry_id, State.REORGED, block_number=number)
        self._nonces.returned(entry.transaction.nonce)
        self.in_flight.append(entry)
        return entry.transaction.hash

    async def _submit(self, entry: Entry) -> Submission:
        submission, words = await send(self._rpc, entry.transaction.raw)
        match submission:
            case Submission.ACCEPTED:
                self._journal.step(entry.id, State.SENT)
            case Submission.REFUSED:
                self._journal.step(entry.id, State.DROPPED, reason=words)
                self.in_flight.remove(entry)
            case Submission.UNKNOWN:
                self._journal.step(entry.id, State.SIGNED, reason=words)
        return submission

    async def _look(self, entry: Entry, head: Block, is_canonical: IsCanonical) -> list[Outcome]:
        """What is known of the entry, and of siblings that turn out to have used its nonce; empty if nothing is yet."""
        if (outcome := await self._settled(entry, is_canonical)) is not None:
            return [outcome]
        if head.number - entry.transaction.block_number < 2:
            return []
        if await self._nonce() > entry.transaction.nonce:
            return await self._overtaken(entry, head, is_canonical)
        return await self._unseen(entry, head)

    async def _settled(self, entry: Entry, is_canonical: IsCanonical) -> Outcome | None:
        receipt = await self._rpc("eth_getTransactionReceipt", entry.transaction.hash)
        if receipt is None:
            return None
        told = fields(receipt, f"receipt of {entry.transaction.hash}")
        number = quantity(told.get("blockNumber"), "receipt's block")
        if not await is_canonical(Hash(str(told.get("blockHash"))), number):
            return None
        return self._settle(entry, receipt)

    async def _unseen(self, entry: Entry, head: Block) -> list[Outcome]:
        """
        In no block, its nonce unused: wait until it has expired.

        It is not sent again: by now others have had the opportunity, and a late arrival pays for its failure.
        """
        known = await self._rpc("eth_getTransactionByHash", entry.transaction.hash) is not None
        expired = head.timestamp > entry.transaction.deadline
        if expired and (not known or head.number - entry.transaction.block_number > self._patience_blocks):
            return [self._drop(entry, "expired in no block")]
        return []

    async def _overtaken(self, entry: Entry, head: Block, is_canonical: IsCanonical) -> list[Outcome]:
        """Its nonce is used: by a sibling of ours, given up perhaps, or by somebody who must not have the key."""
        transaction = entry.transaction
        for sibling in self._journal.of_nonce(transaction.sender, transaction.nonce):
            if sibling.state in (State.INCLUDED, State.REVERTED):
                return [self._drop(entry, "a sibling was included")]
            if sibling.id != entry.id and (outcome := await self._settled(sibling, is_canonical)) is not None:
                return [outcome, self._drop(entry, "a sibling was included")]
        if head.number - transaction.block_number <= self._patience_blocks:
            return []  # its receipt may only be late
        raise NonceError(
            f"nonce {transaction.nonce} of operator {transaction.sender} was used by a transaction that is not in the"
            " journal: the key leaked, or another process uses it"
        )

    def _drop(self, entry: Entry, reason: str) -> Outcome:
        self._journal.step(entry.id, State.DROPPED, reason=reason)
        return Outcome(entry.transaction, State.DROPPED)

    def _settle(self, entry: Entry, receipt: Mapping[str, Any]) -> Outcome:
        outcome = self._outcome(entry.transaction, receipt)
        self._journal.step(
            entry.id,
            outcome.state,
            block_number=outcome.position[0],
            block_hash=receipt["blockHash"],
            transaction_index=outcome.position[1],
            gas_used=int(receipt["gasUsed"], 16),
            gas_wei=outcome.gas_wei,
            gains={token: str(gain) for token, gain in outcome.gains},
        )
        self._nonces.used(entry.transaction.nonce)
        self._included[entry.id] = (outcome.position[0], Hash(receipt["blockHash"]), entry)
        if len(self._included) > _REMEMBERED:
            del self._included[next(iter(self._included))]
        return outcome

    def _outcome(self, transaction: SignedTransaction, receipt: Mapping[str, Any]) -> Outcome:
        try:
            return Outcome(
                transaction,
                State.INCLUDED if int(receipt["status"], 16) == 1 else State.REVERTED,
                gains=tuple(
                    (token, _received(receipt["logs"], token, self._executor, self._treasury))
                    for token, _ in transaction.predicted
                ),
                gas_wei=int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16),
                position=(int(receipt["blockNumber"], 16), int(receipt["transactionIndex"], 16)),
            )
        except (KeyError, TypeError, ValueError):
            raise ChainError(f"the node's receipt of {transaction.hash} is malformed") from None

    async def _nonce(self) -> int:
        return quantity(await self._rpc("eth_getTransactionCount", self._nonces.sender, "latest"), "nonce")


def _received(logs: list[Mapping[str, Any]], token: Address, sender: Address, receiver: Address) -> int:
    """What *receiver* got of *token* from *sender* according to the transaction's logs, in smallest units."""
    wanted = [_TRANSFER, _topic(sender), _topic(receiver)]
    return sum(int(log["data"], 16) for log in logs if log["address"].lower() == token and log["topics"] == wanted)


def _topic(address: Address) -> str:
    return "0x" + address[2:].rjust(64, "0")
