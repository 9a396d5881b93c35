"""
An operator's transactions on a node in memory.
"""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from keeper.execution.endpoints import RawEndpoint
from keeper.execution.nonces import NonceManager
from keeper.execution.payouts import Payouts
from keeper.execution.signer import LocalSigner, Policy
from keeper.execution.submission import Broadcast
from keeper.execution.transactions import Patience, Transactions
from keeper.execution.wire import Unsigned, hash_of
from keeper.journal import Journal, SignedTransaction
from keeper.types import Address, Block, Hash
from tests.fake_node import FakeNode
from tests.unit.test_journal import EXECUTOR, GENESIS, TOKEN
from tests.unit.test_journal import TRANSACTION as PLANNED

CHAIN_ID = 42161
POLICY = Policy(CHAIN_ID, EXECUTOR, max_fee_wei=10**10)
ACCOUNTS = [Account.from_key(bytes([number]) * 32) for number in (1, 2, 3)]
SIGNERS = [LocalSigner(account, POLICY) for account in ACCOUNTS]
OPERATOR = SIGNERS[0].address
TREASURY = Address("0x" + "0c" * 20)
PATIENCE = Patience(blocks=10, rebroadcast_blocks=4, unknown_seconds=12)

_TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def signed(
    nonce: int = 3, data: bytes = b"\x01", to: Address = EXECUTOR, by: int = 0, **changed: Any
) -> SignedTransaction:
    """
    Return a transaction that is planned on block 100 and valid until second 2,000, with real bytes.
    """
    policy = replace(POLICY, executor=to)
    signer = LocalSigner(ACCOUNTS[by], policy)
    raw, transaction_hash = signer.sign_now(Unsigned(CHAIN_ID, nonce, to, data, 300_000, 40_000_000, 0))
    named = {"sender": signer.address, "nonce": nonce, "hash": transaction_hash, "raw": raw}
    return replace(PLANNED, **named | changed)


TRANSACTION = signed()


def head(number: int, timestamp: int = 1_900) -> Block:
    return Block(number, Hash(f"h{number}"), Hash(f"h{number - 1}"), timestamp, 20_000_000)


def transfer(token: Address, sender: Address, receiver: Address, amount: int) -> dict[str, Any]:
    topics = [_TRANSFER, *("0x" + who[2:].rjust(64, "0") for who in (sender, receiver))]
    return {"address": token, "topics": topics, "data": "0x" + f"{amount:064x}"}


def receipt(
    transaction: SignedTransaction = TRANSACTION,
    status: int = 1,
    gain: int = 77,
    number: int = 101,
    to: Address = EXECUTOR,
    treasury: Address = TREASURY,
) -> dict[str, Any]:
    return {
        "transactionHash": transaction.hash,
        "from": transaction.sender,
        "to": to,
        "blockHash": f"h{number}",
        "blockNumber": hex(number),
        "transactionIndex": "0x2",
        "status": hex(status),
        "gasUsed": hex(200_000),
        "effectiveGasPrice": hex(20_000_000),
        "logs": [
            transfer(TOKEN, to, treasury, gain),
            transfer(TOKEN, to, transaction.sender, 999),
            transfer(Address("0x" + "02" * 20), to, treasury, 999),
        ],
    }


def receipts(*known: dict[str, Any]) -> Any:
    """Return what a node answers that knows these receipts only."""
    return {one["transactionHash"]: one for one in known}.get


def node_at(nonce: int = 3) -> FakeNode:
    """Return a node that takes whatever it is sent, and has the account at a nonce."""
    node = FakeNode()
    node.answers = {
        "eth_getTransactionCount": hex(nonce),
        "eth_sendRawTransaction": lambda raw: hash_of(bytes.fromhex(raw[2:])),
    }
    return node


def journal_at(path: Path) -> Journal:
    journal = Journal.open(path, CHAIN_ID, GENESIS)
    journal.begin_run(OPERATOR, EXECUTOR)
    return journal


def steps(path: Path) -> list[tuple[int, str]]:
    """Return every step of the journal: the transaction's id, and its state."""
    with closing(sqlite3.connect(path)) as database:
        return [tuple(row) for row in database.execute("SELECT transaction_id, state FROM steps ORDER BY id")]


def transactions_on(
    node: FakeNode, journal: Journal, nonces: NonceManager, broadcast: Broadcast | None = None
) -> Transactions:
    broadcast = broadcast or Broadcast([RawEndpoint("node", node)])
    payouts = Payouts(node, EXECUTOR, TREASURY)  # type: ignore[arg-type]
    return Transactions(node, broadcast, journal, nonces, payouts, PATIENCE)  # type: ignore[arg-type]


async def canonical(block_hash: Hash, number: int) -> bool:
    return True


async def nowhere(block_hash: Hash, number: int) -> bool:
    return False


@pytest.fixture
def node() -> FakeNode:
    return node_at(3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Journal:
    return journal_at(path)


@pytest.fixture
def nonces() -> NonceManager:
    return NonceManager(OPERATOR, on_chain=3)


@pytest.fixture
def transactions(node: FakeNode, journal: Journal, nonces: NonceManager) -> Transactions:
    return transactions_on(node, journal, nonces)


def restarted(node: FakeNode, journal: Journal, on_chain: int) -> tuple[Transactions, NonceManager]:
    nonces = NonceManager(OPERATOR, on_chain)
    return transactions_on(node, journal, nonces), nonces


async def included(node: FakeNode, transactions: Transactions, status: int = 1) -> None:
    await transactions.send(TRANSACTION)
    node.answers["eth_getTransactionReceipt"] = receipts(receipt(status=status))
    node.answers["eth_getTransactionCount"] = "0x4"
    await transactions.follow(head(101), canonical)
