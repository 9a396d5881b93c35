"""
How long it takes from a block's raw logs to signed bytes on disk, stage by stage, and the simulation beside it.

In the generated market a block of swaps comes as the JSON text of a node's answer; what the keeper is made of takes it
in, decides, and trades with a real key and a real journal. The node is in memory: it consents at once to whatever is
simulated and sent. What a node takes is measured with the whole keeper on a localnet, over loopback.
"""

import argparse
import asyncio
import gc
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from rich.console import Console

import localnet
from benchmarks._desk import FACTS, Bench, Tally, watch
from benchmarks._machine import machine
from benchmarks._markets import generated
from benchmarks._told import placed
from keeper.chain.heads import SubscribedHeads
from keeper.chain.rpc import Rpc
from keeper.config import Settings
from keeper.execution.opening import open_broadcast, open_signers
from keeper.garbage import freeze, undisturbed
from keeper.journal import Journal
from keeper.loop import Keeper
from keeper.monitor.logs import configure_logs
from keeper.monitor.table import Screen
from keeper.preflight import Deployment
from keeper.routes.warm import warm
from keeper.snapshot import SnapshotFile
from localnet import TraderSettings, accounts
from scripts._deployment import deploy, rehearsal_roles

#: Pools of the market, and how many are drawn to have so many that can be.
_POOLS, _DRAWN = 5_000, 5_100

#: Decisions that no figure counts: what is done once and remembered is done in them.
_WARM = 50

