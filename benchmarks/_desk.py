"""
The keeper's own objects at work, between a node in memory and a journal on disk.
"""

import random
import resource
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from rich.console import Console

import keeper.bundling
import keeper.opportunity
from benchmarks._markets import World
from benchmarks._probe import Probe, Stage
from benchmarks._told import BASE_FEE_WEI, Node, tell
from keeper.bundling import Bundler
from keeper.chain.bloom import Log
from keeper.chain.follower import Follower, NewBlock, to_block
from keeper.chain.reader import Reader
from keeper.config import ChainFacts, Settings, load_chain
from keeper.desk import Desk
from keeper.errors import MalformedLog
from keeper.events import TOPICS, decode_each
from keeper.execution.endpoints import RawEndpoint
from keeper.execution.nonces import NonceManager
from keeper.execution.operators import Caps, Operator, Operators
from keeper.execution.payouts import Payouts
from keeper.execution.signer import LocalSigner, Policy
from keeper.execution.simulation import Simulator
from keeper.execution.submission import Broadcast
from keeper.execution.trader import Trader
from keeper.execution.transactions import Patience, Transactions
from keeper.gas import GasPrices
from keeper.journal import Journal
from keeper.lenders import TOPICS as LENDERS_TOPICS
from keeper.lenders import Lender
from keeper.market import Market
from keeper.monitor.report import Latency, Report
from keeper.monitor.table import Screen
from keeper.opportunity import Scene
from keeper.pools.pool import Pool
from keeper.preflight import Deployment
from keeper.registry import topics_of
from keeper.types import Address, Block, Hash
from keeper.upkeep import Upkeep

FACTS = load_chain("arbitrum")

_PROFIT_SYMBOLS = ("WETH", "USDC", "USDT", "ARB", "WBTC")
_PRICES = GasPrices(BASE_FEE_WEI, 0, 10**8, 1)
_EXECUTOR, _TREASURY = Address("0x" + "e0" * 20), Address("0x" + "7e" * 20)
_GENESIS = Hash("0x" + "01" * 32)

#: Other names for stages of the keeper's that have others within them.
_RENAMED = {"decide": "rank", "sign": "fee and nonce"}


@dataclass(slots=True)
class Tally:
    """
    What was measured, an item a transaction.

    Attributes:
        stages: The seconds of each stage; ``between`` is what none of them took.
        wall: From the arrival of the logs until the bytes leave, without the simulation.
        processor: How long the process had a core meanwhile.
        disturbed: Whether another process was given it.
    """

    stages: list[dict[str, float]] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    disturbed: list[bool] = field(default_factory=list)
    blocks: int = 0
    logs: int = 0
    bytes: int = 0


class _Latency(Latency):
    """Hands the keeper's stages to a probe."""

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self._probe = probe

    def stage(self, name: str) -> Stage:  # type: ignore[override]
        return self._probe.stage(_RENAMED.get(name, name))


