"""
A keeper that is started again: what it kept on disk and the blocks that it missed are the chain.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

import localnet
from keeper.chain.follower import Follower, NewBlock, Unwound
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import Settings, load_chain
from keeper.events import TOPICS, V3Burn, V3Mint, V3Swap, decode_all
from keeper.market import Market
from keeper.market.audit import same
from keeper.market.policy import ANNOUNCED
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.registry import read_pools
from keeper.resume import Resumption
from keeper.snapshot import SnapshotFile
from keeper.types import Address
from keeper.upkeep import Upkeep
from localnet import Localnet, TraderSettings, accounts, addresses
from localnet.abi import function

FACTS = load_chain("arbitrum")
BLOCKS = 300

_MINT = function("mint(address,int24,int24,uint128)")
_BURN = function("burn(int24,int24,uint128)")


@pytest.fixture(scope="module")
def net() -> Iterator[Localnet]:
    with localnet.start(sequencer=False, traders=TraderSettings(seed=4, trades_per_block=4.0)) as net:
        yield net


@pytest.fixture
def file(tmp_path: Path, net: Localnet) -> SnapshotFile:
    return SnapshotFile(tmp_path / "market.jsonl", {"genesis_hash": net.genesis_hash})


def provide(net: Localnet, market: Market) -> None:
    """Add liquidity around the price of a pool in one block, and take a part of it in the next."""
    net.rpc("anvil_autoImpersonateAccount", True)
    pool = market.pool(Address(net.layout.pool("uniswap_v3 WETH/USDC 500").address.lower()))
    assert isinstance(pool, UniswapV3Pool)
    lower = pool.tick // 10 * 10 - 70
    for to, data in (
        (addresses.V3_ROUTER, _MINT.calldata(pool.address, lower, lower + 160, 10**14)),
        (pool.address, _BURN.calldata(lower, lower + 160, 10**13)),
    ):
        request = {"from": accounts.OWNER, "to": to, "data": "0x" + data.hex(), "gas": hex(1 << 25)}
        name = net.rpc("eth_sendTransaction", {**request, "gasPrice": hex(10**9)})
        net.mine()
        assert net.rpc("eth_getTransactionReceipt", name)["status"] == "0x1"


def trade(net: Localnet, blocks: int) -> None:
    assert net.traders is not None
    for _ in range(blocks):
        net.traders.step()
        net.mine()


@dataclass
class Life:
    """One life of a keeper, without its decisions: what of it concerns the market, on a node of its own."""

    rpc: Rpc
    file: SnapshotFile
    blocks: int = BLOCKS
    resumed: bool = False

    async def begin(self) -> None:
        self.kinds: Counter[type] = Counter()
        settings = Settings(rpc_url="http://unused", state_dir=self.file.path.parent)  # type: ignore[arg-type]
        self.reader = Reader(self.rpc, Address(FACTS.multicall3))
        self.follower = Follower(self.rpc, list(TOPICS))
        self.upkeep = Upkeep(self.reader, settings, FACTS, (), self.rpc)
        self.resumption = Resumption(self.file, self.upkeep, self.follower, self.blocks, 60.0)
        latest = await self.follower.start_settled()
        await self.upkeep.discover(latest)
        self.before = self.rpc.calls.copy()
        self.resumed = await self.resumption.resume(latest, self.advance)
        self.asked = self.rpc.calls - self.before
        self.stale = {info.family for info in self.market.infos.values() if info.address in self.market.stale}
        await (self.upkeep.settle() if self.resumed else self.upkeep.start(self.follower.head))

    @property
    def market(self) -> Market:
        return self.upkeep.market

    def advance(self, new: NewBlock) -> None:
        events = decode_all(new.logs)
        self.kinds.update(map(type, events))
        self.market.advance(new.block, events, time.monotonic())

    async def follow(self) -> None:
        for news in await self.follower.news():
            if isinstance(news, Unwound):
                self.market.unwind(news.head.hash)
            else:
                self.advance(news)
        await self.upkeep.refresh()

    async def unlike_the_chain(self) -> list[Address]:
        """The pools that a fresh reading finds different, which includes those that are not known."""
        infos = list(self.market.infos.values())
        read = await self.reader.read(list(read_pools(infos)), self.market.head.hash)
        kept = [self.market.peek(info.address) for info in infos]
        return [
            info.address
            for info, ours, theirs in zip(infos, kept, read, strict=True)
            if ours is None or not same(ours, theirs)  # type: ignore[arg-type]
        ]


async def first_life(net: Localnet, file: SnapshotFile) -> Market:
    net.mine()  # block 1 tells of pools, and a life begins at the parent of the latest block
    async with Rpc(net.url) as rpc:
        life = Life(rpc, file)
        await life.begin()
        assert not life.resumed
        trade(net, 3)
        await life.follow()
        await life.resumption.save()
        return life.market


async def test_restart__blocks_were_missed__replays_them_and_reads_what_events_do_not_tell(
    net: Localnet, file: SnapshotFile
) -> None:
    before = await first_life(net, file)
    missed = 42
    trade(net, 20)
    provide(net, before)
    trade(net, 20)

    async with Rpc(net.url) as rpc:
        life = Life(rpc, file)
        await life.begin()

        assert life.resumed
        assert life.stale.isdisjoint(ANNOUNCED)  # whose events tell everything; others are read if they moved
        assert life.market.counts.read <= len([info for info in before.infos.values() if info.family not in ANNOUNCED])
        assert life.market.head.number == before.head.number + missed - 1  # the latest block comes as news
        assert life.asked["eth_call"] == 0
        assert life.asked["eth_getLogs"] <= missed
        assert life.asked["eth_getBlockByNumber"] + life.asked["eth_getBlockByHash"] <= missed + 1
        assert life.kinds[V3Swap] > 20
        assert (life.kinds[V3Mint], life.kinds[V3Burn]) == (1, 1)
        assert len(life.market) == len(before) > 0
        assert await life.unlike_the_chain() == []
        trade(net, 2)
        await life.follow()
        assert await life.unlike_the_chain() == []


async def test_restart__no_block_was_missed__asks_for_nothing(net: Localnet, file: SnapshotFile) -> None:
    await first_life(net, file)

    async with Rpc(net.url) as rpc:
        life = Life(rpc, file)
        await life.begin()

        assert life.resumed
        assert life.asked == Counter({"eth_getBlockByNumber": 1})
        assert await life.unlike_the_chain() == []


async def test_restart__saved_block_left_the_chain__steps_back(net: Localnet, file: SnapshotFile) -> None:
    before = await first_life(net, file)
    net.reorganise(2)
    trade(net, 5)

    async with Rpc(net.url) as rpc:
        life = Life(rpc, file)
        await life.begin()

        assert life.resumed
        assert 0 < life.market.counts.read < len(before)  # what had moved in the blocks that left
        assert await life.unlike_the_chain() == []


@pytest.mark.parametrize(
    ("blocks", "reason"), [(BLOCKS, "its blocks are not part of the chain any more"), (3, "3 are replayed at most")]
)
async def test_restart__cannot_go_on__says_why_and_reads_everything(
    net: Localnet, file: SnapshotFile, blocks: int, reason: str
) -> None:
    trade(net, 8)
    before = await first_life(net, file)
    if blocks == BLOCKS:
        net.reorganise(8)  # beyond the first block of that life
    trade(net, 6)

    async with Rpc(net.url) as rpc:
        life = Life(rpc, file, blocks)
        with capture_logs() as lines:
            await life.begin()

        assert not life.resumed
        (refused,) = [line for line in lines if line["event"] == "snapshot_refused"]
        assert reason in refused["reason"]
        assert life.market.counts.read == len(before)
        assert await life.unlike_the_chain() == []


class Withholding(Rpc):
    """A node that says of no block that it has logs."""

    async def __call__(self, method: str, *params: Any) -> Any:
        answer = await super().__call__(method, *params)
        return [] if method == "eth_getLogs" else answer


async def test_restart__logs_of_missed_blocks_are_withheld__reads_everything(net: Localnet, file: SnapshotFile) -> None:
    before = await first_life(net, file)
    trade(net, 6)

    async with Withholding(net.url) as rpc:
        life = Life(rpc, file)
        with capture_logs() as lines:
            await life.begin()

        assert not life.resumed
        (refused,) = [line for line in lines if line["event"] == "snapshot_refused"]
        assert "what came after it cannot be had" in refused["reason"]
        assert life.market.counts.read == len(before)
        assert await life.unlike_the_chain() == []
