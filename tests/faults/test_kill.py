"""
A keeper that is killed at any moment finds out, when it is started again, what became of its transactions.
"""

import random
import signal
import subprocess
from collections import defaultdict

import pytest

from keeper.journal import IN_BLOCK, Journal, State
from keeper.types import Address, Hash
from tests.keeper_process import KeeperProcess

KILLS = 10


def journal_of(keeper: KeeperProcess) -> Journal:
    return Journal.open(keeper.state_dir / "journal.sqlite", 42161, Hash(keeper.net.genesis_hash))


def test_keeper__killed_at_random_moments__sends_nothing_twice_and_loses_nothing(keeper: KeeperProcess) -> None:
    moments = random.Random(3)
    nonce_before = keeper.nonce()
    seen = 0
    for _ in range(KILLS):
        process = keeper.start()
        with pytest.raises(subprocess.TimeoutExpired):  # it runs until it is killed
            process.wait(timeout=moments.uniform(1.0, 4.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        journal = journal_of(keeper)
        assert len(journal.entries()) >= seen, "a row of the journal was lost"
        seen = len(journal.entries())
        journal.close()

    code, _, errors = keeper.run("--blocks", "8")

    assert code == 0, errors
    entries = journal_of(keeper).entries()
    by_nonce = defaultdict(list)
    for entry in entries:
        by_nonce[entry.transaction.nonce].append(entry)
    used = keeper.nonce()
    assert sorted(by_nonce)[: used - nonce_before] == list(range(nonce_before, used))
    for nonce in range(nonce_before, used):
        settled = [entry for entry in by_nonce[nonce] if entry.state in IN_BLOCK]
        assert len(settled) == 1, f"nonce {nonce} was used by none or two of the journal's transactions"
        assert all(entry.transaction.sibling_of is not None for entry in by_nonce[nonce][1:])
    for entry in entries:
        receipt = keeper.net.rpc("eth_getTransactionReceipt", entry.transaction.hash)
        assert (receipt is not None) == (entry.state in IN_BLOCK)
    assert any(entry.state in (State.SOFT, State.FINAL) for entry in entries)


def test_keeper__second_instance_on_one_journal__is_refused(keeper: KeeperProcess) -> None:
    first = keeper.start()
    assert first.stderr is not None
    try:
        while not (keeper.state_dir / "journal.sqlite").exists():
            assert first.poll() is None, first.stderr.read()
        code, _, errors = keeper.run("--blocks", "1")
        assert code == 1
        assert "another keeper is running" in errors
    finally:
        first.send_signal(signal.SIGTERM)
        output, errors = first.communicate(timeout=60)
    assert first.returncode == 0, errors
    assert "Stopped when told to" in output


def test_keeper__nonce_moved_by_a_stranger__refuses_to_start(keeper: KeeperProcess) -> None:
    code, _, errors = keeper.run("--blocks", "8")
    assert code == 0, errors
    journal = journal_of(keeper)
    assert journal.next_nonce(Address(keeper.operator)) is not None
    journal.close()
    nonce = keeper.nonce()
    keeper.net.rpc("anvil_setNonce", keeper.operator, hex(nonce + 1))

    code, _, errors = keeper.run("--blocks", "1")

    assert code == 1
    assert f"is at nonce {nonce + 1} on chain and at {nonce} in the journal" in errors
