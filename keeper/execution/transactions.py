"""
The life of one key's transactions, from their signing until their fate is known and final.

Each step is written to the journal before it is taken, and only steps that ``lifecycle`` knows are. What is sent again
is the same bytes; other bytes for a nonce are a sibling, and written down as one. What the keeper does not know it asks
the chain: for the receipt, then for the nonce, then for the bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keeper.chain.answers import quantity
from keeper.chain.rpc import Rpc
from keeper.errors import NonceError, SubmissionError
from keeper.execution.answers import Submission
from keeper.execution.included import Included, IsCanonical
from keeper.execution.lifecycle import require
from keeper.execution.nonces import NonceManager
from keeper.execution.payouts import Payouts
from keeper.execution.receipts import Outcome, Receipt, block_of, gist_of, outcome_of
from keeper.execution.submission import Broadcast, Verdict
from keeper.execution.wire import parse
from keeper.gas import GasPrices, max_fee_wei
from keeper.journal import IN_BLOCK, OPEN, Entry, Journal, SignedTransaction, State
from keeper.types import Address, Block, Hash

#: So many are noted as final at a time: the loop waits for it, and is back in a few seconds. So many of them are asked
#: for side by side: each request in flight has a connection of its own, which stays open for a while.
_FINAL_AT_ONCE, _SIDE_BY_SIDE = 32, 4

#: By then the first receipt is there, or something is the matter.
_FIRST_LOOK_BLOCKS = 2


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How long the chain is waited for.

    Attributes:
        blocks: What is in no block after so many is looked for elsewhere.
        rebroadcast_blocks: What no node knows after so many is sent again.
        unknown_seconds: What may have been taken is waited for so long after its deadline.
    """

    blocks: int
    rebroadcast_blocks: int = 4
    unknown_seconds: int = 12


