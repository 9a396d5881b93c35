"""
Whether people who look at the dashboard slow the keeper: how long a block takes with none of them, and with a hundred.

A block of swaps comes every quarter of a second to a generated market; the keeper's own objects take it in, decide,
sign and write down, and hand the block to the dashboard, which is served from the same event loop. The node is in
memory, and lets others run at each request as a real one does. The viewers are real connections of another process.
Rounds without and with viewers alternate, with the same blocks, so that whatever else the machine does meets both.

``late`` is from when a block is due until the keeper begins with it, ``handled`` from there until its end; of it,
``processor`` is what the process had a core for, which other processes do not lengthen, and ``for viewers`` what the
event loop did for the dashboard where the keeper waited for the node. ``handing over`` is what the loop itself does for
the dashboard after a block.
"""

import argparse
import asyncio
import gc
import json
import random
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks._desk import _PRICES, FACTS, Bench, Tally
from benchmarks._machine import machine
from benchmarks._markets import generated
from benchmarks._meanwhile import Meanwhile
from benchmarks._told import Node, placed
from keeper.chain.rpc import Rpc
from keeper.execution.operation import Operation
from keeper.monitor.dashboard import Controls, Dashboard, Identity, Moment
from keeper.monitor.logs import configure_logs
from keeper.monitor.metrics import Metrics
from keeper.routes.warm import warm
from keeper.types import ZERO_ADDRESS, Block

#: A node that is not asked: what is known of it is handed over.
_NOBODY = Rpc("http://127.0.0.1:9")

_TOLD = (
    "processor time a second",
    "updates a viewer and second",
    "kB a viewer and second",
    "viewers that were dropped",
)

#: Blocks of a round that no figure counts.
_WARM = 4


