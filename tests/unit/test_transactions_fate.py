"""
What became of transactions when it was not known: unknown ones, restarts, drift.
"""

from pathlib import Path

import pytest

from keeper.errors import NonceError, RpcError
from keeper.execution.answers import Submission
from keeper.execution.nonces import NonceManager
from keeper.execution.transactions import Transactions
from keeper.journal import Journal, State
from keeper.types import Hash
from tests.fake_node import FakeNode
from tests.operator_world import (
    TRANSACTION,
    canonical,
    head,
    included,
    journal,
    node,
    nonces,
    nowhere,
    path,
    receipt,
    receipts,
    restarted,
    signed,
    steps,
    transactions,
)

__all__ = ["journal", "node", "nonces", "path", "transactions"]

RAW = "0x" + TRANSACTION.raw.hex()
NEXT = signed(nonce=4)


# -------------------------------------------------------------------- unknown


@pytest.fixture
async def unknown(node: FakeNode, transactions: Transactions) -> Transactions:
    """One was sent, and the answer was that of a sequencer whose queue was too slow."""
    node.answers["eth_sendRawTransaction"] = RpcError("context deadline exceeded", -32000)
    assert await transactions.send(TRANSACTION) is Submission.UNKNOWN
    return transactions


async def test_unknown__never_included__keeps_its_nonce_until_the_queue_must_have_let_go(
    unknown: Transactions, nonces: NonceManager
) -> None:
    assert await unknown.follow(head(110, timestamp=2_001), canonical) == []
    assert await unknown.follow(head(150, timestamp=2_012), canonical) == []
    assert not unknown.is_certain

    (outcome,) = await unknown.follow(head(151, timestamp=2_013), canonical)

    assert outcome.state is State.DROPPED
    assert unknown.is_certain
    assert nonces.free(unknown.nonces_in_flight) == 3


async def test_unknown__included_after_a_while__is_booked(
    node: FakeNode, unknown: Transactions, nonces: NonceManager, path: Path
) -> None:
    for number in range(101, 104):
        assert await unknown.follow(head(number), canonical) == []
    node.answers["eth_getTransactionReceipt"] = receipt(number=132)

    (outcome,) = await unknown.follow(head(133), canonical)

    assert outcome.state is State.SOFT
    assert nonces.next == 4
    assert [state for _, state in steps(path)] == ["signed", "unknown", "soft"]


async def test_unknown__included_after_a_restart__is_booked(
    node: FakeNode, unknown: Transactions, journal: Journal
) -> None:
    again, nonces = restarted(node, journal, on_chain=4)
    await again.begin(canonical)
    node.answers["eth_getTransactionReceipt"] = receipt(number=132)

    (outcome,) = await again.follow(head(140), canonical)

    assert outcome.state is State.SOFT
    assert nonces.next == 4


async def test_unknown__same_bytes_are_taken_at_last__is_sent(
    node: FakeNode, unknown: Transactions, path: Path
) -> None:
    node.answers["eth_sendRawTransaction"] = RpcError("already known", -32000)

    await unknown.follow(head(104), canonical)

    assert node.sent == [RAW, RAW]
    assert unknown.is_certain
    assert [state for _, state in steps(path)] == ["signed", "unknown", "unknown", "sent"]


async def test_unknown__refused_later__may_still_have_been_taken(node: FakeNode, unknown: Transactions) -> None:
    node.answers["eth_sendRawTransaction"] = RpcError("insufficient funds", -32000)

    await unknown.follow(head(104), canonical)

    assert [entry.state for entry in unknown.in_flight] == [State.UNKNOWN]


async def test_unknown__nonce_too_low_by_our_own_bytes__is_booked(node: FakeNode, transactions: Transactions) -> None:
    node.answers["eth_sendRawTransaction"] = RpcError("nonce too low", -32000)
    assert await transactions.send(TRANSACTION) is Submission.UNKNOWN
    node.answers |= {"eth_getTransactionCount": "0x4", "eth_getTransactionReceipt": receipt()}

    (outcome,) = await transactions.follow(head(102), canonical)

    assert outcome.state is State.SOFT


# -------------------------------------------------------------------- restarts


async def test_begin__signed_when_the_process_ended__is_unknown_and_not_sent(node: FakeNode, journal: Journal) -> None:
    journal.signed(TRANSACTION)

    again, _ = restarted(node, journal, on_chain=3)
    await again.begin(canonical)

    assert [entry.state for entry in again.in_flight] == [State.UNKNOWN]
    assert node.sent == []


async def test_begin__signed_when_the_process_ended_and_expired__frees_its_nonce_at_once(
    node: FakeNode, journal: Journal
) -> None:
    journal.signed(TRANSACTION)
    again, nonces = restarted(node, journal, on_chain=3)
    await again.begin(canonical)
    assert await again.follow(head(103, timestamp=2_000), canonical) == []
    assert not again.is_certain

    (outcome,) = await again.follow(head(104, timestamp=2_001), canonical)

    assert outcome.state is State.DROPPED
    assert again.is_certain
    assert nonces.free(again.nonces_in_flight) == 3
    assert node.sent == []


