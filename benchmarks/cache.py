"""
The reserve cache under its four policies, on one stream of real bytecode's logs.

Every block has one decision, which reads the pools that the block touched, those between the same tokens, and a few
others, as a search for cycles does. Policies run side by side on the same blocks: each follows the chain through the
keeper's own follower where it listens to events, and reads what its market calls stale in the keeper's own batches.

A read is stale if the pool that the market gave is not what the chain says as of that block.
"""

import asyncio
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

import localnet
from benchmarks._stream import BLOCKS_PER_SECOND, Stream, StreamedBlock
from benchmarks._world import Crowd, Scale, World, WorldPool
from keeper.chain.follower import Follower, NewBlock
from keeper.chain.reader import CALLS_PER_REQUEST, Reader
from keeper.chain.rpc import Rpc
from keeper.errors import PoolError, SwapReverts
from keeper.events import TOPICS, decode
from keeper.market import CachePolicy, Market
from keeper.market.audit import same
from keeper.pools.pool import Pool, PoolInfo
from keeper.registry import discover, gathered, read_pools, topics_of
from keeper.types import Address, Block

FULL = Scale(pools_v3=700, pools_v2=300, tokens=25, blocks=20_000, actions_per_block=4.0)

#: Set to a number, it is how many blocks there are instead.
BLOCKS_VARIABLE = "BENCHMARK_BLOCKS"

_COMPARED_WITH_ANVIL = 40
_OTHERS, _MOST_READ, _QUOTES = 8, 40, 4
_LISTENS = (CachePolicy.INVALIDATE, CachePolicy.APPLY)


@dataclass(slots=True)
class _Tally:
    requests: int = 0
    pool_reads: int = 0
    reads: int = 0
    hits: int = 0
    stale: int = 0
    quotes: int = 0
    worst_error: float = 0.0
    seconds: float = 0.0
    verdicts: dict[Address, tuple[Pool, Pool, bool]] = field(default_factory=dict)


class _Node:
    """Answers a follower's requests from the stream, and counts them."""

    url = "stream"

    def __init__(self) -> None:
        self.requests = 0
        self.now: StreamedBlock | None = None

    async def __call__(self, method: str, *params: Any) -> Any:
        assert self.now is not None
        self.requests += 1
        block, logs = self.now.block, self.now.logs
        if method == "eth_getBlockByNumber":
            return {
                "number": hex(block.number),
                "hash": block.hash,
                "parentHash": block.parent_hash,
                "timestamp": hex(block.timestamp),
                "logsBloom": hex(block.logs_bloom or 0),
            }
        topics = params[0].get("topics")
        return [log for log in logs if topics is None or log["topics"][0] in topics[0]]


class _Runner:
    """One policy on the stream."""

    def __init__(self, policy: CachePolicy, infos: Sequence[PoolInfo], stream: Stream) -> None:
        self.tally = _Tally()
        self._policy = policy
        self._stream = stream
        self._node = _Node()
        proved = topics_of({info.family for info in infos})
        self._follower = Follower(self._node, list(TOPICS), proved)  # type: ignore[arg-type]
        self._market = Market(infos, policy=policy)
        self._market.start(stream.head, 0.0)
        self._market.refresh([truth.pool for truth in stream.truths.values()])

    async def start(self, block: StreamedBlock) -> None:
        """Take the block that the market began at for the head."""
        self._node.now = block
        await self._follower.start()
        self._node.requests = 0

    async def step(self, streamed: StreamedBlock, wanted: Sequence[Address], quotes: Sequence["_Quote"]) -> None:
        """Follow a block, and let a decision read what it wants."""
        began = time.perf_counter()
        self._node.now = streamed
        now = streamed.block.number / BLOCKS_PER_SECOND
        events = []
        if self._policy in _LISTENS:
            (news,) = await self._follower.news()
            assert isinstance(news, NewBlock)
            events = [event for log in news.logs if (event := decode(log)) is not None]
        else:
            self._node.requests += 1  # the header, by which it knows that there is a block
        self._market.advance(streamed.block, events, now)
        tally, stale = self.tally, self._market.stale
        missed = [address for address in wanted if address in stale]
        self._read(missed, now)
        pools = {address: self._market.pool(address) for address in wanted}
        tally.seconds += time.perf_counter() - began
        tally.reads += len(wanted)
        tally.hits += len(wanted) - len(missed)
        tally.requests, tally.pool_reads = tally.requests + self._node.requests, tally.pool_reads + len(missed)
        self._node.requests = 0
        tally.stale += sum(not self._is_true(pool) for pool in pools.values())
        for quote in quotes:
            tally.quotes += 1
            tally.worst_error = max(tally.worst_error, quote.error(pools[quote.pool.address]))

    def _read(self, addresses: Sequence[Address], now: float) -> None:
        """As the reader does: every round of all readings in as few requests as their sizes allow."""
        truths = [self._stream.truths[address] for address in addresses]
        for number in range(max((len(truth.rounds) for truth in truths), default=0)):
            calls = sum(truth.rounds[number] for truth in truths if number < len(truth.rounds))
            self._node.requests += ceil(calls / CALLS_PER_REQUEST)
        self._market.refresh([truth.pool for truth in truths], now=now)

    def _is_true(self, pool: Pool) -> bool:
        truth = self._stream.truths[pool.address].pool
        kept, against, verdict = self.tally.verdicts.get(pool.address, (None, None, False))
        if kept is not pool or against is not truth:
            verdict = same(pool, truth)
            self.tally.verdicts[pool.address] = (pool, truth, verdict)
        return verdict


