from typing import Any

import pytest

from keeper.chain.follower import RING, Follower, NewBlock, Unwound, to_block
from keeper.errors import ChainError, ReorgError, RpcError
from keeper.types import Hash
from tests.fake_node import FakeNode, block_hash, header

TOPIC = Hash("0x" + "11" * 32)


def log(number: int, index: int, branch: str = "a") -> dict[str, Any]:
    place = {"blockHash": block_hash(number, branch), "logIndex": hex(index), "transactionIndex": "0x0"}
    return {"address": "0x" + "ab" * 20, "topics": [TOPIC], **place}


@pytest.fixture
def node() -> FakeNode:
    node = FakeNode()
    node.chain = [header(number) for number in range(1, 6)]
    return node


@pytest.fixture
async def follower(node: FakeNode) -> Follower:
    follower = Follower(node, [TOPIC])
    await follower.start()
    node.chain += [header(number) for number in range(6, 11)]
    await follower.news()
    return follower


async def test_follower__no_new_block__has_no_news(follower: Follower) -> None:
    assert await follower.news() == []
    assert follower.head.number == 10


async def test_follower__one_new_block__costs_two_requests(node: FakeNode, follower: Follower) -> None:
    node.chain.append(header(11))
    node.logs[block_hash(11)] = [log(11, 1), log(11, 0)]
    node.calls.clear()

    (news,) = await follower.news()

    assert isinstance(news, NewBlock)
    assert news.block.number == 11
    assert [entry["logIndex"] for entry in news.logs] == ["0x0", "0x1"]
    assert sum(node.calls.values()) == 2


async def test_follower__several_blocks_behind__tells_each_in_order(node: FakeNode, follower: Follower) -> None:
    node.chain += [header(number) for number in range(11, 51)]

    news = await follower.news()

    assert [item.block.number for item in news if isinstance(item, NewBlock)] == list(range(11, 51))


async def test_follower__other_branch__unwinds_to_common_ancestor(node: FakeNode, follower: Follower) -> None:
    node.chain = node.chain[:8]
    node.chain += [header(9, "b", parent=block_hash(8)), header(10, "b"), header(11, "b")]

    news = await follower.news()

    assert isinstance(news[0], Unwound)
    assert news[0].head.number == 8
    assert [item.block.hash for item in news[1:] if isinstance(item, NewBlock)] == [
        block_hash(number, "b") for number in (9, 10, 11)
    ]
    assert not await follower.is_canonical(Hash(block_hash(10)), 10)
    assert await follower.is_canonical(Hash(block_hash(10, "b")), 10)


async def test_follower__block_before_its_memory__is_asked_of_the_node(follower: Follower) -> None:
    assert await follower.is_canonical(Hash(block_hash(2)), 2)
    assert not await follower.is_canonical(Hash(block_hash(2, "b")), 2)


async def test_follower__sibling_of_head__replaces_it(node: FakeNode, follower: Follower) -> None:
    node.chain[-1] = header(10, "b", parent=block_hash(9))

    news = await follower.news()

    assert [type(item) for item in news] == [Unwound, NewBlock]
    assert follower.head.hash == block_hash(10, "b")


async def test_follower__lagging_node__has_no_news(node: FakeNode, follower: Follower) -> None:
    node.chain = node.chain[:-2]

    assert await follower.news() == []
    assert follower.head.number == 10


async def test_follower__node_behind_the_first_block_known__has_no_news(node: FakeNode, follower: Follower) -> None:
    node.chain = node.chain[:2]

    assert await follower.news() == []


async def test_follower__branch_from_before_the_start__is_refused(node: FakeNode, follower: Follower) -> None:
    node.chain = node.chain[:3]
    node.chain += [header(4, "b", parent=block_hash(3)), *(header(number, "b") for number in range(5, 13))]

    with pytest.raises(ReorgError, match="does not descend"):
        await follower.news()


async def test_follower__branch_beyond_memory__is_refused(node: FakeNode, follower: Follower) -> None:
    node.chain = [header(number, "b") for number in range(1, RING + 20)]

    with pytest.raises(ReorgError, match="does not descend"):
        await follower.news()


async def test_follower__node_fails__loses_nothing(node: FakeNode, follower: Follower) -> None:
    node.chain += [header(11), header(12)]
    node.broken = {"eth_getLogs"}
    with pytest.raises(RpcError):
        await follower.news()

    node.broken.clear()
    news = await follower.news()

    assert [item.block.number for item in news if isinstance(item, NewBlock)] == [11, 12]


async def test_follower__logs_of_another_block__are_refused(node: FakeNode, follower: Follower) -> None:
    node.chain.append(header(11))
    node.logs[block_hash(11)] = [log(11, 0, branch="b")]

    with pytest.raises(ChainError, match="of another block"):
        await follower.news()


async def test_follower__malformed_header__is_refused(node: FakeNode, follower: Follower) -> None:
    node.chain.append({"number": "0xb", "hash": block_hash(11)})

    with pytest.raises(ChainError, match="malformed"):
        await follower.news()


async def test_follower__started_settled__is_at_the_parent_of_the_latest_and_tells_of_that(node: FakeNode) -> None:
    follower = Follower(node, [TOPIC])

    assert (await follower.start_settled()).number == 4
    (news,) = await follower.news()
    assert isinstance(news, NewBlock)
    assert news.block.number == 5


async def test_follower__chain_of_one_block__settles_on_it(node: FakeNode) -> None:
    node.chain = [header(0)]

    assert (await Follower(node, [TOPIC]).start_settled()).number == 0


async def test_follower__started_at_an_earlier_block__catches_up_however_far_it_is(node: FakeNode) -> None:
    last = 2 * RING + 9
    node.chain = [header(number) for number in range(1, last + 1)]
    node.logs = {block_hash(number): [log(number, 0)] for number in (5, RING, last)}
    follower = Follower(node, [TOPIC])

    assert await follower.start_at(3, block_hash(3)) is not None
    told = [news async for news in follower.catch_up(to_block(node.chain[-1]))]

    assert [news.block.number for news in told if isinstance(news, NewBlock)] == list(range(4, last + 1))
    assert [news.block.number for news in told if isinstance(news, NewBlock) and news.logs] == [5, RING, last]
    assert node.calls["eth_getBlockByNumber"] <= last


async def test_follower__started_at_a_block_that_left_the_chain__is_not(node: FakeNode) -> None:
    follower = Follower(node, [TOPIC])

    assert await follower.start_at(3, block_hash(3, "b")) is None
    assert await follower.start_at(99, block_hash(99)) is None


class LyingNode(FakeNode):
    """A node that answers with another block than the one that it was asked for."""

    def __init__(self, asked_for: str) -> None:
        super().__init__()
        self.chain = [header(number) for number in range(1, 6)]
        self.asked_for = asked_for

    async def __call__(self, method: str, *params: Any) -> Any:
        answer = await super().__call__(method, *params)
        return header(3) if params[0] == self.asked_for else answer


@pytest.mark.parametrize("asked_for", [block_hash(7), hex(6)])
async def test_follower__node_answers_with_another_block__is_refused(asked_for: str) -> None:
    node = LyingNode(asked_for)
    follower = Follower(node, [TOPIC])
    await follower.start()
    node.chain += [header(6), header(7), header(8)]
    if asked_for == block_hash(7):
        node.chain[-2] = header(7, "b")  # by its number there is another one

    with pytest.raises(ChainError, match="answered with block 3"):
        await follower.news()
    assert follower.head.number == 5