async def test_begin__signed_when_the_process_ended_and_offered_again__is_waited_for(
    node: FakeNode, journal: Journal
) -> None:
    journal.signed(TRANSACTION)
    again, _ = restarted(node, journal, on_chain=3)
    await again.begin(canonical)
    node.answers["eth_sendRawTransaction"] = RpcError("context deadline exceeded", -32000)
    await again.follow(head(104), canonical)
    assert node.sent == [RAW]

    # The sequencer's queue may hold it now.
    assert await again.follow(head(105, timestamp=2_001), canonical) == []

    assert [entry.state for entry in again.in_flight] == [State.UNKNOWN]


async def test_begin__open_entry__is_followed_not_sent_twice(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt()

    again, _ = restarted(node, journal, on_chain=4)
    await again.begin(canonical)
    (outcome,) = await again.follow(head(101), canonical)

    assert outcome.state is State.SOFT
    assert len(node.sent) == 1


async def test_begin__given_up_and_yet_included__is_booked(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await included(node, transactions)
    await transactions.send(NEXT)
    await transactions.follow(head(102, timestamp=2_001), canonical)
    assert journal.entries()[1].state is State.DROPPED
    node.answers["eth_getTransactionReceipt"] = receipts(receipt(), receipt(NEXT))

    again, nonces = restarted(node, journal, on_chain=5)
    await again.begin(canonical)

    assert journal.entries()[1].state is State.SOFT
    assert nonces.next == 5


async def test_begin__nonce_was_moved_by_somebody_else__is_refused(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await included(node, transactions)

    again, _ = restarted(node, journal, on_chain=6)
    with pytest.raises(NonceError, match="is at nonce 6 on chain and at 4 in the journal"):
        await again.begin(canonical)


async def test_begin__its_block_left_meanwhile__is_looked_for_again(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await included(node, transactions)

    again, nonces = restarted(node, journal, on_chain=3)
    await again.begin(nowhere)

    assert [entry.state for entry in again.in_flight] == [State.REORGED]
    assert nonces.next == 3


# -------------------------------------------------------------------- drift


async def test_audit__nonce_where_it_should_be__says_nothing(node: FakeNode, transactions: Transactions) -> None:
    assert await transactions.audit(head(120), canonical) == []
    assert transactions.is_certain


async def test_audit__nonce_moved_by_nothing_of_ours__nothing_is_signed_and_then_it_is_a_hard_stop(
    node: FakeNode, transactions: Transactions
) -> None:
    node.answers["eth_getTransactionCount"] = "0x4"

    assert await transactions.audit(head(120), canonical) == []
    assert not transactions.is_certain
    with pytest.raises(NonceError, match="nonce 3 of operator .* was used by a transaction that is not in the journal"):
        await transactions.audit(head(140), canonical)


async def test_audit__lagging_node_was_wrong_only_for_a_while__goes_on(
    node: FakeNode, transactions: Transactions
) -> None:
    node.answers["eth_getTransactionCount"] = "0x4"
    await transactions.audit(head(120), canonical)
    node.answers["eth_getTransactionCount"] = "0x3"

    await transactions.audit(head(140), canonical)

    assert transactions.is_certain


async def test_audit__moved_by_one_of_ours_that_was_given_up__is_booked(
    node: FakeNode, transactions: Transactions, nonces: NonceManager
) -> None:
    await transactions.send(TRANSACTION)
    await transactions.follow(head(102, timestamp=2_001), canonical)
    node.answers |= {"eth_getTransactionCount": "0x4", "eth_getTransactionReceipt": receipt(number=118)}

    (outcome,) = await transactions.audit(head(120), canonical)

    assert (outcome.state, outcome.transaction.hash) == (State.SOFT, Hash(TRANSACTION.hash))
    assert nonces.next == 4
    assert transactions.is_certain


async def test_audit__nonce_stays_below_what_is_in_blocks__what_has_no_receipt_is_looked_for_again(
    node: FakeNode, transactions: Transactions, nonces: NonceManager
) -> None:
    await included(node, transactions)
    node.answers |= {"eth_getTransactionCount": "0x3", "eth_getTransactionReceipt": None}

    await transactions.audit(head(120), canonical)
    assert nonces.next == 4  # the node may only lag
    await transactions.audit(head(140), canonical)

    assert [entry.state for entry in transactions.in_flight] == [State.REORGED]
    assert nonces.next == 3
    assert transactions.unwound(head(100)) == []


async def test_audit__nonce_stays_below_and_the_receipt_is_there__nothing_is_looked_for(
    node: FakeNode, transactions: Transactions, nonces: NonceManager
) -> None:
    await included(node, transactions)
    node.answers["eth_getTransactionCount"] = "0x3"

    await transactions.audit(head(120), canonical)
    await transactions.audit(head(140), canonical)

    assert not transactions.in_flight
    assert nonces.next == 4