class Transactions:
    """
    Sends one operator's transactions and follows them.

    Attributes:
        disputed: What would be final, and of whose receipts the nodes tell differently.
    """

    def __init__(
        self,
        rpc: Rpc,
        broadcast: Broadcast,
        journal: Journal,
        nonces: NonceManager,
        payouts: Payouts,
        patience: Patience,
        retired: bool = False,
    ) -> None:
        """
        Args:
            retired: Whether the key is not this keeper's any more: whoever has it may use it, and what was sent with it
                is followed all the same.
        """
        self._rpc = rpc
        self._broadcast = broadcast
        self._journal = journal
        self._nonces = nonces
        self._payouts = payouts
        self._patience = patience
        self._retired = retired
        self._included = Included.of(journal, nonces.sender)
        self._open = {entry.id: entry for entry in journal.open_entries(nonces.sender)}
        #: The block at which each was offered last.
        self._offered: dict[int, int] = {}
        self._drifted_at: int | None = None
        self._behind_at: int | None = None
        #: Outcomes that are in the journal and that nobody was told yet: a node may fail before all of a look is done.
        self._untold: list[Outcome] = []
        self.disputed: set[Hash] = set()

    @property
    def in_flight(self) -> list[Entry]:
        """What is in no block yet and may come into one."""
        return list(self._open.values())

    @property
    def nonces_in_flight(self) -> set[int]:
        return {entry.transaction.nonce for entry in self._open.values()}

    @property
    def is_certain(self) -> bool:
        """Whether of everything in flight it is known that a node took it, and every nonce on chain is explained."""
        return self._drifted_at is None and all(
            entry.state in (State.SENT, State.SEQUENCED) for entry in self._open.values()
        )

    async def begin(self, is_canonical: IsCanonical) -> None:
        """
        Take up where the journal ended.

        Raises:
            NonceError: The key was used by somebody else meanwhile.
        """
        for entry in self.in_flight:
            if entry.state is State.SIGNED:
                reason = "the keeper ended before it knew whether it was sent"
                self._step(entry, State.UNKNOWN, reason=reason, left_behind=True)
        await self.recheck(is_canonical)
        sender, on_chain = self._nonces.sender, self._nonces.next
        await self._settle_late(range(self._journal.next_nonce(sender) or on_chain, on_chain), is_canonical)
        self._told()  # of an earlier life: in the journal's reports, and nothing that this one brought
        if not self._open:
            self._nonces.compare(self._journal.next_nonce(sender))

    async def send(self, transaction: SignedTransaction) -> Submission:
        """
        Write the transaction down, then send it.

        Raises:
            SubmissionError: A node answered for other bytes; the transaction is unknown then.
        """
        require(State.PLANNED, State.SIGNED, transaction.hash)
        entry = Entry(self._journal.signed(transaction), 0, transaction, State.SIGNED, {})
        self._open[entry.id] = entry
        self._offered[entry.id] = transaction.block_number
        verdict = await self._offer(entry, self._broadcast.send)
        match verdict.means:
            case Submission.ACCEPTED:
                self._step(entry, State.SENT)
            case Submission.REFUSED:
                self._step(entry, State.DROPPED, reason=verdict.words, held=verdict.is_held)
            case Submission.RETRY:
                self._step(entry, State.SIGNED, reason=verdict.words)
            case Submission.UNKNOWN:
                self._step(entry, State.UNKNOWN, reason=verdict.words)
        return verdict.means

    def siblings(self, nonce: int) -> list[Entry]:
        """
        Return what was signed for a nonce, oldest first.
        """
        return self._journal.of_nonce(self._nonces.sender, nonce)

    def replacing_fee_wei(self, siblings: Sequence[Entry]) -> int:
        """
        Return the least cap of the price of gas with which a node takes another sibling: an eighth more than those have
        that it may hold in its pool; 0 if it holds none.
        """
        held = [entry.transaction.max_fee_wei for entry in siblings if entry.detail.get("held")]
        return max(held) * 9 // 8 + 1 if held else 0

    def fee_cap_wei(self, siblings: Sequence[Entry], prices: GasPrices, tip_wei: int, max_base_fee_wei: int) -> int:
        """
        Return the most that a unit of gas may cost in the next signature for the nonce of these: enough to be taken in
        place of them, and never more than the operator's cap of the base fee and the whole tip.
        """
        most_wei = max_base_fee_wei + tip_wei
        return max(max_fee_wei(prices, tip_wei, max_base_fee_wei), min(self.replacing_fee_wei(siblings), most_wei))

    async def follow(self, head: Block, is_canonical: IsCanonical, sending: bool = True) -> list[Outcome]:
        """
        Ask what became of what is in flight, as of *head*, and return what is known now.

        Args:
            sending: Whether bytes that no node knows may be sent again.

        Raises:
            NonceError: The nonce of one was used by a transaction that the journal does not know.
        """
        for entry_id in [entry.id for entry in sorted(self.in_flight, key=lambda entry: entry.transaction.nonce)]:
            if entry_id in self._open:
                await self._look(self._open[entry_id], head, is_canonical, sending)
        return self._told()

    async def audit(self, head: Block, is_canonical: IsCanonical) -> list[Outcome]:
        """
        Compare the account's nonce with the keeper's, and return what was given up and yet included.

        Where nothing in flight can move it, it must not be higher. If it stays lower, blocks left the chain that nobody
        told of: what was in them is looked for again.

        Raises:
            NonceError: It was moved, and for so many blocks by nothing that the journal knows.
        """
        on_chain = await self._nonce()
        await self._look_behind(head, on_chain)
        if self._open or on_chain <= self._nonces.next:
            self._drifted_at = None
            return self._told()
        await self._settle_late(range(self._nonces.next, on_chain), is_canonical)
        if self._nonces.next >= on_chain:
            self._drifted_at = None
        elif self._drifted_at is None:
            self._drifted_at = head.number  # a receipt may only be late
        elif head.number - self._drifted_at > self._patience.blocks and not self._retired:
            raise self._stranger(self._nonces.next)
        return self._told()

    async def finalise(self, number: int, is_canonical: IsCanonical) -> None:
        """
        Note what is in blocks up to *number*, which is final: a few at a time, for each is asked of every node and
        written to disk, and a thousand blocks become final at once.
        """
        entries = await self._included.final(number, is_canonical)
        agreed: list[bool] = []
        try:
            for first in range(0, min(len(entries), _FINAL_AT_ONCE), _SIDE_BY_SIDE):
                agreed += await asyncio.gather(*map(self._agreed, entries[first : first + _SIDE_BY_SIDE]))
                if False in agreed:
                    break
        finally:
            noted = agreed.index(False) if False in agreed else len(agreed)
            for kept in entries[noted:]:
                self._included.add(kept)  # the next time, or until the nodes are of one mind
            for entry in entries[:noted]:
                if entry.state is State.REVERTED:
                    self._note(entry, State.REVERTED, {**entry.detail, "final": True})
                else:
                    self._note(entry, State.FINAL, entry.detail)

    def unwound(self, head: Block) -> list[Hash]:
        """
        Look again for what was in a block above *head*, and return the hashes of those transactions.
        """
        return [self._look_again(entry) for entry in self._included.above(head.number)]

    async def recheck(self, is_canonical: IsCanonical) -> list[Hash]:
        """
        Look again for what is in a block that is no longer part of the chain; return as ``unwound`` does.
        """
        return [self._look_again(entry) for entry in await self._included.displaced(is_canonical)]

    async def _agreed(self, entry: Entry) -> bool:
        """Whether no node tells another receipt than the one that was believed."""
        detail = entry.detail
        believed = (str(detail["block_hash"]).lower(), entry.state is not State.REVERTED, detail.get("gas_used"))
        transaction_hash = entry.transaction.hash
        told = {gist_of(receipt) for receipt in await self._rpc.every("eth_getTransactionReceipt", transaction_hash)}
        if told <= {believed, None}:
            self.disputed.discard(transaction_hash)
            return True
        self.disputed.add(transaction_hash)
        return False

    # ---------------------------------------------------------------- steps

    def _step(self, entry: Entry, state: State, **detail: Any) -> Entry:
        return self._note(entry, state, detail)

    def _note(self, entry: Entry, state: State, detail: Mapping[str, Any]) -> Entry:
        require(entry.state, state, entry.transaction.hash)
        self._journal.step(entry.id, state, **detail)
        entry = replace(entry, state=state, detail=detail)
        if state in OPEN:
            self._open[entry.id] = entry
        else:
            self._open.pop(entry.id, None)
            self._offered.pop(entry.id, None)
        return entry

    def _look_again(self, entry: Entry) -> Hash:
        self._step(entry, State.REORGED, block_number=entry.detail["block_number"])
        self._nonces.returned(entry.transaction.nonce)
        return entry.transaction.hash

    async def _offer(self, entry: Entry, send: Callable[[SignedTransaction], Awaitable[Verdict]]) -> Verdict:
        # The process may have been stopped since: then another one leads, and looks after what is written down.
        self._journal.require_lead()
        try:
            return await send(entry.transaction)
        except SubmissionError as error:
            if entry.state is State.SIGNED:
                self._step(entry, State.UNKNOWN, reason=str(error))
            raise

    async def _offer_again(self, entry: Entry, head: Block) -> None:
        """The very same bytes, to everybody. Who refuses them now says nothing about who was offered them before."""
        again = int(entry.detail.get("again", 0)) + 1
        state = State.UNKNOWN if entry.state is State.REORGED else entry.state
        entry = self._step(entry, state, again=again, block_number=head.number)
        self._offered[entry.id] = head.number
        verdict = await self._offer(entry, self._broadcast.send_again)
        match entry.state, verdict.means:
            case ((State.SIGNED | State.UNKNOWN), Submission.ACCEPTED):
                self._step(entry, State.SENT, again=again)
            case State.SIGNED, Submission.UNKNOWN:
                self._step(entry, State.UNKNOWN, again=again, reason=verdict.words)
            case State.SIGNED, Submission.REFUSED:
                self._step(entry, State.DROPPED, reason=verdict.words, held=verdict.is_held)

    def _drop(self, entry: Entry, reason: str, **detail: Any) -> None:
        self._step(entry, State.DROPPED, reason=reason, **detail)
        self._untold.append(Outcome(entry.transaction, State.DROPPED))

    def _told(self) -> list[Outcome]:
        """What became known since it was told last."""
        told, self._untold = self._untold, []
        return told

    # ---------------------------------------------------------------- what the chain says

    async def _look(self, entry: Entry, head: Block, is_canonical: IsCanonical, sending: bool) -> None:
        """Find out about the entry, and about siblings that turn out to have used its nonce."""
        receipt = await self._receipt(entry)
        if receipt is not None:
            if not await self._settled(entry, receipt, is_canonical):
                self._sequenced(entry, receipt)
            return
        waited = head.number - entry.transaction.block_number
        if waited < _FIRST_LOOK_BLOCKS:
            return
        if entry.state is State.SEQUENCED and waited >= self._patience.rebroadcast_blocks:
            entry = self._step(entry, State.UNKNOWN, reason="its receipt is gone")
        if await self._nonce() > entry.transaction.nonce:
            await self._overtaken(entry, head, is_canonical)
        else:
            await self._unseen(entry, head, sending)

    async def _receipt(self, entry: Entry) -> Receipt | None:
        early = self._broadcast.receipt(entry.transaction.hash)
        receipt: Receipt | None = await self._rpc("eth_getTransactionReceipt", entry.transaction.hash)
        return early if receipt is None else receipt

    async def _settled(self, entry: Entry, receipt: Receipt, is_canonical: IsCanonical) -> bool:
        """Whether the receipt is of a block of the chain; its outcome is noted then."""
        block = block_of(receipt)
        if block is None or not await is_canonical(*block):
            return False
        transaction = entry.transaction
        recipient = parse(transaction.raw)[0].to
        own = recipient == transaction.sender
        treasury = transaction.sender if own else await self._payouts.treasury_of(recipient)
        outcome = outcome_of(transaction, receipt, recipient, treasury)
        entry = self._step(
            entry,
            outcome.state,
            block_number=outcome.position[0],
            block_hash=block[0],
            transaction_index=outcome.position[1],
            gas_used=int(receipt["gasUsed"], 16),
            gas_wei=outcome.gas_wei,
            gains={token: str(gain) for token, gain in outcome.gains},
        )
        self._nonces.used(entry.transaction.nonce)
        self._included.add(entry)
        self._untold.append(outcome)
        return True

    def _sequenced(self, entry: Entry, receipt: Receipt) -> None:
        """Executed, in a block that is not one of ours yet."""
        if entry.state is not State.SEQUENCED:
            block = block_of(receipt)
            self._step(entry, State.SEQUENCED, block_number=None if block is None else block[1])

    async def _overtaken(self, entry: Entry, head: Block, is_canonical: IsCanonical) -> None:
        """Its nonce is used: by a sibling of ours, given up perhaps, or by somebody who must not have the key."""
        transaction = entry.transaction
        for sibling in self.siblings(transaction.nonce):
            if sibling.state in IN_BLOCK or (sibling.id != entry.id and await self._found(sibling, is_canonical)):
                self._drop(entry, "a sibling was included")
                return
        if head.number - transaction.block_number <= self._patience.blocks:
            return  # its receipt may only be late
        if not self._retired:
            raise self._stranger(transaction.nonce)
        self._drop(entry, "its nonce was used by whoever has the key now")

    async def _found(self, entry: Entry, is_canonical: IsCanonical) -> bool:
        receipt = await self._rpc("eth_getTransactionReceipt", entry.transaction.hash)
        return receipt is not None and await self._settled(entry, receipt, is_canonical)

    async def _unseen(self, entry: Entry, head: Block, sending: bool) -> None:
        """
        In no block, its nonce unused: offered again until its deadline, then given up.

        After that others have had the opportunity, and a late arrival would pay for its failure.
        """
        transaction = entry.transaction
        known = await self._rpc("eth_getTransactionByHash", transaction.hash) is not None
        late = head.timestamp - transaction.deadline
        if late <= 0:
            waited = head.number - self._offered.get(entry.id, transaction.block_number)
            due = entry.state is State.SIGNED or (not known and waited >= self._patience.rebroadcast_blocks)
            if due and sending:
                await self._offer_again(entry, head)
            return
        # What died with its process is not waited for as what a node may hold is: had a node taken it, it would be in a
        # block or known by now; should it come after all, it does nothing, for its program has expired.
        queued = entry.state is State.UNKNOWN and not entry.detail.get("left_behind")
        grace = self._patience.unknown_seconds if queued else 0
        held = known and head.number - transaction.block_number <= self._patience.blocks
        if late > grace and not held:
            self._drop(entry, "expired in no block", held=known)

    async def _settle_late(self, nonces: range, is_canonical: IsCanonical) -> None:
        """Note what was given up and yet included while nobody looked: its nonce is used on chain."""
        for entry in [entry for nonce in nonces for entry in self.siblings(nonce) if entry.state is State.DROPPED]:
            await self._found(entry, is_canonical)

    async def _look_behind(self, head: Block, on_chain: int) -> None:
        if on_chain >= self._nonces.next:
            self._behind_at = None
        elif self._behind_at is None:
            self._behind_at = head.number  # the node may only lag
        elif head.number - self._behind_at > self._patience.blocks:
            for entry in self._included.from_nonce(on_chain):
                if await self._rpc("eth_getTransactionReceipt", entry.transaction.hash) is None:
                    self._included.forget(entry)
                    self._look_again(entry)

    async def _nonce(self) -> int:
        return quantity(await self._rpc("eth_getTransactionCount", self._nonces.sender, "latest"), "nonce")

    def _stranger(self, nonce: int) -> NonceError:
        sender: Address = self._nonces.sender
        return NonceError(
            f"nonce {nonce} of operator {sender} was used by a transaction that is not in the journal: the key leaked,"
            " or another process uses it"
        )
