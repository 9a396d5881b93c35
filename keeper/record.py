"""
Writes down what a replay needs: every pool as of a block, and the logs after it.
"""

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from keeper.chain.follower import RING, Follower, NewBlock, Unwound
from keeper.chain.heads import Heads
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts
from keeper.discovery import Discovery
from keeper.errors import ConfigError, PoolError
from keeper.events import TOPICS
from keeper.pools.pool import Pool
from keeper.registry import read_pools
from keeper.types import Address, Block

#: Of each DEX.
_MOST_POOLS = 2_000


async def record(
    rpc: Rpc, heads: Heads, facts: ChainFacts, snapshot: Path, logs: Path, blocks: int, stop: asyncio.Event
) -> int:
    """
    Write the pools as of the head to *snapshot*, and the logs of the next *blocks* blocks to *logs*.

    Logs of a block that leaves the chain are written again with ``removed: true``, as nodes tell it.

    Returns:
        How many blocks were recorded: fewer if *stop* was set.
    """
    follower = Follower(rpc, list(TOPICS))
    head = await follower.start_settled()
    pools = await _pools(rpc, Reader(rpc, Address(facts.multicall3)), facts, head)
    _write(snapshot, ({**pool.snapshot(), **_at(head)} for pool in pools))
    recorded = 0
    recent: deque[NewBlock] = deque(maxlen=RING)
    with _opened(logs) as file:
        while recorded < blocks and not stop.is_set():
            for news in await follower.news(await heads.next()):
                if isinstance(news, Unwound):
                    recorded -= _unwind(file, recent, news.head)
                    continue
                recent.append(news)
                _append(file, news.logs)
                recorded += 1
    return recorded


async def _pools(rpc: Rpc, reader: Reader, facts: ChainFacts, head: Block) -> list[Pool]:
    found = await Discovery(rpc, reader, facts, _MOST_POOLS).find(head)
    read = await reader.read(list(read_pools(found.infos)), head.hash)
    return [pool for pool in read if not isinstance(pool, PoolError)]


def _unwind(file: TextIO, recent: deque[NewBlock], head: Block) -> int:
    """Tell that the blocks above *head* left the chain, the last one first, and return how many they were."""
    unwound = 0
    while recent and recent[-1].block.number > head.number:
        _append(file, ({**log, "removed": True} for log in recent.pop().logs))
        unwound += 1
    return unwound


def _at(block: Block) -> dict[str, str]:
    return {"block_number": str(block.number), "block_hash": block.hash}


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with _opened(path) as file:
        _append(file, rows)


def _append(file: TextIO, rows: Iterable[Mapping[str, Any]]) -> None:
    file.writelines(json.dumps(row) + "\n" for row in rows)