def add_options(parser: argparse.ArgumentParser) -> None:
    """
    Add what can be chosen.
    """
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=4, help="without and with viewers (default: %(default)s)")
    parser.add_argument("--blocks", type=int, default=60, help="of a round (default: %(default)s)")
    parser.add_argument("--pools", type=int, default=2_000)
    parser.add_argument("--interval", type=float, default=0.25, help="seconds between blocks (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)


class _Waiting(Node):
    """A node whose answers are waited for: whatever else is due runs meanwhile."""

    async def __call__(self, method: str, *params: Any) -> Any:
        await asyncio.sleep(0)
        return await super().__call__(method, *params)


@dataclass(slots=True)
class _Taken:
    """What blocks took, in seconds, an item a block."""

    late: list[float] = field(default_factory=list)
    handled: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    meanwhile: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    updates: int = 0
    bytes: int = 0
    left: int = 0
    seconds: float = 0.0
    spent: float = 0.0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """
    Measure blocks without and with viewers.
    """
    configure_logs("error")
    warm()
    with tempfile.TemporaryDirectory(prefix="dashboard-") as folder:
        taken = asyncio.run(_measure(options, Path(folder)))
    return {
        "machine": machine(),
        "pools": options.pools,
        "interval_s": options.interval,
        **{f"{count} viewers": _figures(one, count) for count, one in taken.items()},
        "more with viewers, of the same block": {
            name: _summary(
                [more - less for less, more in zip(*(getattr(one, name) for one in taken.values()), strict=True)]
            )
            for name in ("late", "handled", "processor")
        },
    }


async def _measure(options: argparse.Namespace, folder: Path) -> dict[int, _Taken]:
    world = placed(generated(options.pools * 51 // 50, 400, options.seed), options.pools)
    bench, operation = Bench(world, folder, options.seed), Operation(folder)
    bench.node.__class__ = _Waiting
    operation.begin()
    identity = Identity(
        FACTS.name, FACTS.chain_id, ZERO_ADDRESS, ZERO_ADDRESS, ZERO_ADDRESS, "", False, FACTS.token_by_address
    )
    taken = {0: _Taken(), options.viewers: _Taken()}
    meanwhile = Meanwhile()
    async with AsyncExitStack() as stack:
        stack.enter_context(closing(bench.journal))
        stack.enter_context(meanwhile.watching())
        dashboard = await stack.enter_async_context(
            Dashboard(identity, Controls(operation, Metrics()), "127.0.0.1", 18_421, (), folder)
        )
        await bench.start()
        gc.collect()
        gc.freeze()  # as the keeper does
        for number in range(options.rounds):
            for count, figures in taken.items():
                # The same blocks for both.
                rng = random.Random(options.seed + 1 + number)
                await _round(options, bench, dashboard, meanwhile, rng, count, figures)
        gc.unfreeze()
    return taken


async def _round(
    options: argparse.Namespace,
    bench: Bench,
    dashboard: Dashboard,
    meanwhile: Meanwhile,
    rng: random.Random,
    count: int,
    figures: _Taken,
) -> None:
    viewers = await _viewers(dashboard.url, count) if count else None
    loop, began, spent = asyncio.get_running_loop(), time.perf_counter(), time.process_time()
    at_rest = {pool.address: pool for pool in bench.world.pools}
    due, moved = loop.time(), bench.world.moved(rng, 20)
    for number in range(options.blocks + _WARM):
        due = max(due + options.interval, loop.time())
        await asyncio.sleep(due - loop.time())
        late = loop.time() - due
        dashboard.ticked()
        dashboard.block_began()
        meanwhile.begin()
        start, core = time.perf_counter(), time.process_time()
        # What one block moved, the next one moves back: the market stays what it is.
        if number % 2 == 0:
            moved = bench.world.moved(rng, 20)
            block, _ = await bench.block(moved)
            await bench.trade(block, Tally())
        else:
            block, _ = await bench.block([at_rest[pool.address] for pool in moved])
            await bench.settle(block)
        core = time.process_time() - core
        end = time.perf_counter()
        others = meanwhile.take()
        dashboard.block_ended(_moment(bench, block, end - start))
        if number >= _WARM and number % 2 == 0:
            figures.late.append(late)
            figures.handled.append(end - start)
            figures.processor.append(core)
            figures.meanwhile.append(others)
            figures.told.append(time.perf_counter() - end)
    figures.seconds += time.perf_counter() - began
    figures.spent += time.process_time() - spent
    if viewers is not None:
        seen = await _told(viewers)
        figures.updates += seen["updates"]
        figures.bytes += seen["bytes"]
        figures.left += seen["left"]


def _moment(bench: Bench, block: Block, seconds: float) -> Moment:
    return Moment(
        block,
        seconds,
        bench.market,
        bench.report,
        len(bench.transactions.in_flight),
        bench._lenders,
        bench._upkeep.quarantine,
        _PRICES,
        bench.node.calls,
        _NOBODY.health,
    )


async def _viewers(url: str, count: int) -> Process:
    """A process in which so many look, once all of them do."""
    where = urlsplit(url)
    command = [sys.executable, "-m", "benchmarks._viewers", str(where.hostname), str(where.port), str(count)]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    said = await process.stdout.readline()
    assert said == b"ready\n", said
    return process


async def _told(viewers: Process) -> dict[str, int]:
    """End them, and return what they saw."""
    assert viewers.stdin is not None
    viewers.stdin.close()
    output, _ = await viewers.communicate()
    seen: dict[str, int] = json.loads(output)
    return seen


def _figures(taken: _Taken, viewers: int) -> dict[str, Any]:
    whole = [late + handled for late, handled in zip(taken.late, taken.handled, strict=True)]
    figures: dict[str, Any] = {
        "blocks": len(whole),
        "ms": {
            "late": _summary(taken.late),
            "handled": _summary(taken.handled),
            "both": _summary(whole),
            "processor": _summary(taken.processor),
            "for viewers": _summary(taken.meanwhile),
            "handing over": _summary(taken.told),
        },
        "processor time a second": taken.spent / taken.seconds,
    }
    if viewers:
        figures["updates a viewer and second"] = taken.updates / viewers / taken.seconds
        figures["kB a viewer and second"] = taken.bytes / viewers / taken.seconds / 1e3
        figures["viewers that were dropped"] = taken.left
    return figures


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(1e3 * value for value in seconds)
    shares = {"median": 0.5, "p90": 0.9, "p99": 0.99}
    return {name: ordered[min(int(share * len(ordered)), len(ordered) - 1)] for name, share in shares.items()}


def lines(results: dict[str, Any]) -> Iterator[str]:
    """
    Say the results in a table.
    """
    known = results["machine"]
    yield (
        f"{known['processor']}, {known['cores']} cores, load {known['load']:.1f}, Python {known['python']};"
        f" {results['pools']:,} pools, a block every {results['interval_s']} s"
    )
    for name, figures in results.items():
        if not name.endswith("viewers"):
            continue
        yield f"{name}, {figures['blocks']} blocks that were decided on"
        for what, values in figures["ms"].items():
            yield f"  {what:<14}" + "".join(f"{key:>8} {value:8.3f}" for key, value in values.items()) + "  ms"
        for what in _TOLD:
            if what in figures:
                yield f"  {what}: {figures[what]:.3f}"
    yield "more with viewers, of the same block"
    for what, values in results["more with viewers, of the same block"].items():
        yield f"  {what:<14}" + "".join(f"{key:>8} {value:8.3f}" for key, value in values.items()) + "  ms"