#: In the order in which they come; what is between them is in ``all``.
STAGES = (
    "JSON",
    "logs believed",
    "decode",
    "apply",
    "graph",
    "search",
    "rank",
    "bundle",
    "size exactly",
    "funding",
    "plan",
    "encode",
    "L1 fee",
    "fee and nonce",
    "sign",
    "journal",
    "between",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """
    Add what can be chosen.
    """
    parser.add_argument(
        "--transactions", type=int, default=1_000, help="in the generated market (default: %(default)s)"
    )
    parser.add_argument("--changed", type=int, default=20, help="pools that a block changes (default: %(default)s)")
    parser.add_argument(
        "--blocks", type=int, default=120, help="of the localnet; 0 leaves it out (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """
    Measure the generated market, then the localnet.
    """
    configure_logs("warning")
    began = time.perf_counter()
    warm()
    state = Path(__file__).parents[1] / "var"
    state.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="latency-", dir=state) as folder:
        results: dict[str, Any] = {
            "kernels_s": time.perf_counter() - began,
            "machine": machine() | {"flush_ms": _flush(Path(folder) / "flushed")},
        }
        results["generated market"] = asyncio.run(_generated(options, Path(folder)))
        results["machine"]["load at the end"] = os.getloadavg()[0]
        if options.blocks:
            results["localnet"] = _on_localnet(options, Path(folder))
    return results


# -------------------------------------------------------------------- the generated market


async def _generated(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    world = placed(generated(_DRAWN, 800, options.seed), _POOLS)
    bench, tally = Bench(world, folder, options.seed), Tally()
    rng, at_rest = random.Random(options.seed + 1), {pool.address: pool for pool in world.pools}
    with closing(bench.journal), ExitStack() as watched:
        watch(bench.probe, watched)
        await bench.start()
        freeze()
        while len(tally.wall) < options.transactions + _WARM:
            moved = world.moved(rng, options.changed)
            with undisturbed():
                block, logs = await bench.block(moved)
                await bench.trade(block, tally)
            tally.blocks += 1
            tally.logs, tally.bytes = tally.logs + logs, tally.bytes + len(bench.node.told.answer)
            block, _ = await bench.block([at_rest[pool.address] for pool in moved])
            await bench.settle(block)
        gc.unfreeze()
    stages, wall, disturbed = tally.stages[_WARM:], tally.wall[_WARM:], tally.disturbed[_WARM:]
    quiet = [seconds for seconds, was in zip(wall, disturbed, strict=True) if not was]
    written = [taken["journal"] for taken in stages]
    return {
        "pools": len(world.pools),
        "blocks": tally.blocks,
        "logs of a block": tally.logs / tally.blocks,
        "bytes of a block": tally.bytes / tally.blocks,
        "transactions": len(wall),
        "routes": {str(routes): count for routes, count in sorted(bench.report.routes_sent.items())},
        "refused": dict(bench.report.refused),
        "profit_wei": bench.report.expected["profit_wei"],
        "undisturbed": len(quiet),
        "ms": {
            **{name: _summary([taken.get(name, 0.0) for taken in stages]) for name in STAGES},
            "all": _summary(wall),
            "all but the journal": _summary([whole - part for whole, part in zip(wall, written, strict=True)]),
            "all, undisturbed": _summary(quiet),
            "all, processor time": _summary(tally.processor[_WARM:]),
            "journal, encode, sign": _summary([taken["journal"] + taken["encode"] + taken["sign"] for taken in stages]),
        },
    }


# -------------------------------------------------------------------- the localnet


def _on_localnet(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The whole keeper's own figures, after so many blocks with traders."""
    operator, state = accounts.public(0), folder / "localnet"
    tokens = tuple(FACTS.token(symbol) for symbol in FACTS.profit_tokens)
    with localnet.start(traders=TraderSettings(seed=options.seed)) as net:
        roles = rehearsal_roles(operator.address, accounts.public(9).address, tokens)
        deploy(net.url, operator, roles, "localnet", state / "deployment.json")
        net.mine(2)  # a keeper begins at the parent of the latest block
        settings = Settings(rpc_url=net.url, ws_url=net.ws_url, state_dir=state, blocks=options.blocks)  # type: ignore[arg-type]
        return asyncio.run(_kept(settings, operator))


async def _kept(settings: Settings, operator: Any) -> dict[str, Any]:
    deployment = Deployment.load(settings.state_dir / "deployment.json")
    assert settings.ws_url is not None
    journal = Journal.open(settings.state_dir / "journal.sqlite", FACTS.chain_id, deployment.genesis_hash)
    heads = SubscribedHeads(settings.ws_url.get_secret_value(), settings.poll_seconds)
    with closing(journal):
        async with (
            Rpc(*settings.nodes) as rpc,
            heads,
            open_signers(settings, FACTS.chain_id, deployment.executor, [operator]) as signers,
            open_broadcast(settings, FACTS, rpc, []) as broadcast,
        ):
            screen = Screen("", Console(stderr=True))
            file = SnapshotFile(settings.state_dir / "market.jsonl", {})
            whole = Keeper(rpc, heads, settings, FACTS, deployment, signers, broadcast, journal, screen, file)
            await whole.run(asyncio.Event())
    report = whole.report
    return {
        "blocks": report.blocks,
        "events": report.events,
        "pools": len(whole.market),
        "opportunities": report.opportunities,
        "transactions": dict(report.transactions),
        "ms": report.latency.summary(),
        "load": os.getloadavg()[0],
    }


# -------------------------------------------------------------------- figures


def _flush(file: Path) -> dict[str, float]:
    """What it takes to have one page on disk: no journal can be faster."""
    seconds = []
    with file.open("wb", buffering=0) as handle:
        for _ in range(200):
            handle.seek(0)
            began = time.perf_counter()
            handle.write(bytes(4_096))
            os.fdatasync(handle.fileno())
            seconds.append(time.perf_counter() - began)
    return _summary(seconds)


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(1e3 * value for value in seconds) or [0.0]
    shares = {"median": 0.5, "p99": 0.99, "least": 0.0, "most": 1.0}
    return {name: ordered[min(int(share * len(ordered)), len(ordered) - 1)] for name, share in shares.items()}


def lines(results: dict[str, Any]) -> Iterator[str]:
    """
    Say the results in a table.
    """
    machine = results["machine"]
    flush = machine["flush_ms"]
    yield (
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}; load {machine['load']:.1f}, at"
        f" the end {machine['load at the end']:.1f}; a page on disk: median {flush['median']:.2f} ms, least"
        f" {flush['least']:.2f}"
    )
    yield f"kernels compiled or loaded in {results['kernels_s']:.1f} s"
    market = results["generated market"]
    yield (
        f"generated market of {market['pools']:,} pools, {market['transactions']:,} transactions of"
        f" {market['blocks']:,} blocks, each {market['logs of a block']:.0f} logs of ours in"
        f" {market['bytes of a block'] / 1_000:.0f} kB; of so many routes: {market['routes']}, to earn"
        f" {market['profit_wei'] / 10**18:.4f} ETH;"
        f" refused: {market['refused'] or 'none'};"
        f" during {market['undisturbed']:,} no other process was given the core"
    )
    yield from _table(market["ms"], "least", "median", "p99", "most")
    if "localnet" in results:
        net = results["localnet"]
        yield (
            f"localnet, {net['pools']} pools, {net['blocks']} blocks, {net['events']} events: {net['transactions']};"
            f" load {net['load']:.1f}"
        )
        yield from _table(net["ms"], "p50", "p99")


def _table(figures: dict[str, dict[str, float]], *columns: str) -> Iterator[str]:
    width = max(map(len, figures))
    yield "  " + " " * width + "".join(f"{column:>10}" for column in columns) + "  ms"
    for name, values in figures.items():
        yield f"  {name:<{width}}" + "".join(f"{values[column]:10.3f}" for column in columns)
