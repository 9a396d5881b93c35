"""
The market beside the chain: whatever blocks come and go, it equals what a fresh read of every pool says.
"""

import time
from collections.abc import AsyncIterator, Iterator

import pytest

import localnet
from keeper.chain.follower import Follower, NewBlock, Unwound
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import load_chain
from keeper.errors import PoolError
from keeper.events import TOPICS, decode
from keeper.market import Market
from keeper.pools.pool import Pool
from keeper.registry import discover, gathered, read_pools
from keeper.types import Address
from localnet import Localnet, TraderSettings

FACTS = load_chain("arbitrum")
#: The DEXes all of whose state is told by events.
UNISWAP = FACTS.with_dexes(dex for dex in FACTS.dexes if dex.family in ("uniswap_v2", "uniswap_v3"))


@pytest.fixture
def net() -> Iterator[Localnet]:
    with localnet.start(sequencer=False, traders=TraderSettings(seed=3, trades_per_block=4.0)) as net:
        yield net


class Watcher:
    """What the keeper's loop does with news, and nothing else."""

    def __init__(self, rpc: Rpc) -> None:
        self.follower = Follower(rpc, list(TOPICS))
        self.reader = Reader(rpc, Address(FACTS.multicall3))
        self.market = Market(())

    async def start(self) -> None:
        block = await self.follower.start()
        found = gathered(await self.reader.read(discover(UNISWAP), block.hash))
        self.market = Market(found.infos)
        self.market.start(block, time.monotonic())
        self.market.refresh(await self.fresh())

    async def follow(self) -> list[NewBlock | Unwound]:
        news = await self.follower.news()
        for item in news:
            if isinstance(item, Unwound):
                self.market.unwind(item.head.hash)
            else:
                events = [event for log in item.logs if (event := decode(log)) is not None]
                self.market.advance(item.block, events, time.monotonic())
        return news

    async def fresh(self) -> list[Pool]:
        read = await self.reader.read(list(read_pools(list(self.market.infos.values()))), self.follower.head.hash)
        return [pool for pool in read if not isinstance(pool, PoolError)]

    async def equals_the_chain(self) -> bool:
        return [self.market.peek(pool.address) for pool in await self.fresh()] == await self.fresh()


@pytest.fixture
async def watcher(net: Localnet) -> AsyncIterator[Watcher]:
    async with Rpc(net.url) as rpc:
        watcher = Watcher(rpc)
        await watcher.start()
        yield watcher


def trade(net: Localnet, blocks: int) -> None:
    assert net.traders is not None
    for _ in range(blocks):
        net.traders.step()
        net.mine()


async def test_market__many_blocks_of_trades__equals_the_chain(net: Localnet, watcher: Watcher) -> None:
    trade(net, 30)

    news = await watcher.follow()

    assert len(news) == 30
    assert watcher.market.counts.applied > 30
    assert not watcher.market.stale
    assert await watcher.equals_the_chain()


@pytest.mark.parametrize("depth", [1, 5, 20, 64])
async def test_market__reorganised__equals_the_chain(net: Localnet, watcher: Watcher, depth: int) -> None:
    for _ in range(7):
        trade(net, 10)
        await watcher.follow()

    net.reorganise(depth)
    trade(net, 2)
    news = await watcher.follow()

    assert isinstance(news[0], Unwound)
    assert news[0].head.number == watcher.follower.head.number - depth - 2
    assert not watcher.market.stale
    assert await watcher.equals_the_chain()
