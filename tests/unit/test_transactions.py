"""
Sending a transaction and learning what became of it, on a node in memory.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper.errors import ChainError, LifeCycleError, NonceError, RpcError, SubmissionError
from keeper.execution.answers import Submission
from keeper.execution.endpoints import SyncEndpoint
from keeper.execution.nonces import NonceManager
from keeper.execution.submission import Broadcast
from keeper.execution.transactions import Transactions
from keeper.journal import Journal, State
from keeper.types import Address
from tests.fake_node import FakeNode
from tests.operator_world import (
    OPERATOR,
    TRANSACTION,
    canonical,
    head,
    journal,
    node,
    nonces,
    nowhere,
    path,
    receipt,
    receipts,
    signed,
    steps,
    transactions,
    transactions_on,
)
from tests.unit.test_journal import EXECUTOR, TOKEN

__all__ = ["journal", "node", "nonces", "path", "transactions"]

SIBLING = signed(data=b"\x02", block_number=103, sibling_of=1)
RAW = "0x" + TRANSACTION.raw.hex()


async def test_send__journal_has_it_before_the_node_does(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    seen: list[State] = []

    def take(raw: str) -> str:
        seen.extend(entry.state for entry in journal.open_entries(OPERATOR))
        return TRANSACTION.hash

    node.answers["eth_sendRawTransaction"] = take

    assert await transactions.send(TRANSACTION) is Submission.ACCEPTED

    assert seen == [State.SIGNED]
    assert journal.entries()[0].state is State.SENT
    assert transactions.is_certain


async def test_send__node_refuses_for_good__nonce_is_free_again(
    node: FakeNode, transactions: Transactions, nonces: NonceManager, journal: Journal
) -> None:
    node.answers["eth_sendRawTransaction"] = RpcError("insufficient funds for gas", -32000)

    assert await transactions.send(TRANSACTION) is Submission.REFUSED

    assert not transactions.in_flight
    assert nonces.next == 3
    assert journal.entries()[0].state is State.DROPPED


async def test_send__node_out_of_reach__is_unknown_and_nothing_is_signed_on_it(
    node: FakeNode, transactions: Transactions
) -> None:
    node.broken = {"eth_sendRawTransaction"}

    assert await transactions.send(TRANSACTION) is Submission.UNKNOWN

    assert [entry.state for entry in transactions.in_flight] == [State.UNKNOWN]
    assert not transactions.is_certain


async def test_send__node_wants_it_later__the_same_bytes_are_offered_again(
    node: FakeNode, transactions: Transactions, path: Path
) -> None:
    node.answers["eth_sendRawTransaction"] = RpcError("sequencer temporarily not available", -32000)
    assert await transactions.send(TRANSACTION) is Submission.RETRY
    assert not transactions.is_certain

    node.answers["eth_sendRawTransaction"] = TRANSACTION.hash
    assert await transactions.follow(head(102), canonical) == []

    assert node.sent == [RAW, RAW]
    assert transactions.is_certain
    assert [state for _, state in steps(path)] == ["signed", "signed", "signed", "sent"]


async def test_send__node_answers_for_other_bytes__is_a_hard_stop_and_unknown(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    node.answers["eth_sendRawTransaction"] = "0x" + "99" * 32

    with pytest.raises(SubmissionError, match="answered with the hash 0x99"):
        await transactions.send(TRANSACTION)

    assert journal.entries()[0].state is State.UNKNOWN


async def test_follow__receipt__books_gain_gas_and_nonce(
    node: FakeNode, transactions: Transactions, nonces: NonceManager, journal: Journal
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt()

    (outcome,) = await transactions.follow(head(101), canonical)

    assert (outcome.state, outcome.gains, outcome.gas_wei) == (State.SOFT, ((TOKEN, 77),), 200_000 * 20_000_000)
    assert outcome.position == (101, 2)
    assert nonces.next == 4
    assert journal.entries()[0].detail["gains"] == {TOKEN: "77"}


async def test_follow__receipt_of_failure__is_reverted(node: FakeNode, transactions: Transactions) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt(status=0) | {"logs": []}

    (outcome,) = await transactions.follow(head(101), canonical)

    assert (outcome.state, outcome.gains) == (State.REVERTED, ((TOKEN, 0),))


@pytest.mark.parametrize(
    "lie",
    [
        *({"transactionHash": "0x" + "99" * 32}, {"from": EXECUTOR}, {"to": OPERATOR}, {"status": None}),
        *(
            {"gasUsed": "x"},
            {"logs": None},
            {"logs": [{"address": None, "topics": [], "data": "0x1"}]},
            {"logs": ["0x"]},
        ),
    ],
)
async def test_follow__receipt_of_something_else__is_not_believed(
    node: FakeNode, transactions: Transactions, journal: Journal, lie: dict[str, Any]
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt() | lie

    with pytest.raises(ChainError, match="receipt of"):
        await transactions.follow(head(101), canonical)

    assert journal.entries()[0].state is State.SENT


@pytest.mark.parametrize("block_hash", [7, ["0x"], {"a": 1}, True])
async def test_follow__receipt_of_a_block_without_a_name__is_not_believed(
    node: FakeNode, transactions: Transactions, block_hash: Any
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt() | {"blockHash": block_hash}

    with pytest.raises(ChainError, match="does not say of which block"):
        await transactions.follow(head(101), canonical)


@pytest.mark.parametrize("block", [{}, {"blockHash": "0x" + "00" * 32}, {"blockHash": None, "blockNumber": None}])
async def test_follow__receipt_of_no_block_of_ours__is_sequenced_once_and_waits(
    node: FakeNode, transactions: Transactions, path: Path, block: dict[str, str]
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt() | block

    assert await transactions.follow(head(101), nowhere) == []
    assert await transactions.follow(head(120), nowhere) == []
    node.answers["eth_getTransactionReceipt"] = receipt(number=121)
    (outcome,) = await transactions.follow(head(121), canonical)

    assert outcome.state is State.SOFT
    assert [state for _, state in steps(path)] == ["signed", "sent", "sequenced", "soft"]


async def test_follow__receipt_came_with_the_acceptance__is_sequenced_before_the_node_knows(
    node: FakeNode, journal: Journal, nonces: NonceManager, path: Path
) -> None:
    early = receipt() | {"blockHash": "0x" + "00" * 32}
    node.answers["eth_sendRawTransactionSync"] = lambda raw, timeout: early
    broadcast = Broadcast([SyncEndpoint("sync", node)])
    transactions = transactions_on(node, journal, nonces, broadcast)
    await transactions.send(TRANSACTION)

    assert await transactions.follow(head(101), canonical) == []
    node.answers["eth_getTransactionReceipt"] = receipt(number=102)
    await transactions.follow(head(102), canonical)

    assert [state for _, state in steps(path)] == ["signed", "sent", "sequenced", "soft"]


async def test_follow__sequenced_and_then_gone__is_unknown(node: FakeNode, transactions: Transactions) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt()
    await transactions.follow(head(101), nowhere)
    node.answers["eth_getTransactionReceipt"] = None

    await transactions.follow(head(102), canonical)
    assert transactions.is_certain  # one node may lag behind the other
    await transactions.follow(head(104), canonical, sending=False)

    assert [entry.state for entry in transactions.in_flight] == [State.UNKNOWN]


async def test_follow__node_forgot_it__the_same_bytes_are_sent_again_and_never_late(
    node: FakeNode, transactions: Transactions, path: Path
) -> None:
    await transactions.send(TRANSACTION)

    for number in (102, 103, 104, 105, 106, 107, 108):
        assert await transactions.follow(head(number), canonical) == []
    assert node.sent == [RAW] * 3  # again after four blocks, and again
    await transactions.follow(head(109, timestamp=2_001), canonical)

    assert node.sent == [RAW] * 3
    assert [state for _, state in steps(path)] == ["signed", "sent", "sent", "sent", "dropped"]


async def test_follow__silent__sends_nothing_again(node: FakeNode, transactions: Transactions) -> None:
    await transactions.send(TRANSACTION)

    await transactions.follow(head(110), canonical, sending=False)

    assert node.sent == [RAW]


async def test_follow__sent_again_and_refused_now__is_still_followed(
    node: FakeNode, transactions: Transactions
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_sendRawTransaction"] = RpcError("max fee per gas less than block base fee", -32000)

    await transactions.follow(head(104), canonical)

    assert [entry.state for entry in transactions.in_flight] == [State.SENT]


async def test_follow__expired_and_unknown_to_nodes__is_dropped(
    node: FakeNode, transactions: Transactions, nonces: NonceManager
) -> None:
    await transactions.send(TRANSACTION)

    (outcome,) = await transactions.follow(head(102, timestamp=2_001), canonical)

    assert outcome.state is State.DROPPED
    assert nonces.next == 3
    assert [entry.id for entry in transactions.siblings(3)] == [1]


async def test_follow__expired_but_held_by_node__waits_for_patience(node: FakeNode, transactions: Transactions) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionByHash"] = {"hash": TRANSACTION.hash}

    assert await transactions.follow(head(105, timestamp=2_001), canonical) == []
    (outcome,) = await transactions.follow(head(111, timestamp=2_002), canonical)

    assert outcome.state is State.DROPPED


async def test_follow__nonce_used_by_stranger__is_a_hard_stop(node: FakeNode, transactions: Transactions) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionCount"] = "0x4"

    assert await transactions.follow(head(105), canonical) == []  # the receipt may only be late
    with pytest.raises(NonceError, match="not in the journal"):
        await transactions.follow(head(111), canonical)


async def test_follow__sibling_was_included__other_is_dropped(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await transactions.send(TRANSACTION)
    await transactions.send(SIBLING)
    node.answers["eth_getTransactionCount"] = "0x4"
    node.answers["eth_getTransactionReceipt"] = receipts(receipt(SIBLING))

    outcomes = await transactions.follow(head(102), canonical)

    assert [outcome.transaction for outcome in outcomes] == [SIBLING, TRANSACTION]
    assert [entry.state for entry in journal.entries()] == [State.DROPPED, State.SOFT]
    assert not transactions.in_flight


async def test_follow__sibling_that_was_given_up_was_included__is_booked_too(
    node: FakeNode, transactions: Transactions, journal: Journal, nonces: NonceManager
) -> None:
    await transactions.send(TRANSACTION)
    await transactions.follow(head(102, timestamp=2_001), canonical)
    await transactions.send(SIBLING)
    node.answers["eth_getTransactionCount"] = "0x4"
    node.answers["eth_getTransactionReceipt"] = receipts(receipt(status=0))

    outcomes = await transactions.follow(head(105), canonical)

    assert [outcome.state for outcome in outcomes] == [State.REVERTED, State.DROPPED]
    assert [entry.state for entry in journal.entries()] == [State.REVERTED, State.DROPPED]
    assert nonces.next == 4


async def test_step__journal_says_it_is_final__nothing_else_can_become_of_it(
    node: FakeNode, transactions: Transactions
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt()
    await transactions.follow(head(101), canonical)
    await transactions.finalise(101, canonical)
    (entry,) = transactions.siblings(3)

    with pytest.raises(LifeCycleError, match="is final: it cannot become reorged"):
        transactions._look_again(entry)


async def test_follow__transaction_to_a_former_executor__its_treasury_is_asked_for(
    node: FakeNode, transactions: Transactions
) -> None:
    former, treasury = Address("0x" + "0d" * 20), Address("0x" + "7e" * 20)
    transaction = replace(signed(to=former), predicted=((TOKEN, 77),))
    await transactions.send(transaction)
    node.answers["eth_call"] = lambda request, block: "0x" + treasury[2:].rjust(64, "0")
    node.answers["eth_getTransactionReceipt"] = receipt(transaction, to=former, treasury=treasury)

    (outcome,) = await transactions.follow(head(101), canonical)

    assert outcome.as_predicted
