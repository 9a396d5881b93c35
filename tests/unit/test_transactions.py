from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper.errors import NonceError, RpcError
from keeper.execution.nonces import NonceManager
from keeper.execution.submission import Submission, classify
from keeper.execution.transactions import Transactions
from keeper.journal import Journal, State
from keeper.types import Address, Block, Hash
from tests.fake_node import FakeNode
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR, TOKEN, TRANSACTION

TREASURY = Address("0x" + "0c" * 20)
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def head(number: int, timestamp: int = 1_900) -> Block:
    return Block(number, Hash(f"h{number}"), Hash(f"h{number - 1}"), timestamp, 20_000_000)


def transfer(token: Address, sender: Address, receiver: Address, amount: int) -> dict[str, Any]:
    topics = [TRANSFER, *("0x" + who[2:].rjust(64, "0") for who in (sender, receiver))]
    return {"address": token, "topics": topics, "data": "0x" + f"{amount:064x}"}


def receipt(status: int = 1, gain: int = 77, number: int = 101) -> dict[str, Any]:
    return {
        "blockHash": f"h{number}",
        "blockNumber": hex(number),
        "transactionIndex": "0x2",
        "status": hex(status),
        "gasUsed": hex(200_000),
        "effectiveGasPrice": hex(20_000_000),
        "logs": [
            transfer(TOKEN, EXECUTOR, TREASURY, gain),
            transfer(TOKEN, EXECUTOR, OPERATOR, 999),
            transfer(Address("0x" + "02" * 20), EXECUTOR, TREASURY, 999),
        ],
    }


@pytest.fixture
def node() -> FakeNode:
    node = FakeNode()
    node.answers = {"eth_getTransactionCount": "0x3", "eth_sendRawTransaction": TRANSACTION.hash}
    return node


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal.open(tmp_path / "journal.sqlite", 42161, GENESIS)
    journal.begin_run(OPERATOR, EXECUTOR)
    return journal


@pytest.fixture
def nonces() -> NonceManager:
    return NonceManager(OPERATOR, on_chain=3)


@pytest.fixture
def transactions(node: FakeNode, journal: Journal, nonces: NonceManager) -> Transactions:
    return Transactions(node, journal, nonces, EXECUTOR, TREASURY, patience_blocks=10)


async def canonical(block_hash: Hash, number: int) -> bool:
    return True


async def unknown(block_hash: Hash, number: int) -> bool:
    return False


async def test_send__journal_has_it_before_the_node_does(
    node: FakeNode, journal: Journal, nonces: NonceManager
) -> None:
    seen: list[State] = []
    node.answers["eth_sendRawTransaction"] = lambda raw: seen.extend(
        entry.state for entry in journal.open_entries(OPERATOR)
    )

    await Transactions(node, journal, nonces, EXECUTOR, TREASURY, 10).send(TRANSACTION)

    assert seen == [State.SIGNED]
    assert journal.entries()[0].state is State.SENT


async def test_send__node_refuses_for_good__nonce_is_free_again(
    node: FakeNode, transactions: Transactions, nonces: NonceManager, journal: Journal
) -> None:
    node.answers["eth_sendRawTransaction"] = RpcError("insufficient funds for gas", -32000)

    assert await transactions.send(TRANSACTION) is Submission.REFUSED

    assert not transactions.in_flight
    assert nonces.next == 3
    assert journal.entries()[0].state is State.DROPPED


async def test_send__node_out_of_reach__stays_in_flight(node: FakeNode, transactions: Transactions) -> None:
    node.broken = {"eth_sendRawTransaction"}

    assert await transactions.send(TRANSACTION) is Submission.UNKNOWN

    assert len(transactions.in_flight) == 1


