import asyncio
from collections.abc import AsyncIterator

import pytest

from keeper.chain.feed import Feed
from keeper.chain.follower import RING, Follower, NewBlock, to_block
from keeper.chain.heads import PolledHeads
from keeper.errors import ReorgError, RpcError
from keeper.types import Block, Hash
from tests.fake_node import FakeNode, block_hash, header


@pytest.fixture
def node() -> FakeNode:
    node = FakeNode()
    node.chain = [header(number) for number in range(1, 11)]
    return node


@pytest.fixture
async def follower(node: FakeNode) -> Follower:
    follower = Follower(node, [Hash("0x" + "11" * 32)])  # type: ignore[arg-type]
    await follower.start()
    return follower


@pytest.fixture
async def feed(follower: Follower) -> AsyncIterator[Feed]:
    async with Feed(follower, PolledHeads(0.001), size=4) as feed:
        yield feed


async def numbers(feed: Feed, count: int) -> list[int]:
    taken = []
    while len(taken) < count:
        news = await feed.next()
        if news is not None:
            taken.append(news.block.number if isinstance(news, NewBlock) else -news.head.number)
    return taken


async def until_waiting(feed: Feed, count: int) -> None:
    async with asyncio.timeout(10):
        while feed.waiting < count:
            await asyncio.sleep(0)


async def test_feed__caller_is_slow__news_wait_within_bounds_and_none_is_lost(node: FakeNode, feed: Feed) -> None:
    node.chain += [header(number) for number in range(11, 61)]
    await until_waiting(feed, 4)
    node.chain += [header(number) for number in range(61, 81)]

    assert await numbers(feed, 70) == list(range(11, 81))
    assert feed.waiting == 0


async def test_feed__reorganised_while_the_caller_is_slow__tells_in_order(node: FakeNode, feed: Feed) -> None:
    node.chain += [header(11), header(12)]
    await until_waiting(feed, 2)
    node.chain = [*node.chain[:10], header(11, "b", parent=block_hash(10)), header(12, "b"), header(13, "b")]

    assert await numbers(feed, 6) == [11, 12, -10, 11, 12, 13]


async def test_feed__node_fails__is_told_and_nothing_is_lost(node: FakeNode, feed: Feed) -> None:
    node.broken = {"eth_getLogs"}
    node.chain.append(header(11))
    with pytest.raises(RpcError):
        await numbers(feed, 1)
    node.broken.clear()

    async with asyncio.timeout(10):
        while True:
            try:
                assert await numbers(feed, 1) == [11]
                break
            except RpcError:
                continue


class ToldHeads:
    """Tells the same head again and again."""

    def __init__(self, head: Block) -> None:
        self._head = head

    async def next(self) -> Block:
        await asyncio.sleep(0)
        return self._head


TALES = {
    "far ahead": to_block(header(2**60, "d")),
    "another hash": to_block(header(11, "d", parent=block_hash(10))),
    "another parent": to_block(header(11, "d")),
}


@pytest.mark.parametrize("tale", TALES.values(), ids=TALES)
async def test_feed__told_heads_lead_nowhere__nodes_own_word_counts(
    node: FakeNode, follower: Follower, tale: Block
) -> None:
    node.chain += [header(11), header(12)]
    async with Feed(follower, ToldHeads(tale)) as feed:
        assert await numbers(feed, 2) == [11, 12]
        assert node.distrusted == []


async def test_feed__chain_left_the_memory__stops_until_restarted(
    node: FakeNode, follower: Follower, feed: Feed
) -> None:
    node.chain = [header(number, "b") for number in range(1, RING + 20)]
    with pytest.raises(ReorgError):
        await numbers(feed, 1)
    await feed.stop()

    await follower.start()
    await feed.restart()
    node.chain.append(header(RING + 20, "b"))

    assert await numbers(feed, 1) == [RING + 20]


async def test_feed__nothing_happens__lets_the_caller_go_on(feed: Feed) -> None:
    assert await feed.next() is None


class BrokenHeads:
    async def next(self) -> Block | None:
        raise ValueError("nobody expected this")


async def test_feed__breaks__is_not_kept_secret(follower: Follower) -> None:
    async with Feed(follower, BrokenHeads()) as feed:
        with pytest.raises(ValueError, match="nobody expected"):
            await feed.next()
        await feed.stop()