@dataclass(frozen=True, slots=True)
class _Quote:
    """A question that was put to the chain, and its answer; None where the chain would not take the amount."""

    pool: WorldPool
    zero_for_one: bool
    amount: int
    answer: int | None

    def error(self, model: Pool) -> float:
        """How far the model's answer is from the chain's, as a share of it."""
        tokens = [token.address for token in self.pool.tokens][:: 1 if self.zero_for_one else -1]
        try:
            told = model.amount_out(tokens[0], tokens[1], self.amount)
        except SwapReverts:
            return 0.0 if self.answer is None else 1.0
        if self.answer is None:
            return 1.0
        return abs(told - self.answer) / self.answer if self.answer else float(told != 0)


class _Decisions:
    """Which pools the decision of a block reads, and what it asks of them: the same for every policy."""

    def __init__(self, world: World, stream: Stream, seed: int) -> None:
        self._stream = stream
        self._random = random.Random(seed)
        self._pools = {pool.address: pool for pool in world.pools}
        self._all = sorted(self._pools)
        self._between: dict[frozenset[Address], list[Address]] = {}
        for pool in world.pools:
            self._between.setdefault(frozenset(token.address for token in pool.tokens), []).append(pool.address)

    def wanted(self, logs: Sequence[Mapping[str, Any]]) -> list[Address]:
        touched = sorted({log["address"] for log in logs} & self._pools.keys())
        pairs = [frozenset(token.address for token in self._pools[address].tokens) for address in touched]
        parallel = [address for pair in pairs for address in self._between[pair]]
        others = self._random.sample(self._all, _OTHERS)
        return list(dict.fromkeys([*touched, *parallel, *others]))[:_MOST_READ]

    def quotes(self, wanted: Sequence[Address]) -> list[_Quote]:
        quotes = []
        for address in self._random.sample(list(wanted), min(_QUOTES, len(wanted))):
            pool, zero_for_one = self._pools[address], self._random.random() < 0.5
            sold = pool.tokens[0 if zero_for_one else 1]
            amount = sold.units(pool.depth * 10 ** self._random.uniform(-6, -2)) + 1
            quotes.append(_Quote(pool, zero_for_one, amount, self._stream.quote(pool, zero_for_one, amount)))
        return quotes


def run() -> dict[str, dict[str, Any]]:
    """
    Return for every policy what it asked, how often it hit, and how wrong it was.
    """
    return measure(replace(FULL, blocks=int(os.environ.get(BLOCKS_VARIABLE, FULL.blocks))))


def measure(scale: Scale) -> dict[str, dict[str, Any]]:
    """
    Return the same for a world and a stream of this size.
    """
    net = localnet.start(sequencer=False)
    try:
        with World(net, scale) as world:
            return asyncio.run(_measure(world, scale))
    finally:
        net.stop()


