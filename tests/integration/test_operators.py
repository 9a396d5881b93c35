"""
Several operator keys, and gaps in their nonces, on a localnet.
"""

import json
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

import localnet
from keeper.chain.follower import to_block
from keeper.chain.rpc import Rpc
from keeper.config import load_chain, load_settings
from keeper.execution.opening import open_broadcast, open_operators, open_signers
from keeper.execution.operators import Operator, Operators
from keeper.execution.payouts import Payouts
from keeper.execution.wire import Unsigned
from keeper.gas import GasPrices
from keeper.journal import IN_BLOCK, OPEN, Journal, SignedTransaction, State
from keeper.preflight import Deployment
from keeper.types import Block, Hash
from localnet import Localnet, TraderSettings, accounts
from tests.keeper_process import PATIENCE_SECONDS, KeeperProcess, prepared, wait_for, write_keystore

FACTS = load_chain("arbitrum")
SECOND = accounts.public(1)
BASE_FEE_WEI = 20_000_000
PRICES = GasPrices(BASE_FEE_WEI, 0, 10**8, 1)


def told(keeper: KeeperProcess) -> list[tuple[str, str]]:
    """Each transaction's hash and state, as the journal of a keeper that may not have begun yet has them."""
    path = keeper.state_dir / "journal.sqlite"
    if not path.exists():
        return []
    last = "SELECT state FROM steps WHERE transaction_id = t.id ORDER BY id DESC LIMIT 1"
    with closing(sqlite3.connect(path)) as database:
        try:
            return list(database.execute(f"SELECT t.hash, ({last}) FROM transactions t ORDER BY t.id"))  # noqa: S608
        except sqlite3.OperationalError:
            return []  # it is being made


def in_flight(keeper: KeeperProcess) -> bool:
    return any(state in OPEN for _, state in told(keeper))


def stuck(keeper: KeeperProcess) -> bool:
    """Whether something is in flight that no block has: what is in one is settled as soon as the keeper looks."""
    receipt = "eth_getTransactionReceipt"
    return any(state in OPEN and keeper.net.rpc(receipt, sent) is None for sent, state in told(keeper))


# -------------------------------------------------------------------- whole keepers


@pytest.fixture(scope="module")
def keeper(net: Localnet, tmp_path_factory: pytest.TempPathFactory) -> KeeperProcess:
    return prepared(net, tmp_path_factory.mktemp("keeper"), others=[SECOND])


def test_keeper__two_keys__both_earn_and_journal_equals_chain(
    net: Localnet, keeper: KeeperProcess, tmp_path: Path
) -> None:
    report, second = tmp_path / "report.json", write_keystore(tmp_path / "second.json", SECOND)

    code, _, errors = keeper.run("--keystore", str(second), "--blocks", "60", "--report", str(report))

    assert code == 0, errors
    with closing(Journal.open(keeper.state_dir / "journal.sqlite", FACTS.chain_id, Hash(net.genesis_hash))) as journal:
        entries = journal.entries()
    used = Counter(entry.transaction.sender for entry in entries if entry.state in IN_BLOCK)
    assert set(used) == {keeper.operator, SECOND.address.lower()}
    for entry in entries:
        found = keeper.net.rpc("eth_getTransactionReceipt", entry.transaction.hash)
        assert (found is not None) == (entry.state in IN_BLOCK)
        assert found is None or found["from"] == entry.transaction.sender
    for gain in json.loads(report.read_text())["gain"].values():
        assert gain["realised"] == gain["treasury_delta"]


def test_keeper__told_to_stop_while_the_chain_stands_still__ends_within_seconds_and_sends_nothing(
    tmp_path: Path,
) -> None:
    with localnet.start(traders=TraderSettings(seed=5)) as net:
        keeper = prepared(net, tmp_path)
        process = keeper.start()
        try:
            stand_still_with_one_in_flight(keeper, process)
            sent = [transaction_hash for transaction_hash, _ in told(keeper)]
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=60)
            took = time.monotonic() - began
        finally:
            process.kill()
            process.wait()

    assert process.returncode == 0, errors
    assert "Stopped when told to" in output
    assert "transaction_left_open" in errors
    assert 3 <= took < 12  # three seconds, and what a busy machine takes for the rest
    assert [transaction_hash for transaction_hash, _ in told(keeper)] == sent
    assert in_flight(keeper)


def stand_still_with_one_in_flight(keeper: KeeperProcess, process: "subprocess.Popen[str]") -> None:
    """Let the keeper trade, then mine no block any more once it has sent something that is in none."""
    wait_for(lambda: bool(told(keeper)), process)
    assert keeper.net.sequencer is not None
    keeper.net.sequencer.stop()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not stuck(keeper):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        keeper.net.mine()
        again = time.monotonic() + 1
        while time.monotonic() < again and not stuck(keeper):
            time.sleep(0.05)


