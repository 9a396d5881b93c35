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
import platform
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account import Account
from rich.console import Console

import keeper.execution.trader
import keeper.opportunity
import localnet
from benchmarks._markets import World, generated
from benchmarks._probe import Probe
from benchmarks._told import BASE_FEE_WEI, Node, placed, tell
from keeper.chain.follower import Follower, NewBlock
from keeper.chain.heads import SubscribedHeads
from keeper.chain.rpc import Rpc
from keeper.config import Settings, load_chain
from keeper.events import TOPICS, decode
from keeper.execution.nonces import NonceManager
from keeper.execution.signer import LocalSigner
from keeper.execution.trader import Trader
from keeper.execution.transactions import Transactions
from keeper.gas import GasPrices
from keeper.journal import Journal
from keeper.lenders import Lender
from keeper.loop import Keeper
from keeper.market import Market
from keeper.monitor.table import Screen
from keeper.opportunity import Terms, scan
from keeper.pools.pool import Pool
from keeper.preflight import Deployment
from keeper.registry import topics_of
from keeper.routes.graph import Graph
from keeper.routes.warm import warm
from keeper.types import Address, Block, Hash
from localnet import TraderSettings, accounts
from scripts._deployment import deploy, rehearsal_roles

_FACTS = load_chain("arbitrum")
_PROFIT_SYMBOLS = ("WETH", "USDC", "USDT", "ARB", "WBTC")
_PRICES = GasPrices(BASE_FEE_WEI, 0, 10**8, 1)
_EXECUTOR, _TREASURY = Address("0x" + "e0" * 20), Address("0x" + "7e" * 20)
_GENESIS = Hash("0x" + "01" * 32)

#: Pools of the market, and how many are drawn to have so many that can be.
_POOLS, _DRAWN = 5_000, 5_100

#: Decisions that no figure counts: what is done once and remembered is done in them.
_WARM = 50

#: In the order in which they come; what is between them is in ``all``.
_STAGES = (
    "JSON",
    "logs believed",
    "decode",
    "apply",
    "graph",
    "search",
    "rank",
    "size exactly",
    "funding",
    "plan",
    "encode",
    "L1 fee",
    "fee and nonce",
    "sign",
    "journal",
)
#: What a trader calls his stages; those that are within them have names of their own.
_OF_TRADER = {"sign": "fee and nonce"}

#: Opportunities of a block that are tried at most, as the keeper does.
_TRIES = 16


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
    began = time.perf_counter()
    warm()
    state = Path(__file__).parents[1] / "var"
    state.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="latency-", dir=state) as folder:
        results: dict[str, Any] = {"kernels_s": time.perf_counter() - began, "machine": _machine(Path(folder))}
        results["generated market"] = asyncio.run(_generated(options, Path(folder)))
        results["machine"]["load at the end"] = os.getloadavg()[0]
        if options.blocks:
            results["localnet"] = _on_localnet(options, Path(folder))
    return results


# -------------------------------------------------------------------- the generated market


@dataclass(slots=True)
class _Tally:
    stages: list[dict[str, float]] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    blocks: int = 0
    logs: int = 0
    bytes: int = 0
    hops: Counter[int] = field(default_factory=Counter)