async def test_follow__receipt__books_gain_gas_and_nonce(
    node: FakeNode, transactions: Transactions, nonces: NonceManager, journal: Journal
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt()

    (outcome,) = await transactions.follow(head(101), canonical)

    assert (outcome.state, outcome.gains, outcome.gas_wei) == (State.INCLUDED, ((TOKEN, 77),), 200_000 * 20_000_000)
    assert outcome.position == (101, 2)
    assert nonces.next == 4
    assert journal.entries()[0].detail["gains"] == {TOKEN: "77"}


async def test_follow__receipt_of_failure__is_reverted(node: FakeNode, transactions: Transactions) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt(status=0) | {"logs": []}

    (outcome,) = await transactions.follow(head(101), canonical)

    assert (outcome.state, outcome.gains) == (State.REVERTED, ((TOKEN, 0),))


async def test_follow__receipt_in_unknown_block__waits(node: FakeNode, transactions: Transactions) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt()

    assert await transactions.follow(head(101), unknown) == []


async def test_follow__node_forgot_it__is_not_sent_late(node: FakeNode, transactions: Transactions) -> None:
    await transactions.send(TRANSACTION)

    assert await transactions.follow(head(102), canonical) == []

    assert node.sent == ["0x0201"]
    assert len(transactions.in_flight) == 1


async def test_follow__expired_and_unknown__is_dropped(
    node: FakeNode, transactions: Transactions, nonces: NonceManager
) -> None:
    await transactions.send(TRANSACTION)

    (outcome,) = await transactions.follow(head(102, timestamp=2_001), canonical)

    assert outcome.state is State.DROPPED
    assert nonces.next == 3
    assert transactions.last_of_nonce(3) == 1


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
    sibling = replace(TRANSACTION, hash=Hash("0x" + "22" * 32), raw=b"\x02\x02", sibling_of=1)
    await transactions.send(TRANSACTION)
    await transactions.send(sibling)
    node.answers["eth_getTransactionCount"] = "0x4"
    node.answers["eth_getTransactionReceipt"] = lambda which: receipt() if which == sibling.hash else None

    await transactions.follow(head(102), canonical)
    await transactions.follow(head(103), canonical)

    assert [entry.state for entry in journal.entries()] == [State.DROPPED, State.INCLUDED]


async def test_follow__sibling_that_was_given_up_was_included__is_booked_too(
    node: FakeNode, transactions: Transactions, journal: Journal, nonces: NonceManager
) -> None:
    sibling = replace(TRANSACTION, hash=Hash("0x" + "22" * 32), raw=b"\x02\x02", block_number=103, sibling_of=1)
    await transactions.send(TRANSACTION)
    await transactions.follow(head(102, timestamp=2_001), canonical)
    await transactions.send(sibling)
    node.answers["eth_getTransactionCount"] = "0x4"
    node.answers["eth_getTransactionReceipt"] = lambda which: receipt(status=0) if which == TRANSACTION.hash else None

    outcomes = await transactions.follow(head(105), canonical)

    assert [outcome.state for outcome in outcomes] == [State.REVERTED, State.DROPPED]
    assert [entry.state for entry in journal.entries()] == [State.REVERTED, State.DROPPED]
    assert nonces.next == 4


async def test_unwound__block_of_ours_left__is_looked_for_again(
    node: FakeNode, transactions: Transactions, nonces: NonceManager, journal: Journal
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt()
    await transactions.follow(head(101), canonical)

    transactions.unwound(head(100))

    assert journal.entries()[0].state is State.REORGED
    assert nonces.next == 3
    (outcome,) = await transactions.follow(head(102), canonical)
    assert outcome.state is State.INCLUDED
    assert nonces.next == 4


async def test_recheck__block_of_ours_left__is_looked_for_again(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt()
    await transactions.follow(head(101), canonical)

    await transactions.recheck(canonical)
    assert not transactions.in_flight
    await transactions.recheck(unknown)

    assert len(transactions.in_flight) == 1
    assert journal.entries()[0].state is State.REORGED


async def test_restart__open_entry__is_followed_not_sent_twice(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipt()

    restarted = Transactions(node, journal, NonceManager(OPERATOR, 3), EXECUTOR, TREASURY, 10)
    (outcome,) = await restarted.follow(head(101), canonical)

    assert outcome.state is State.INCLUDED
    assert len(node.sent) == 1


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("already known", Submission.ACCEPTED),
        ("insufficient funds for gas * price + value", Submission.REFUSED),
        ("intrinsic gas too low", Submission.REFUSED),
        ("max fee per gas less than block base fee", Submission.REFUSED),
        ("nonce too low", Submission.UNKNOWN),
        ("context deadline exceeded", Submission.UNKNOWN),
        ("sequencer temporarily not available", Submission.UNKNOWN),
    ],
)
def test_classify__words_of_a_node__mean(words: str, meaning: Submission) -> None:
    assert classify(f"eth_sendRawTransaction failed: {words}") is meaning


def test_nonces__chain_moved_without_us__is_refused() -> None:
    nonces = NonceManager(OPERATOR, on_chain=5)

    nonces.compare(None)
    nonces.compare(5)
    with pytest.raises(NonceError, match="another process"):
        nonces.compare(4)


async def test_settle_late__given_up_and_yet_included__is_booked(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    earlier = replace(TRANSACTION, nonce=2, hash=Hash("0x" + "33" * 32), raw=b"\x02\x03")
    journal.step(journal.signed(earlier), State.INCLUDED)
    await transactions.send(TRANSACTION)
    await transactions.follow(head(102, timestamp=2_001), canonical)
    assert journal.entries()[1].state is State.DROPPED
    node.answers["eth_getTransactionReceipt"] = lambda which: receipt() if which == TRANSACTION.hash else None
    restarted = NonceManager(OPERATOR, on_chain=4)

    await Transactions(node, journal, restarted, EXECUTOR, TREASURY, 10).settle_late(canonical)

    assert journal.entries()[1].state is State.INCLUDED
    restarted.compare(journal.next_nonce(OPERATOR))