class Bench:
    """
    Attributes:
        report: What the desk counted.
        journal: On disk, in *folder*.
    """

    def __init__(self, world: World, folder: Path, seed: int) -> None:
        self.world = world
        self.probe = Probe()
        self.node = Node(self.probe, self._begin, self._end)
        settings = Settings(
            rpc_url="http://127.0.0.1:9",  # type: ignore[arg-type]
            min_profit_wei=2 * 10**12,
            profit_tokens=_PROFIT_SYMBOLS,
        )
        facts = _facts(world)
        profit = tuple(map(facts.token, _PROFIT_SYMBOLS))
        deployment = Deployment(facts.chain_id, _GENESIS, _EXECUTOR, _GENESIS, _TREASURY, profit)
        proved = topics_of({pool.info.family for pool in world.pools})
        self._follower = Follower(self.node, [*TOPICS, *LENDERS_TOPICS], proved)  # type: ignore[arg-type]
        self._upkeep = Upkeep(Reader(self.node, Address(facts.multicall3)), settings, facts, profit)  # type: ignore[arg-type]
        self._upkeep.market = Market([pool.info for pool in world.pools])
        self.journal = Journal.open(folder / "journal.sqlite", facts.chain_id, _GENESIS)
        self.report = Report(latency=_Latency(self.probe))
        screen = Screen("", Console(stderr=True))
        self._desk = Desk(settings, facts, deployment, self._upkeep, self.journal, self.report, screen)
        self._lenders = [
            Lender(lender.name, Address(lender.address), lender.fee_pips * 10**12, dict.fromkeys(profit, 10**27))
            for lender in facts.lenders
        ]
        policy = Policy(facts.chain_id, _EXECUTOR, settings.max_base_fee_wei)
        signer = LocalSigner(Account.from_key(b"\x11" * 32), policy)
        nonces, payouts = NonceManager(signer.address, 0), Payouts(self.node, _EXECUTOR, _TREASURY)  # type: ignore[arg-type]
        broadcast = Broadcast([RawEndpoint("node", self.node)])
        self.transactions = Transactions(self.node, broadcast, self.journal, nonces, payouts, Patience(40))  # type: ignore[arg-type]
        operator = Operator(signer.address, signer, nonces, self.transactions)
        caps = Caps(facts.chain_id, settings.max_base_fee_wei)
        operators = Operators(self.node, broadcast, [operator], caps)  # type: ignore[arg-type]
        simulator = Simulator(self.node, _EXECUTOR, Address(facts.node_interface))  # type: ignore[arg-type]
        self._trader = Trader(simulator, settings, facts, _EXECUTOR, operators, lambda: True)
        self.journal.begin_run(signer.address, _EXECUTOR)
        self._rng = random.Random(seed)
        self._began = self._ended = (0.0, 0.0, 0)
        self._taken: dict[str, float] = {}

    @property
    def market(self) -> Market:
        """All pools as of the head."""
        return self._upkeep.market

    async def start(self) -> None:
        """Begin with the market at rest."""
        self.node.told = tell(self._rng, {"number": "0x64", "hash": _GENESIS}, (), ())
        self.market.start(await self._follower.start(), time.monotonic())
        self.market.refresh(self.world.pools)
        self._desk.restart(pool.address for pool in self.world.pools)
        self._desk.rank_flash_pools()
        # The first decision looks at everything.
        self._desk.lenders.refresh(self._lenders, time.monotonic())
        await self._desk.trade(self.market.head, _PRICES, time.monotonic(), self._trader)

    async def block(self, after: Sequence[Pool]) -> tuple[Block, int]:
        """Take in the block that moved these pools; return it and how many logs of ours it had."""
        before = [self.market.pool(pool.address) for pool in after]
        self.node.told = tell(self._rng, self.node.told.header, before, after)
        latest = to_block(self.node.told.header)
        stage = self.probe.stage
        with stage("logs believed"):
            (news,) = await self._follower.news(latest)
        assert isinstance(news, NewBlock)
        with stage("decode"):
            events = decode_each(news.logs, _refuse)
        with stage("apply"):
            changed = self.market.advance(news.block, events, time.monotonic())
        with stage("graph"):
            self._desk.changed(changed)
        self._desk.books.hear(news.block, news.logs, events)
        self._desk.lenders.follow(news.logs)
        return news.block, len(news.logs)

    async def trade(self, block: Block, tally: Tally) -> bool:
        """Decide, and send what is best; return whether something was sent."""
        now = time.monotonic()
        self._desk.lenders.refresh(self._lenders, now)
        sent = await self._desk.trade(block, _PRICES, now, self._trader)
        if sent:
            self._note(tally)
        return sent

    async def settle(self, block: Block) -> None:
        """Have what was sent be in a block. It is not booked: a node that executes nothing cannot tell its gain."""
        await self.transactions.follow(block, _is_canonical)

    def _note(self, tally: Tally) -> None:
        """Note what it took until the transaction was on disk, without what the node was asked meanwhile."""
        taken, wall = self._taken, self._ended[0] - self._began[0]
        tally.wall.append(wall - taken["simulate"])
        taken["between"] = wall - sum(taken.values())
        tally.stages.append(taken)
        tally.processor.append(self._ended[1] - self._began[1])
        tally.disturbed.append(self._ended[2] > self._began[2])

    def _begin(self) -> None:
        self.probe.begin_anew()
        self._began = _clocks()

    def _end(self) -> None:
        self._ended = _clocks()
        self._taken = self.probe.take()


def _facts(world: World) -> ChainFacts:
    """The chain's facts, with the world's tokens."""
    tokens = {token.symbol: token for token in reversed(world.tokens)}
    known = {
        symbol: {"address": tokens[symbol].address, "decimals": tokens[symbol].decimals} for symbol in _PROFIT_SYMBOLS
    }
    return ChainFacts.model_validate(
        FACTS.model_dump() | {"tokens": known, "weth": tokens["WETH"].address, "profit_tokens": _PROFIT_SYMBOLS}
    )


def _clocks() -> tuple[float, float, int]:
    """The time, what of it the process had a core, and how often another one took it away."""
    return time.perf_counter(), time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _refuse(_log: Log, error: MalformedLog) -> None:
    raise error


async def _is_canonical(_hash: Hash, _number: int) -> bool:
    return True


def watch(probe: Probe, watched: ExitStack) -> None:
    """
    Have what is called within the keeper's stages be stages of their own.
    """
    for owner, function, name in (
        (keeper.opportunity, "search", "search"),
        (keeper.opportunity, "size", "size exactly"),
        (keeper.bundling, "size", "size exactly"),
        (Scene, "offers", "funding"),
        (Bundler, "join", "bundle"),
        (keeper.bundling, "plan_legs", "plan"),
        (keeper.bundling, "encode", "encode"),
        (keeper.bundling, "l1_fee_wei", "L1 fee"),
        (LocalSigner, "sign_now", "sign"),
        (Journal, "signed", "journal"),
    ):
        watched.enter_context(probe.watching(owner, function, name))