class _Desk:
    """What a keeper is made of, between a node in memory and a journal on disk."""

    def __init__(self, world: World, folder: Path, seed: int) -> None:
        tokens = {token.symbol: token.address for token in reversed(world.tokens)}
        self.world = world
        self.probe = Probe()
        self.node = Node(self.probe, self._begin, self._end)
        self.settings = Settings(rpc_url="http://127.0.0.1:9", min_profit_wei=2 * 10**12)  # type: ignore[arg-type]
        profit = tuple(tokens[symbol] for symbol in _PROFIT_SYMBOLS)
        self.terms = Terms(
            profit, tokens["WETH"], self.settings.max_hops, self.settings.funding, self.settings.min_profit_wei
        )
        self.lenders = [
            Lender(facts.name, Address(facts.address), facts.fee_pips, dict.fromkeys(profit, 10**27))
            for facts in _FACTS.lenders
        ]
        self.market, self.graph = Market([pool.info for pool in world.pools]), Graph()
        proved = topics_of({pool.info.family for pool in world.pools})
        self.follower = Follower(self.node, list(TOPICS), proved)  # type: ignore[arg-type]
        self.journal = Journal.open(folder / "journal.sqlite", _FACTS.chain_id, _GENESIS)
        signer = LocalSigner(Account.from_key(b"\x11" * 32), _FACTS.chain_id, _EXECUTOR)
        self.journal.begin_run(signer.address, _EXECUTOR)
        nonces = NonceManager(signer.address, 0)
        self.transactions = Transactions(self.node, self.journal, nonces, _EXECUTOR, _TREASURY, 40)  # type: ignore[arg-type]
        self.trader = Trader(
            self.node,  # type: ignore[arg-type]
            self.settings,
            _FACTS,
            _EXECUTOR,
            profit,
            signer,
            nonces,
            self.transactions,
        )
        self._rng = random.Random(seed)
        self._began = self._ended = (0.0, 0.0)

    async def start(self) -> None:
        self.node.told = tell(self._rng, {"number": "0x64", "hash": _GENESIS}, (), ())
        block = await self.follower.start()
        self.market.start(block, time.monotonic())
        self.market.refresh(self.world.pools)
        for pool in self.world.pools:
            self.graph.update(pool)
        self.graph.settle()

    async def block(self, after: Sequence[Pool]) -> tuple[Block, frozenset[Address], int]:
        """Take in the block that moved these pools; return it with what changed and how many logs it had."""
        before = [self.market.pool(pool.address) for pool in after]
        self.node.told = tell(self._rng, self.node.told.header, before, after)
        latest = Block(
            *(int(self.node.told.header["number"], 16), self.node.told.header["hash"]),
            *(self.node.told.header["parentHash"], int(self.node.told.header["timestamp"], 16), BASE_FEE_WEI),
            int(self.node.told.header["logsBloom"], 16),
        )
        stage = self.probe.stage
        with stage("logs believed"):
            (news,) = await self.follower.news(latest)
        assert isinstance(news, NewBlock)
        with stage("decode"):
            events = [event for log in news.logs if (event := decode(log)) is not None]
        with stage("apply"):
            changed = self.market.advance(news.block, events, time.monotonic())
        with stage("graph"):
            self.graph.forget(self.market.stale | self.market.cold)
            for address in changed:
                if (pool := self.market.peek(address)) is not None:
                    self.graph.update(pool)
        return news.block, changed, len(news.logs)

    async def trade(self, changed: frozenset[Address], tally: _Tally) -> bool:
        """Search, and send the best that can be; return whether something was sent."""
        stage = self.probe.stage
        with stage("search"):
            found = scan(self.market, self.graph, changed, self.terms, self.lenders, _PRICES)
        outcome = "nothing pays"
        while outcome != "sent" and found.told < _TRIES:
            with stage("rank"):
                opportunity = next(found, None)
            if opportunity is None:
                break
            outcome = await self.trader.trade(opportunity, self.market, _PRICES, self._stage)
            tally.outcomes[outcome.partition(":")[0]] += 1
            if outcome == "sent":
                tally.hops[len(opportunity.pools)] += 1
        return outcome == "sent"

    def note(self, tally: _Tally) -> None:
        """Note what the block took until its transaction was on disk, without what the node was asked meanwhile."""
        taken = self.probe.take()
        tally.stages.append(taken)
        tally.wall.append(self._ended[0] - self._began[0] - taken["simulate"])
        tally.processor.append(self._ended[1] - self._began[1])

    def _begin(self) -> None:
        self.probe.begin_anew()
        self._began = (time.perf_counter(), time.process_time())

    def _end(self) -> None:
        self._ended = (time.perf_counter(), time.process_time())

    def _stage(self, name: str) -> Any:
        return self.probe.stage(_OF_TRADER.get(name, name))


