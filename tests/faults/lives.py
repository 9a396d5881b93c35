"""
Lives of one operator's transactions, each in a process of its own that is killed at a step of the journal.

Run as a script it is a nursery: it has imported everything, and forks a life for each line of JSON that it reads. It
answers with the life's process id, and with its exit code once it is over.
"""

import asyncio
import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from eth_account import Account

from keeper.chain.rpc import Rpc
from keeper.execution.endpoints import RawEndpoint
from keeper.execution.nonces import NonceManager
from keeper.execution.payouts import Payouts
from keeper.execution.signer import LocalSigner, Policy
from keeper.execution.submission import Broadcast
from keeper.execution.transactions import Patience, Transactions
from keeper.execution.wire import Unsigned
from keeper.journal import Journal, PlannedRoute, SignedTransaction, State
from keeper.journal.leader import Leadership
from keeper.journal.migration import bring_up_to_date
from keeper.journal.postgres import PostgresStore
from keeper.journal.rows import Row
from keeper.journal.sqlite import SqliteStore
from keeper.journal.store import Store
from keeper.monitor.logs import configure_logs
from keeper.types import Address, Block, Hash

CHAIN_ID = 42161
GENESIS = Hash("0x" + "00" * 31 + "01")
EXECUTOR = Address("0x" + "0b" * 20)
TREASURY = Address("0x" + "0c" * 20)
TOKEN = Address("0x" + "01" * 20)
ACCOUNT = Account.from_key(b"\x11" * 32)
OPERATOR = Address(ACCOUNT.address.lower())

#: Where a life is killed by itself; "after send" is up to the sequencer, which has the bytes then.
POINTS = ("before insert", "after insert", "after commit", "after response", "before status update")

#: For how many seconds, which are blocks here, a transaction is good.
DEADLINE_SECONDS = 3


#: As short as a busy machine allows.
LEASE_SECONDS = 2.0


@dataclass(slots=True)
class Fate:
    """Kills this process when it has been somewhere for the last time."""

    point: str
    times_left: int

    def at(self, point: str) -> None:
        if point == self.point:
            self.times_left -= 1
            if self.times_left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class MortalStore:
    """A database during whose use one may be killed. Follows ``Store``."""

    store: Store
    fate: Fate
    _inserted: bool = field(default=False)

    @property
    def words(self) -> Mapping[str, str]:
        return self.store.words

    def query(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        signs = statement.startswith("INSERT INTO transactions")
        if signs:
            self.fate.at("before insert")
        elif statement.startswith("INSERT INTO steps") and State.SIGNED not in values:
            self.fate.at("before status update")
        rows = self.store.query(statement, values)
        if signs:
            self._inserted = True
            self.fate.at("after insert")
        return rows

    @contextmanager
    def writing(self, synced: bool = True) -> Iterator[None]:
        self._inserted = False
        with self.store.writing(synced):
            yield
        if self._inserted:
            self.fate.at("after commit")

    @contextmanager
    def migrating(self) -> Iterator[None]:
        with self.store.migrating():
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self.store.snapshot():
            yield

    def has(self, table: str) -> bool:
        return self.store.has(table)

    def close(self) -> None:
        self.store.close()


class MortalRpc(Rpc):
    """A node after whose answers one may be killed."""

    fate: Fate

    async def __call__(self, method: str, *params: Any) -> Any:
        try:
            return await super().__call__(method, *params)
        finally:
            if method == "eth_sendRawTransaction":
                self.fate.at("after response")


def journal_of(where: str, fate: Fate) -> Journal:
    """Open the journal in a file, or on PostgreSQL."""
    on_server = where.startswith("postgresql:")
    inner = PostgresStore.connect(where, LEASE_SECONDS) if on_server else SqliteStore.open(Path(where))
    store = MortalStore(inner, fate)
    bring_up_to_date(store, CHAIN_ID, GENESIS)
    return Journal(store, Leadership(where, "a chain", LEASE_SECONDS) if on_server else None)


async def live(url: str, where: str, fate: Fate, seed: int, most: int) -> None:
    """
    Find out what became of an earlier life's transactions, then send up to *most*, one after the other.
    """
    rng = random.Random(seed)
    journal = journal_of(where, fate)
    while not journal.lead(OPERATOR):
        await asyncio.sleep(0.01)
    journal.begin_run(OPERATOR, EXECUTOR)
    signer = LocalSigner(ACCOUNT, Policy(CHAIN_ID, EXECUTOR, max_fee_wei=10**10))
    async with MortalRpc(url) as rpc:
        rpc.fate = fate
        nonces = NonceManager(OPERATOR, int(await rpc("eth_getTransactionCount", OPERATOR, "latest"), 16))
        broadcast = Broadcast([RawEndpoint("node", rpc)])
        patience = Patience(blocks=6, rebroadcast_blocks=2, unknown_seconds=2)
        transactions = Transactions(rpc, broadcast, journal, nonces, Payouts(rpc, EXECUTOR, TREASURY), patience)
        await transactions.begin(_is_canonical)
        sent = 0
        while transactions.in_flight or sent < most:
            head = _block(await rpc("test_mine"))
            await transactions.follow(head, _is_canonical)
            if not transactions.in_flight and transactions.is_certain and sent < most:
                sent += 1
                await transactions.send(_signed(signer, nonces.next, head, transactions, rng))
    journal.close()


def _signed(
    signer: LocalSigner, nonce: int, head: Block, transactions: Transactions, rng: random.Random
) -> SignedTransaction:
    deadline = head.timestamp + DEADLINE_SECONDS
    data = deadline.to_bytes(8) + rng.randbytes(24)
    siblings = transactions.siblings(nonce)
    raw, transaction_hash = signer.sign_now(Unsigned(CHAIN_ID, nonce, EXECUTOR, data, 300_000, 40_000_000, 0))
    return SignedTransaction(
        sender=signer.address,
        nonce=nonce,
        hash=transaction_hash,
        raw=raw,
        block_number=head.number,
        deadline=deadline,
        routes=(PlannedRoute((Address("0x" + "aa" * 20),), TOKEN, "none", 10**24, 77, 1),),
        predicted=((TOKEN, 77),),
        predicted_profit_wei=10**18,
        gas_limit=300_000,
        max_fee_wei=40_000_000,
        sibling_of=siblings[-1].id if siblings else None,
    )


def _block(header: Mapping[str, Any]) -> Block:
    number, timestamp = int(header["number"], 16), int(header["timestamp"], 16)
    return Block(number, Hash(header["hash"]), Hash(header["parentHash"]), timestamp, 20_000_000)


async def _is_canonical(_hash: Hash, _number: int) -> bool:
    return True


def _nursery() -> None:
    configure_logs("error")
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                fate = Fate(told["point"], told["times"])
                asyncio.run(live(told["url"], told["where"], fate, told["seed"], told["most"]))
            except BaseException:  # noqa: BLE001 - whatever it is, it must not go on as a second nursery
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _nursery()
