"""
How fast raw logs become state, what an invalidation takes, and how much memory a large market needs.

The logs are real bytecode's, block by block as a node filters them by topic. Nothing is skipped: each is decoded, and
each event is applied. The logs are parsed from JSON just before, as a node's answer is; that is not counted. Times are
the process's own, the best of several passes on one core.
"""

import asyncio
import gc
import json
import math
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import localnet
from benchmarks._stream import Stream, StreamedBlock
from benchmarks._world import Crowd, Scale, World
from benchmarks.cache import cold_start
from keeper.events import TOPICS, V3Swap, decode_all
from keeper.market import Market
from keeper.math.tick import Ticks
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.routes.graph import Graph
from keeper.types import Address, Block, Hash

SMALL = Scale(pools_v3=105, pools_v2=45, tokens=14, blocks=2_000, actions_per_block=8.0, seed=7)

_PASSES = 25
_BLOCKS_AT_ONCE = 16
_INVALIDATIONS = 20_000
_POOLS = 5_000
_V3_SHARE = 0.7
#: Half of the pools have fewer initialised ticks than this, and one in fifty more than ten times as many.
_MEDIAN_TICKS, _SIGMA, _MOST_TICKS = 80, 1.15, 4_000


def run() -> dict[str, dict[str, Any]]:
    """
    Return the three measurements.
    """
    before = _resident_mib()
    memory = _memory(before)
    net = localnet.start(sequencer=False)
    try:
        with World(net, SMALL) as world:
            infos, _ = asyncio.run(cold_start(world))
            stream = Stream(world, Crowd(world, SMALL), infos)
            start, pools = stream.head, [truth.pool for truth in stream.truths.values()]
            blocks = list(stream.blocks(SMALL.blocks, 0))
            expected = {address: truth.pool for address, truth in stream.truths.items()}
    finally:
        net.stop()
    return {
        "logs to state": _ingest(start, infos, pools, blocks, expected),
        "invalidation": _invalidation(start, infos, pools),
        "memory": memory,
    }


def _ingest(
    start: Block,
    infos: Sequence[PoolInfo],
    pools: Sequence[Pool],
    blocks: Sequence[StreamedBlock],
    expected: dict[Address, Pool],
) -> dict[str, Any]:
    ours = [(b.block, [log for log in b.logs if log["topics"][0] in TOPICS]) for b in blocks]
    count = sum(len(logs) for _, logs in ours)
    parts = [ours[at : at + _BLOCKS_AT_ONCE] for at in range(0, len(ours), _BLOCKS_AT_ONCE)]
    told = [([block for block, _ in part], json.dumps([logs for _, logs in part])) for part in parts]
    seconds = []
    gc.collect()
    gc.freeze()  # what was made for the measurement is not looked through during it
    for _ in range(_PASSES):
        market = Market(infos)
        market.start(start, 0.0)
        market.refresh(pools)
        taken = 0.0
        for headers, text in told:
            answers = json.loads(text)
            began = time.process_time()
            for block, logs in zip(headers, answers, strict=True):
                market.advance(block, decode_all(logs), 0.0)
            taken += time.process_time() - began
        seconds.append(taken)
    gc.unfreeze()
    wrong = sum(market.peek(address) not in (pool, None) for address, pool in expected.items())
    kinds = Counter(type(event).__name__ for _, logs in ours for event in decode_all(logs))
    return {
        "logs": count,
        "per second": round(count / min(seconds)),
        "median per second": round(count / statistics.median(seconds)),
        **dict(kinds.most_common(5)),
        "states unlike the chain": wrong,
        "pools forgotten": len(market.stale),
        "tick maps copied for a swap": _copied(pools),
    }


def _copied(pools: Sequence[Pool]) -> int:
    """In how many pools a swap made another tick map."""
    concentrated = [pool for pool in pools if isinstance(pool, UniswapV3Pool)]
    swapped = [pool.apply(V3Swap(pool.address, 1, -1, pool.sqrt_price_x96, 1, pool.tick)) for pool in concentrated]
    return sum(
        after is None or after.ticks is not pool.ticks for pool, after in zip(concentrated, swapped, strict=True)
    )


def _invalidation(start: Block, infos: Sequence[PoolInfo], pools: Sequence[Pool]) -> dict[str, Any]:
    market = Market(infos)
    market.start(start, 0.0)
    market.refresh(pools)
    by_address = {pool.address: pool for pool in pools}
    rng, taken = random.Random(1), []
    for _ in range(_INVALIDATIONS):
        address = rng.choice(pools).address
        began = time.perf_counter()
        market.invalidate(address)
        taken.append(time.perf_counter() - began)
        market.refresh([by_address[address]])
    taken.sort()
    return {
        "median us": round(1e6 * taken[len(taken) // 2], 3),
        "p99 us": round(1e6 * taken[len(taken) * 99 // 100], 3),
        "times": _INVALIDATIONS,
    }


def _memory(before: float) -> dict[str, Any]:
    """Of a market with its graph, after as many blocks as can be undone."""
    rng = random.Random(5)
    pools = [_pool(rng, number) for number in range(_POOLS)]
    market, graph = Market([pool.info for pool in pools]), Graph()
    head = Block(0, Hash("0"), Hash(""), 0, 0)
    market.start(head, 0.0)
    market.refresh(pools)
    for pool in pools:
        graph.update(pool)
    ticks = [len(pool.ticks) for pool in pools if isinstance(pool, UniswapV3Pool)]
    for number in range(1, 300):
        block = Block(number, Hash(str(number)), Hash(str(number - 1)), 0, 0)
        moved = [pool for pool in rng.sample(pools, 20) if isinstance(pool, UniswapV3Pool)]
        market.advance(block, [V3Swap(p.address, 1, -1, p.sqrt_price_x96 + number, 9, p.tick) for p in moved], 0.0)
    after = _resident_mib()
    return {
        "pools": _POOLS,
        "v3": len(ticks),
        "ticks in all": sum(ticks),
        "most of one": max(ticks),
        "MiB of the market": round(after - before),
        "MiB of the process": round(after),
    }


def _pool(rng: random.Random, number: int) -> Pool:
    address = Address(f"0x{number + 1:040x}")
    tokens = (Address(f"0x{rng.randrange(1, 300):040x}"), Address(f"0x{rng.randrange(300, 600):040x}"))
    if rng.random() > _V3_SHARE:
        return UniswapV2Pool(PoolInfo("uniswap_v2", "sushi_v2", address, tokens, 3_000), rng.getrandbits(90), 2**80)
    count = min(int(rng.lognormvariate(math.log(_MEDIAN_TICKS), _SIGMA)) + 2, _MOST_TICKS)
    indices = sorted(rng.sample(range(-8_000, 8_000), count))
    ticks = Ticks(indices, [rng.getrandbits(90) for _ in indices], [rng.getrandbits(89) for _ in indices])
    info = PoolInfo("uniswap_v3", "uniswap_v3", address, tokens, 500, 10)
    return UniswapV3Pool(info, rng.getrandbits(97) | 1 << 96, 0, rng.getrandbits(80), ticks)


def _resident_mib() -> float:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1_024
