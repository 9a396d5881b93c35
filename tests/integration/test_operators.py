"""
Several operator keys, and gaps in their nonces, on a localnet.
"""

import json
import signal
import sqlite3
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
from keeper.journal import IN_BLOCK, Journal, SignedTransaction, State
from keeper.preflight import Deployment
from keeper.types import Block, Hash
from localnet import Localnet, TraderSettings, accounts
from tests.keeper_process import KeeperProcess, prepared, write_keystore

FACTS = load_chain("arbitrum")
SECOND = accounts.public(1)
BASE_FEE_WEI = 20_000_000
PRICES = GasPrices(BASE_FEE_WEI, 0, 10**8, 1)


def journal_of(keeper: KeeperProcess) -> Journal:
    return Journal.open(keeper.state_dir / "journal.sqlite", FACTS.chain_id, Hash(keeper.net.genesis_hash))


# -------------------------------------------------------------------- whole keepers


@pytest.fixture(scope="module")
def net() -> Iterator[Localnet]:
    with localnet.start(traders=TraderSettings(seed=5)) as net:
        yield net


@pytest.fixture(scope="module")
def keeper(net: Localnet, tmp_path_factory: pytest.TempPathFactory) -> KeeperProcess:
    return prepared(net, tmp_path_factory.mktemp("keeper"), others=[SECOND])


def test_keeper__two_keys__both_earn_and_journal_equals_chain(keeper: KeeperProcess, tmp_path: Path) -> None:
    report, second = tmp_path / "report.json", write_keystore(tmp_path / "second.json", SECOND)

    code, _, errors = keeper.run("--keystore", str(second), "--blocks", "60", "--report", str(report))

    assert code == 0, errors
    entries = journal_of(keeper).entries()
    used = Counter(entry.transaction.sender for entry in entries if entry.state in IN_BLOCK)
    assert set(used) == {keeper.operator, SECOND.address.lower()}
    for entry in entries:
        found = keeper.net.rpc("eth_getTransactionReceipt", entry.transaction.hash)
        assert (found is not None) == (entry.state in IN_BLOCK)
        assert found is None or found["from"] == entry.transaction.sender
    for gain in json.loads(report.read_text())["gain"].values():
        assert gain["realised"] == gain["treasury_delta"]


def test_keeper__told_to_stop__sends_nothing_more_and_ends_within_seconds(keeper: KeeperProcess) -> None:
    process = keeper.start()
    try:
        before = len(journal_of(keeper).entries())
        deadline = time.monotonic() + 120
        while len(journal_of(keeper).entries()) == before:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        told = time.time()
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == 0, errors
    assert "Stopped when told to" in output
    entries = journal_of(keeper).entries()
    sent = [at for at in sending_times(keeper) if at > told + 0.5]  # what was being signed when it was told
    assert sent == []
    assert len(entries) > before


def sending_times(keeper: KeeperProcess) -> list[float]:
    """When each transaction was signed."""
    with closing(sqlite3.connect(keeper.state_dir / "journal.sqlite")) as database:
        return [at for (at,) in database.execute("SELECT at FROM transactions")]


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
