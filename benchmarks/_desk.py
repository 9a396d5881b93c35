"""
What a keeper is made of, at work between a node in memory and a journal on disk.
"""

import random
import resource
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account import Account

import keeper.execution.trader
import keeper.opportunity
from benchmarks._markets import World
from benchmarks._probe import Probe
from benchmarks._told import BASE_FEE_WEI, Node, tell
from keeper.chain.follower import Follower, NewBlock, to_block
from keeper.config import Settings, load_chain
from keeper.events import TOPICS, decode
from keeper.execution.nonces import NonceManager
from keeper.execution.signer import LocalSigner
from keeper.execution.trader import Trader
from keeper.execution.transactions import Transactions
from keeper.gas import GasPrices
from keeper.journal import Journal
from keeper.lenders import Lender
from keeper.market import Market
from keeper.opportunity import Terms, scan
from keeper.pools.pool import Pool
from keeper.registry import topics_of
from keeper.routes.graph import Graph
from keeper.types import Address, Block, Hash

FACTS = load_chain("arbitrum")

_PROFIT_SYMBOLS = ("WETH", "USDC", "USDT", "ARB", "WBTC")
_PRICES = GasPrices(BASE_FEE_WEI, 0, 10**8, 1)
_EXECUTOR, _TREASURY = Address("0x" + "e0" * 20), Address("0x" + "7e" * 20)
_GENESIS = Hash("0x" + "01" * 32)

#: What a trader calls his stages; those that are within them have names of their own.
_OF_TRADER = {"sign": "fee and nonce"}

#: Opportunities of a block that are tried at most, as the keeper does.
_TRIES = 16


@dataclass(slots=True)
class Tally:
    """
    What was measured, an item a transaction.

    Attributes:
        stages: The seconds of each stage; ``between`` is what none of them took.
        wall: From the arrival of the logs until the bytes leave, without the simulation.
        processor: How long the process had a core meanwhile.
        disturbed: Whether another process was given it.
        outcomes: What the trader said of each opportunity.
        hops: How many transactions have routes of so many.
    """

    stages: list[dict[str, float]] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    disturbed: list[bool] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    blocks: int = 0
    logs: int = 0
    bytes: int = 0
    hops: Counter[int] = field(default_factory=Counter)


class Desk:
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
            for facts in FACTS.lenders
        ]
        self.market, self.graph = Market([pool.info for pool in world.pools]), Graph()
        proved = topics_of({pool.info.family for pool in world.pools})
        self.follower = Follower(self.node, list(TOPICS), proved)  # type: ignore[arg-type]
        self.journal = Journal.open(folder / "journal.sqlite", FACTS.chain_id, _GENESIS)
        signer = LocalSigner(Account.from_key(b"\x11" * 32), FACTS.chain_id, _EXECUTOR)
        self.journal.begin_run(signer.address, _EXECUTOR)
        nonces = NonceManager(signer.address, 0)
        self.transactions = Transactions(self.node, self.journal, nonces, _EXECUTOR, _TREASURY, 40)  # type: ignore[arg-type]
        self.trader = Trader(
            self.node,  # type: ignore[arg-type]
            self.settings,
            FACTS,
            _EXECUTOR,
            profit,
            signer,
            nonces,
            self.transactions,
        )
        self._rng = random.Random(seed)
        self._began = self._ended = (0.0, 0.0, 0)

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
        latest = to_block(self.node.told.header)
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

    async def trade(self, changed: frozenset[Address], tally: Tally) -> bool:
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

    def note(self, tally: Tally) -> None:
        """Note what the block took until its transaction was on disk, without what the node was asked meanwhile."""
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

    def _stage(self, name: str) -> Any:
        return self.probe.stage(_OF_TRADER.get(name, name))


def _clocks() -> tuple[float, float, int]:
    """The time, what of it the process had a core, and how often another one took it away."""
    return time.perf_counter(), time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def watch(probe: Probe, watched: ExitStack) -> None:
    """
    What is called within the stages of scan and trade has stages of its own.
    """
    for owner, function, name in (
        (keeper.opportunity, "size", "size exactly"),
        (keeper.opportunity, "fundings", "funding"),
        (keeper.execution.trader, "encode", "encode"),
        (keeper.execution.trader, "l1_fee_wei", "L1 fee"),
        (LocalSigner, "sign", "sign"),
        (Journal, "signed", "journal"),
    ):
        watched.enter_context(probe.watching(owner, function, name))
