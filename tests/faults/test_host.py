"""
The machine that the keeper runs on, and whoever else has its key.
"""

import re
import sqlite3
import threading
import time
from dataclasses import replace

import pytest

from keeper.execution.operation import OperatingState
from keeper.journal import State
from keeper.journal.halts import open_halts
from keeper.pools.uniswap_v2 import UniswapV2Pool
from localnet import Localnet
from soak import faults
from soak.flight import Flight
from soak.oracles import OracleError, market_is_the_chains
from soak.proxy import SENDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPTIONS = {"patience_blocks": 4}


async def halted(flight: Flight) -> str:
    """Return why a keeper is halted, once it is."""
    operation = flight.keeper.operation
    await flight.until(lambda: operation.state is OperatingState.HALTED, 60)
    return "; ".join(operation.reasons.values())


async def begun_anew(flight: Flight) -> None:
    """Arm the keeper again, as a person would who has mended the cause, and start it."""
    await flight.kill()
    with open_halts(flight.settings()) as halts:
        flight.keeper.operation.rearm(halts)
    await flight.start()


async def test_disk__is_full__keeper_stops_with_nothing_sent_unwritten(checked: Flight) -> None:
    ((pages,),) = checked.journal._store.query("PRAGMA page_count")
    checked.journal._store.query(f"PRAGMA max_page_count = {pages}")

    assert "cannot be written: the disk is full" in await halted(checked)

    assert all(sent.written for sent in checked.sent)
    await begun_anew(checked)  # somebody made room


async def test_journal__is_locked_by_another_for_a_moment__keeper_waits(checked: Flight) -> None:
    path = checked.settings().state_dir / "journal.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(1.0, lambda: other.execute("ROLLBACK"))
    release.start()
    await checked.pass_blocks(4)
    release.join()
    other.close()


async def test_loop__is_blocked_for_two_seconds__blocks_are_caught_up_with(checked: Flight) -> None:
    before = checked.blocks
    time.sleep(2.0)  # this is the fault

    await checked.until(lambda: checked.blocks >= before + 7)


async def test_keeper__is_told_to_stop__drains_and_sends_nothing_more(checked: Flight) -> None:
    began = time.monotonic()
    await checked.stop()
    sent = len(checked.sent)

    assert time.monotonic() - began < 16
    await checked.start()
    assert len(checked.sent) == sent


async def test_keeper__is_killed_anywhere_and_started_again__goes_on(checked: Flight) -> None:
    for _ in range(3):
        await checked.pass_blocks(2)
        await checked.kill()
        await checked.start()


async def test_nonce__is_used_by_a_stranger_while_the_keeper_runs__it_stops(checked: Flight, chain: Localnet) -> None:
    with checked.first.inject(faults.swallow, SENDS), checked.second.inject(faults.swallow, SENDS):
        newest = checked.newest  # what was offered before may have reached a node
        await checked.until(lambda: checked.newest > newest and checked.entries[-1].state is State.SENT)
        nonce = checked.entries[-1].transaction.nonce
        chain.rpc("anvil_setNonce", checked.operator, hex(nonce + 1))
        try:
            assert re.search(f"nonce {nonce} of operator .* not in the journal", await halted(checked))
        finally:
            chain.rpc("anvil_setNonce", checked.operator, hex(nonce))
        await begun_anew(checked)


async def test_market__is_tampered_with__is_noticed(checked: Flight) -> None:
    market = checked.keeper.market
    pool = next(pool for pool in market if isinstance(pool, UniswapV2Pool))
    market.admit(replace(pool, reserve0=pool.reserve0 + 1))

    with pytest.raises(OracleError, match=f"O3: .*{pool.address}"):
        await market_is_the_chains(checked)

    market.invalidate(pool.address)
