"""
The latency benchmark measures the keeper's own objects, and misses none of the time.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from eth_account import Account

from benchmarks._desk import Bench, Tally, watch
from benchmarks._markets import generated
from benchmarks._told import placed
from benchmarks.latency import STAGES

BLOCKS = 12


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(placed(generated(160, 20, seed=4), 150), tmp_path, seed=4)
    with closing(bench.journal), ExitStack() as watched:
        watch(bench.probe, watched)
        yield bench


async def measured(bench: Bench) -> Tally:
    tally, rng = Tally(), random.Random(4)
    await bench.start()
    for _ in range(BLOCKS):
        moved = bench.world.moved(rng, 8)
        block, _ = await bench.block(moved)
        assert [bench.market.pool(pool.address) for pool in moved] == moved
        await bench.settle(block)
        await bench.trade(block, tally)
    return tally


async def test_latency__transactions__are_signed_and_in_the_journal(bench: Bench) -> None:
    tally = await measured(bench)

    entries = bench.journal.entries()
    assert len(entries) == bench.report.transactions["sent"] == len(tally.wall) > BLOCKS // 3
    for entry in entries:
        assert Account.recover_transaction(entry.transaction.raw).lower() == entry.transaction.sender


async def test_latency__stages__add_up_to_the_whole(bench: Bench) -> None:
    tally = await measured(bench)

    for taken, wall in zip(tally.stages, tally.wall, strict=True):
        assert set(taken) == {*STAGES, "simulate"}
        assert all(seconds > 0 for seconds in taken.values())
        assert sum(taken.values()) - taken["simulate"] == pytest.approx(wall)
