"""
What becomes of transactions that are in a block: reorganisations and finality.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from keeper.errors import RpcError
from keeper.execution.nonces import NonceManager
from keeper.execution.transactions import Transactions
from keeper.journal import Journal, State
from keeper.types import Hash
from tests.fake_node import FakeNode
from tests.operator_world import (
    OPERATOR,
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


async def test_unwound__block_of_ours_left__is_looked_for_again(
    node: FakeNode, transactions: Transactions, nonces: NonceManager, journal: Journal
) -> None:
    await included(node, transactions)

    assert transactions.unwound(head(101)) == []
    assert transactions.unwound(head(100)) == [TRANSACTION.hash]

    assert journal.entries()[0].state is State.REORGED
    assert nonces.next == 3
    assert not transactions.is_certain
    (outcome,) = await transactions.follow(head(102), canonical)
    assert outcome.state is State.SOFT
    assert nonces.next == 4


async def test_unwound__reverted_one__may_succeed_in_another_block(
    node: FakeNode, transactions: Transactions, path: Path
) -> None:
    await included(node, transactions, status=0)
    transactions.unwound(head(100))
    node.answers["eth_getTransactionReceipt"] = receipt(number=102)

    await transactions.follow(head(102), canonical)

    assert [state for _, state in steps(path)] == ["signed", "sent", "reverted", "reorged", "soft"]


async def test_recheck__block_of_ours_left__is_looked_for_again(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await included(node, transactions)

    assert await transactions.recheck(canonical) == []
    assert await transactions.recheck(nowhere) == [TRANSACTION.hash]

    assert journal.entries()[0].state is State.REORGED


async def test_reorged__never_included_again__is_sent_again_then_dropped(
    node: FakeNode, transactions: Transactions, path: Path
) -> None:
    await included(node, transactions)
    transactions.unwound(head(100))
    node.answers |= {"eth_getTransactionReceipt": None, "eth_getTransactionCount": "0x3"}

    await transactions.follow(head(104), canonical)
    await transactions.follow(head(110, timestamp=2_001), canonical)

    assert node.sent == [RAW, RAW]
    told = [state for _, state in steps(path)]
    assert told == ["signed", "sent", "soft", "reorged", "unknown", "sent", "dropped"]


async def test_finalise__block_is_final__gains_are_kept_and_it_is_not_watched_any_more(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await included(node, transactions)

    await transactions.finalise(100, canonical)
    (entry,) = journal.entries()
    assert entry.state is State.SOFT
    await transactions.finalise(101, nowhere)
    assert journal.entries() == [entry]
    await transactions.finalise(101, canonical)

    (final,) = journal.entries()
    assert (final.state, final.detail) == (State.FINAL, entry.detail)
    assert transactions.unwound(head(100)) == []
    assert journal.next_nonce(OPERATOR) == 4


@pytest.mark.parametrize("lie", [{"status": "0x0"}, {"blockHash": "0x" + "77" * 32}, {"gasUsed": "0x1"}])
async def test_finalise__another_node_tells_another_receipt__waits_until_they_agree(
    node: FakeNode, transactions: Transactions, journal: Journal, lie: dict[str, str]
) -> None:
    await included(node, transactions)
    told = node.answers["eth_getTransactionReceipt"](TRANSACTION.hash)
    node.others = [told | lie]

    await transactions.finalise(101, canonical)
    assert journal.entries()[0].state is State.SOFT
    assert transactions.disputed == {TRANSACTION.hash}

    node.others = [None, {"status": "?"}]
    await transactions.finalise(101, canonical)
    assert journal.entries()[0].state is State.FINAL
    assert transactions.disputed == set()


async def test_finalise__many_at_once__are_noted_a_few_at_a_time_the_lowest_nonce_first(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    many = [replace(TRANSACTION, nonce=3 + n, hash=Hash(f"0x{n + 1:064x}")) for n in range(80)]
    node.answers["eth_sendRawTransaction"] = lambda _: many[len(node.sent) - 1].hash
    node.answers["eth_getTransactionReceipt"] = receipts(*(receipt(one, number=101) for one in many))
    for one in many:
        await transactions.send(one)
        await transactions.follow(head(101), canonical)

    noted = []
    for _ in range(4):
        await transactions.finalise(101, canonical)
        noted.append([entry.state for entry in journal.entries()].count(State.FINAL))
        assert all(entry.state is State.FINAL for entry in journal.entries()[: noted[-1]])

    assert noted == [32, 64, 80, 80]


async def test_finalise__node_fails_in_the_middle__what_it_told_is_noted_and_nothing_is_lost(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    many = [replace(TRANSACTION, nonce=3 + n, hash=Hash(f"0x{n + 1:064x}")) for n in range(10)]
    node.answers["eth_sendRawTransaction"] = lambda _: many[len(node.sent) - 1].hash
    told = receipts(*(receipt(one, number=101) for one in many))
    node.answers["eth_getTransactionReceipt"] = told
    for one in many:
        await transactions.send(one)
        await transactions.follow(head(101), canonical)

    def fail(transaction_hash: Hash) -> object:
        if transaction_hash == many[5].hash:
            raise RpcError("out of reach")
        return told(transaction_hash)

    node.answers["eth_getTransactionReceipt"] = fail
    with pytest.raises(RpcError):
        await transactions.finalise(101, canonical)
    assert [entry.state is State.FINAL for entry in journal.entries()] == [True] * 4 + [False] * 6

    node.answers["eth_getTransactionReceipt"] = told
    await transactions.finalise(101, canonical)
    assert all(entry.state is State.FINAL for entry in journal.entries())


async def test_finalise__reverted_one__stays_reverted_and_says_so(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await included(node, transactions, status=0)

    await transactions.finalise(101, canonical)
    again, _ = restarted(node, journal, on_chain=4)

    (entry,) = journal.entries()
    assert (entry.state, entry.detail["final"]) == (State.REVERTED, True)
    assert again.unwound(head(100)) == []


async def test_begin__not_final_yet__is_watched_from_the_newest_to_the_first_final_one(
    node: FakeNode, transactions: Transactions, journal: Journal
) -> None:
    await included(node, transactions)
    await transactions.finalise(101, canonical)
    node.answers |= {"eth_getTransactionReceipt": receipts(receipt(NEXT, number=105)), "eth_getTransactionCount": "0x5"}
    await transactions.send(NEXT)
    await transactions.follow(head(105), canonical)

    again, _ = restarted(node, journal, on_chain=5)

    assert again.unwound(head(100)) == [NEXT.hash]
