"""
The latency benchmark measures the keeper's own objects, and misses none of the time.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from eth_account import Account

from benchmarks._desk import Desk, Tally, watch
from benchmarks._markets import generated
from benchmarks._told import placed
from benchmarks.latency import STAGES

BLOCKS = 12


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(placed(generated(160, 20, seed=4), 150), tmp_path, seed=4)
    with closing(desk.journal), ExitStack() as watched:
        watch(desk.probe, watched)
        yield desk


async def measured(desk: Desk) -> Tally:
    tally, rng = Tally(), random.Random(4)
    await desk.start()
    for _ in range(BLOCKS):
        moved = desk.world.moved(rng, 8)
        _, changed, _ = await desk.block(moved)
        assert [desk.market.pool(pool.address) for pool in moved] == moved
        if await desk.trade(changed, tally):
            desk.note(tally)
            desk.transactions.in_flight.clear()
    return tally


async def test_latency__transactions__are_signed_and_in_the_journal(desk: Desk) -> None:
    tally = await measured(desk)

    entries = desk.journal.entries()
    assert len(entries) == tally.outcomes["sent"] == len(tally.wall) > BLOCKS // 3
    for entry in entries:
        assert Account.recover_transaction(entry.transaction.raw).lower() == entry.transaction.sender


async def test_latency__stages__add_up_to_the_whole(desk: Desk) -> None:
    tally = await measured(desk)

    for taken, wall in zip(tally.stages, tally.wall, strict=True):
        assert set(taken) == {*STAGES, "simulate"}
        assert all(seconds > 0 for seconds in taken.values())
        assert sum(taken.values()) - taken["simulate"] == pytest.approx(wall)
