"""
A chain that takes blocks back, with our transactions in them.
"""

import json
import signal
import sqlite3
import time

from keeper.journal import IN_BLOCK, Journal, State
from keeper.types import Hash
from tests.keeper_process import KeeperProcess

REORGS = 6


def test_keeper__blocks_are_taken_back_under_it__journal_equals_the_chain(keeper: KeeperProcess) -> None:
    path = keeper.keystore.with_name("report.json")
    process = keeper.start("--report", str(path))
    try:
        for depth in range(1, REORGS + 1):
            wait_for_inclusion(keeper)
            keeper.net.reorganise(depth)
        wait_for_inclusion(keeper)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == 0, errors
    assert "Stopped" in output
    report = json.loads(path.read_text())
    assert 1 <= report["reorgs"] <= REORGS  # one that the keeper had not seen the blocks of is none to it
    for gain in report["gain"].values():
        assert gain["realised"] == gain["treasury_delta"]
    journal = Journal.open(keeper.state_dir / "journal.sqlite", 42161, Hash(keeper.net.genesis_hash))
    entries = journal.entries()
    journal.close()
    with sqlite3.connect(keeper.state_dir / "journal.sqlite") as database:
        (reorged,) = database.execute("SELECT count(*) FROM steps WHERE state = 'reorged'").fetchone()
    database.close()
    assert reorged > 0, "no block that was taken back held a transaction of ours"
    assert any(entry.state in (State.SOFT, State.FINAL) for entry in entries)
    for entry in entries:
        receipt = keeper.net.rpc("eth_getTransactionReceipt", entry.transaction.hash)
        assert (receipt is not None) == (entry.state in IN_BLOCK)
        if receipt is not None:
            assert entry.detail["block_hash"] == receipt["blockHash"]


def wait_for_inclusion(keeper: KeeperProcess) -> None:
    """Wait until the keeper has seen one more of its transactions in a block."""
    target = inclusions(keeper) + 1
    deadline = time.monotonic() + 120
    while inclusions(keeper) < target:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def inclusions(keeper: KeeperProcess) -> int:
    """Return how often a transaction was in a block, as the journal of a keeper that may not have begun yet tells."""
    path = keeper.state_dir / "journal.sqlite"
    if not path.exists():
        return 0
    database = sqlite3.connect(path)
    try:
        found = database.execute("SELECT count(*) FROM steps WHERE state = 'soft'").fetchone()
    except sqlite3.OperationalError:
        return 0  # it is being made
    finally:
        database.close()
    return int(found[0])