async def _measure(world: World, scale: Scale) -> dict[str, dict[str, Any]]:
    blocks = scale.blocks
    infos, cold = await cold_start(world)
    stream = Stream(world, Crowd(world, scale), infos)
    runners = {policy: _Runner(policy, infos, stream) for policy in CachePolicy}
    for runner in runners.values():
        await runner.start(StreamedBlock(stream.head, ()))
    decisions = _Decisions(world, stream, scale.seed)
    logs = actions = 0
    for streamed in stream.blocks(blocks, min(blocks, _COMPARED_WITH_ANVIL)):
        wanted = decisions.wanted(streamed.logs)
        quotes = decisions.quotes(wanted)
        for runner in runners.values():
            await runner.step(streamed, wanted, quotes)
        logs += len(streamed.logs)
        actions += len({log["transactionIndex"] for log in streamed.logs})
    results = {"scale": _scale(infos, stream, blocks, actions, logs), "cold start": cold}
    none = runners[CachePolicy.NONE].tally
    return results | {str(policy): _figures(runner.tally, none, blocks) for policy, runner in runners.items()}


async def cold_start(world: World) -> tuple[list[PoolInfo], dict[str, Any]]:
    """
    Find and read every pool of the world through the keeper's own requests, each granted 50 M gas.
    """
    async with Rpc(world.net.url) as rpc:
        granted = _Granted(rpc)
        reader = Reader(granted, Address(world.facts.multicall3))  # type: ignore[arg-type]
        head = Block(0, (world.net.rpc("eth_getBlockByNumber", "latest", False))["hash"], world.net.genesis_hash, 0, 0)  # type: ignore[arg-type]
        began = time.perf_counter()
        everything = gathered(await reader.read(discover(world.facts), head.hash)).infos
        found = granted.requests
        # The stream moves pairs and concentrated pools only.
        infos = [info for info in everything if info.family in ("uniswap_v2", "uniswap_v3")]
        read = await reader.read(list(read_pools(infos)), head.hash)
        seconds = time.perf_counter() - began
    unread = sum(isinstance(pool, PoolError) for pool in read)
    missing = {pool.address for pool in world.pools} - {info.address for info in infos}
    return infos, {
        "pools": len(infos),
        "requests": granted.requests,
        "of them to find": found,
        "gas granted": GAS_PER_REQUEST,
        "unread": unread,
        "not found": len(missing),
        "seconds": round(seconds, 2),
    }


GAS_PER_REQUEST = 50_000_000


class _Granted:
    """Grants every call so much gas and no more; Multicall3 marks what it did not suffice for as failed."""

    url = "granted"

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self.requests = 0

    async def __call__(self, method: str, *params: Any) -> Any:
        self.requests += 1
        request, *others = params
        return await self._rpc(method, request | {"gas": hex(GAS_PER_REQUEST)}, *others)


def _scale(infos: Sequence[PoolInfo], stream: Stream, blocks: int, actions: int, logs: int) -> dict[str, Any]:
    ticks = [len(truth.pool.snapshot().get("ticks", ())) for truth in stream.truths.values()]
    return {
        "blocks": blocks,
        "pools": len(infos),
        "v3": sum(info.family == "uniswap_v3" for info in infos),
        "with 100+ ticks": sum(count >= 100 for count in ticks),
        "spacings": "/".join(str(s) for s in sorted({info.tick_spacing for info in infos} - {0})),
        "transactions": actions,
        "logs": logs,
        "blocks equal to anvil's": stream.compared,
    }


def _figures(tally: _Tally, none: _Tally, blocks: int) -> dict[str, Any]:
    return {
        "requests per block": round(tally.requests / blocks, 4),
        "pool reads per block": round(tally.pool_reads / blocks, 4),
        "fewer pool reads than none": round(1 - tally.pool_reads / none.pool_reads, 6),
        "hit rate": round(tally.hits / tally.reads, 6),
        "stale reads": tally.stale,
        "of reads": tally.reads,
        "worst error": tally.worst_error,
        "of quotes": tally.quotes,
        "ms per block": round(1_000 * tally.seconds / blocks, 3),
    }