# -------------------------------------------------------------------- keys alone, block by block


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeeperProcess]:
    """A localnet whose blocks are mined by hand, with an executor that two keys may use."""
    with localnet.start() as net:
        ready = prepared(net, tmp_path_factory.mktemp("still"), others=[SECOND])
        assert net.sequencer is not None
        net.sequencer.stop()
        yield ready


@pytest.fixture
async def operators(still: KeeperProcess, tmp_path: Path) -> AsyncIterator[Operators]:
    settings = load_settings(rpc_url=still.net.url, pipeline=2)
    deployment = Deployment.load(still.state_dir / "deployment.json")
    executor = deployment.executor
    journal = Journal.open(tmp_path / "journal.sqlite", FACTS.chain_id, deployment.genesis_hash)
    journal.begin_run(executor, executor)
    async with AsyncExitStack() as opened:
        opened.callback(journal.close)
        rpc = await opened.enter_async_context(Rpc(still.net.url))
        keys = [accounts.public(0), SECOND]
        signers = await opened.enter_async_context(open_signers(settings, FACTS.chain_id, executor, keys))
        broadcast = await opened.enter_async_context(open_broadcast(settings, FACTS, rpc, keys))
        payouts = Payouts(rpc, executor, deployment.treasury)
        yield await open_operators(rpc, broadcast, journal, settings, FACTS.chain_id, payouts, signers)


def mined(net: Localnet, blocks: int = 1) -> Block:
    net.mine(blocks)
    return to_block(net.rpc("eth_getBlockByNumber", "latest", False))


async def refused_call(still: KeeperProcess, operator: Operator, nonce: int, max_fee_wei: int) -> SignedTransaction:
    """A call that the executor refuses: all that counts here is its nonce."""
    head = to_block(still.net.rpc("eth_getBlockByNumber", "latest", False))
    executor = Deployment.load(still.state_dir / "deployment.json").executor
    unsigned = Unsigned(FACTS.chain_id, nonce, executor, b"\xff" * 4, 100_000, max_fee_wei, 0)
    raw, transaction_hash = await operator.sign(unsigned, head.number)
    times = {"block_number": head.number, "deadline": head.timestamp + 60}
    empty = {"routes": (), "predicted": (), "predicted_profit_wei": 0}
    caps = {"gas_limit": 100_000, "max_fee_wei": max_fee_wei}
    return SignedTransaction(operator.address, nonce, transaction_hash, raw, **times, **empty, **caps)  # type: ignore[arg-type]


async def test_operators__two_keys_at_once__both_are_in_one_block(still: KeeperProcess, operators: Operators) -> None:
    net = still.net

    async def canonical(block_hash: Hash, number: int) -> bool:
        return bool(net.rpc("eth_getBlockByNumber", hex(number), False)["hash"] == block_hash)

    first, second = operators
    before = [first.next_nonce, second.next_nonce]
    for one in (first, second):
        await one.transactions.send(await refused_call(still, one, one.next_nonce, 2 * BASE_FEE_WEI))
    assert [entry.state for entry in operators.in_flight] == [State.SENT, State.SENT]

    outcomes = await operators.follow(mined(net), canonical)

    assert [outcome.state for outcome in outcomes] == [State.REVERTED, State.REVERTED]
    assert {outcome.transaction.sender for outcome in outcomes} == {first.address, second.address}
    assert len({outcome.position[0] for outcome in outcomes}) == 1
    assert [first.nonces.next, second.nonces.next] == [nonce + 1 for nonce in before]


async def test_operators__gap__is_filled_and_what_waited_for_it_is_included(
    still: KeeperProcess, operators: Operators
) -> None:
    net = still.net

    async def canonical(block_hash: Hash, number: int) -> bool:
        return bool(net.rpc("eth_getBlockByNumber", hex(number), False)["hash"] == block_hash)

    (first, _) = operators
    nonce = first.next_nonce
    # The lower one offers less than the base fee: the node refuses it, and holds the higher one.
    low = await refused_call(still, first, nonce, BASE_FEE_WEI // 2)
    high = await refused_call(still, first, nonce + 1, 2 * BASE_FEE_WEI)
    await first.transactions.send(low)
    await first.transactions.send(high)
    assert await operators.follow(mined(net, 2), canonical) == []
    assert (first.nonces.next, first.gaps) == (nonce, [nonce])

    await operators.fill_gaps(mined(net), PRICES)
    outcomes = await operators.follow(mined(net), canonical)

    assert [outcome.transaction.nonce for outcome in outcomes] == [nonce, nonce + 1]
    assert [outcome.state for outcome in outcomes] == [State.SOFT, State.REVERTED]
    filler = net.rpc("eth_getTransactionByHash", outcomes[0].transaction.hash)
    assert (filler["from"], filler["to"]) == (first.address, first.address)
    assert (filler["value"], filler["input"]) == ("0x0", "0x")
    assert [entry.state for entry in first.transactions.siblings(nonce)] == [State.DROPPED, State.SOFT]
    assert first.gaps == []