async def _generated(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    world = placed(generated(_DRAWN, 800, options.seed), _POOLS)
    desk, tally = _Desk(world, folder, options.seed), _Tally()
    rng, at_rest = random.Random(options.seed + 1), {pool.address: pool for pool in world.pools}
    with closing(desk.journal), ExitStack() as watched:
        _watch(desk.probe, watched)
        await desk.start()
        gc.collect()
        gc.freeze()  # as the keeper does
        while len(tally.wall) < options.transactions + _WARM:
            moved = world.moved(rng, options.changed)
            _, changed, logs = await desk.block(moved)
            tally.blocks += 1
            tally.logs, tally.bytes = tally.logs + logs, tally.bytes + len(desk.node.told.answer)
            if await desk.trade(changed, tally):
                desk.note(tally)
            block, *_ = await desk.block([at_rest[pool.address] for pool in moved])
            await desk.transactions.follow(block, _is_canonical)
        gc.unfreeze()
    return {
        "pools": len(world.pools),
        "blocks": tally.blocks,
        "logs of a block": tally.logs / tally.blocks,
        "bytes of a block": tally.bytes / tally.blocks,
        "transactions": len(tally.wall) - _WARM,
        "hops": dict(sorted(tally.hops.items())),
        "outcomes": dict(tally.outcomes),
        "ms": {
            **{name: _summary([taken.get(name, 0.0) for taken in tally.stages[_WARM:]]) for name in _STAGES},
            "all": _summary(tally.wall[_WARM:]),
            "all, of processor time": _summary(tally.processor[_WARM:]),
            "journal, encode and sign": _summary(
                [taken["journal"] + taken["encode"] + taken["sign"] for taken in tally.stages[_WARM:]]
            ),
        },
    }


def _watch(probe: Probe, watched: ExitStack) -> None:
    """What is called within the stages of scan and trade has stages of its own."""
    for owner, function, name in (
        (keeper.opportunity, "size", "size exactly"),
        (keeper.opportunity, "fundings", "funding"),
        (keeper.execution.trader, "encode", "encode"),
        (keeper.execution.trader, "l1_fee_wei", "L1 fee"),
        (LocalSigner, "sign", "sign"),
        (Journal, "signed", "journal"),
    ):
        watched.enter_context(probe.watching(owner, function, name))


async def _is_canonical(_hash: Hash, _number: int) -> bool:
    return True


# -------------------------------------------------------------------- the localnet


def _on_localnet(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The whole keeper's own figures, after so many blocks with traders."""
    operator, state = accounts.public(0), folder / "localnet"
    tokens = tuple(_FACTS.token(symbol) for symbol in _FACTS.profit_tokens)
    with localnet.start(traders=TraderSettings(seed=options.seed)) as net:
        roles = rehearsal_roles(operator.address, accounts.public(9).address, tokens)
        deploy(net.url, operator, roles, "localnet", state / "deployment.json")
        settings = Settings(rpc_url=net.url, ws_url=net.ws_url, state_dir=state, blocks=options.blocks)  # type: ignore[arg-type]
        return asyncio.run(_kept(settings, operator))


async def _kept(settings: Settings, operator: Any) -> dict[str, Any]:
    deployment = Deployment.load(settings.state_dir / "deployment.json")
    assert settings.ws_url is not None
    journal = Journal.open(settings.state_dir / "journal.sqlite", _FACTS.chain_id, deployment.genesis_hash)
    signer = LocalSigner(operator, _FACTS.chain_id, deployment.executor)
    heads = SubscribedHeads(settings.ws_url.get_secret_value(), settings.poll_seconds)
    with closing(journal):
        async with Rpc(*settings.nodes) as rpc, heads:
            screen = Screen("", Console(stderr=True))
            whole = Keeper(rpc, heads, settings, _FACTS, deployment, signer, journal, screen)
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


def _machine(folder: Path) -> dict[str, Any]:
    """What the figures depend on beside the code."""
    information = Path("/proc/cpuinfo")
    models = [line for line in information.read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "flush_ms": _flush(folder / "flushed"),
    }


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
    ordered = sorted(1e3 * value for value in seconds)
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
        f" {market['bytes of a block'] / 1_000:.0f} kB; hops {market['hops']}; {market['outcomes']}"
    )
    yield from _table(market["ms"], "median", "p99")
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
