"""
A block's logs: put in order or refused, compared with the header, and fetched by ranges that adapt.
"""

from typing import Any

import pytest
from eth_utils.crypto import keccak

from keeper.chain.bloom import bloom_of, may_hold, unaccounted
from keeper.chain.follower import FULL_CHECK_BLOCKS, SPARSE_BITS, Follower, NewBlock
from keeper.chain.logs import in_order
from keeper.chain.ranges import AdaptiveRange, is_too_much
from keeper.errors import ChainError, RateLimited, RpcError, Unproved
from keeper.types import Block, Hash
from tests.fake_node import FakeNode, block_hash, header

OURS, OTHERS = (Hash("0x" + byte * 32) for byte in ("11", "22"))
POOL = "0x" + "ab" * 20
BLOCK = Block(11, Hash(block_hash(11)), Hash(block_hash(10)), 0, 0)


def log(number: int, index: int, topic: str = OURS, address: str = POOL) -> dict[str, Any]:
    return {
        "address": address,
        "topics": [topic],
        "data": "0x",
        "blockHash": block_hash(number),
        "blockNumber": hex(number),
        "logIndex": hex(index),
        "transactionIndex": hex(index),
        "removed": False,
    }


def test_in_order__shuffled_and_twice__is_once_and_in_order() -> None:
    logs = [log(11, 2), log(11, 0), log(11, 2), log(11, 1), log(11, 0)]

    assert [entry["logIndex"] for entry in in_order(logs, BLOCK)] == ["0x0", "0x1", "0x2"]


@pytest.mark.parametrize(
    ("logs", "words"),
    [
        ([log(10, 0)], "of another block"),
        ([{**log(11, 0), "removed": True}], "taken back"),
        ([log(11, 0), log(11, 0, OTHERS)], "two logs 0"),
        ([{**log(11, 0), "logIndex": "first"}], "malformed"),
        ([{**log(11, 0), "transactionIndex": "0x"}], "malformed"),
        ([{**log(11, 0), "address": None}], "malformed"),
        ([{**log(11, 0), "topics": [[OURS]]}], "malformed"),
        ([{**log(11, 0), "topics": None}], "malformed"),
        (["log"], "malformed"),
        ([{"logIndex": "0x0"}], "malformed"),
    ],
)
def test_in_order__not_this_blocks_logs__is_refused(logs: list[Any], words: str) -> None:
    with pytest.raises(ChainError, match=words):
        in_order(logs, BLOCK)


def test_bloom__is_the_yellow_papers() -> None:
    digest = keccak(hexstr=OURS)
    bits = {int.from_bytes(digest[at : at + 2]) % 2048 for at in (0, 2, 4)}

    bloom = bloom_of([{"address": OURS, "topics": []}])

    assert bloom == sum(1 << bit for bit in bits)
    assert may_hold(bloom, OURS)
    assert not may_hold(bloom, OTHERS)
    assert unaccounted(bloom, [], [OURS, OTHERS]) == [OURS]


class LogNode(FakeNode):
    """A node that filters logs by topic, and can keep some to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.withheld: set[tuple[str, int]] = set()
        self.whole = 0

    def add(self, number: int, logs: list[dict[str, Any]], crowd: int = 0) -> None:
        """A block with these logs and so many of strangers after them."""
        strangers = [log(number, len(logs) + k, f"0x{k:064x}", f"0x{k:040x}") for k in range(crowd)]
        self.logs[block_hash(number)] = [*logs, *strangers]
        self.chain.append({**header(number), "logsBloom": hex(bloom_of(self.logs[block_hash(number)]))})

    def _logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        topics = wanted.get("topics", [None])[0]
        self.whole += topics is None
        return [
            entry
            for entry in super()._logs(wanted)
            if (topics is None or entry["topics"][0] in topics)
            and (entry["blockHash"], int(entry["logIndex"], 16)) not in self.withheld
        ]


@pytest.fixture
async def node() -> LogNode:
    node = LogNode()
    node.add(10, [])
    return node


async def following(node: LogNode) -> Follower:
    follower = Follower(node, [OURS, Hash("0x" + "33" * 32)])  # type: ignore[arg-type]
    await follower.start()
    return follower


async def logs_of(follower: Follower) -> list[list[str]]:
    news = await follower.news()
    return [[entry["logIndex"] for entry in item.logs] for item in news if isinstance(item, NewBlock)]


async def test_follower__block_of_few_logs__is_proved_by_one_request(node: LogNode) -> None:
    follower = await following(node)
    node.add(11, [log(11, 0, OTHERS), log(11, 1)])
    node.calls.clear()

    assert await logs_of(follower) == [["0x1"]]
    assert (node.calls["eth_getLogs"], node.whole) == (1, 1)


@pytest.mark.parametrize("withheld", [0, 1, 2])
async def test_follower__few_logs_and_one_withheld__is_refused_until_it_is_told(node: LogNode, withheld: int) -> None:
    follower = await following(node)
    node.add(11, [log(11, 0), log(11, 1, OTHERS), log(11, 2, address=f"0x{7:040x}")])
    node.withheld = {(block_hash(11), withheld)}

    with pytest.raises(Unproved, match="bloom filter"):
        await follower.news()
    assert len(node.distrusted) == 1
    node.withheld.clear()

    assert await logs_of(follower) == [["0x0", "0x2"]]


async def test_follower__crowded_block__asks_for_ours_only(node: LogNode) -> None:
    follower = await following(node)
    node.add(11, [log(11, 0), log(11, 1, "0x" + "33" * 32)], crowd=100)
    assert int(node.chain[-1]["logsBloom"], 16).bit_count() > SPARSE_BITS

    assert await logs_of(follower) == [["0x0", "0x1"]]
    assert node.whole == 0


async def test_follower__crowded_block_without_the_logs_that_it_may_hold__is_looked_at_whole(node: LogNode) -> None:
    follower = await following(node)
    node.add(11, [log(11, 0)], crowd=100)
    node.withheld = {(block_hash(11), 0)}

    with pytest.raises(ChainError, match="bloom filter"):
        await follower.news()
    assert node.whole == 1


async def test_follower__crowded_block_now_and_then__is_looked_at_whole(node: LogNode) -> None:
    node.chain.clear()
    node.add(FULL_CHECK_BLOCKS - 1, [])
    follower = await following(node)
    node.add(FULL_CHECK_BLOCKS, [log(FULL_CHECK_BLOCKS, 0), log(FULL_CHECK_BLOCKS, 1)], crowd=100)
    node.withheld = {(block_hash(FULL_CHECK_BLOCKS), 1)}

    with pytest.raises(ChainError, match="bloom filter"):
        await follower.news()


async def test_follower__log_that_the_header_does_not_know__is_refused(node: LogNode) -> None:
    follower = await following(node)
    node.add(11, [log(11, 0)], crowd=100)
    node.logs[block_hash(11)].append(log(11, 101, address="0x" + "99" * 20))

    with pytest.raises(ChainError, match="not in the bloom filter"):
        await follower.news()


async def test_follower__node_without_filters__can_be_followed_unproved(node: LogNode) -> None:
    follower = Follower(node, [OURS], proves=False)  # type: ignore[arg-type]
    await follower.start()
    node.add(11, [log(11, 0)])
    node.chain[-1]["logsBloom"] = "0x" + "00" * 256

    assert await logs_of(follower) == [["0x0"]]


async def test_follower__gap__is_filled_by_ranges_that_the_node_accepts(node: LogNode) -> None:
    follower = await following(node)
    for number in range(11, 171):
        node.add(number, [log(number, 0)] * (number % 2))
    node.most_blocks = 10

    assert await logs_of(follower) == [["0x0"] * (number % 2) for number in range(11, 171)]
    assert follower.backfilled == 80
    refused = [size for size in node.ranges if size > 10]
    assert len(refused) < len(node.ranges) / 2
    assert sum(size for size in node.ranges if size <= 10) == 160


async def test_follower__gap_with_logs_withheld__is_refused(node: LogNode) -> None:
    follower = await following(node)
    for number in range(11, 21):
        node.add(number, [log(number, 0)])
    node.withheld = {(block_hash(15), 0)}

    with pytest.raises(ChainError, match="bloom filter"):
        await follower.news()
    assert follower.head.number == 10


async def test_follower__gap_whose_logs_are_cut_short_within_a_block__is_refused(node: LogNode) -> None:
    follower = await following(node)
    for number in range(11, 41):
        node.add(number, [log(number, 0), log(number, 1, address=f"0x{9:040x}")], crowd=100)
    node.withheld = {(block_hash(40), 1)}

    with pytest.raises(Unproved, match="bloom filter"):
        await follower.news()
    assert follower.head.number == 10
    node.withheld.clear()

    assert await logs_of(follower) == [["0x0", "0x1"]] * 30


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-32701, "Please specify an address in your request or, to remove restrictions, order a dedicated node"),
        (-32602, "eth_getLogs is limited to a 10 block range"),
        (-32614, "eth_getLogs is limited to a 10,000 range"),
        (-32005, "query returned more than 10000 results. Try with this block range [0x1, 0x2]"),
        (-32000, "block range is too wide"),
        (-32000, "query timeout exceeded"),
        (None, "node http://a answered eth_getLogs with HTTP status 413"),
        (None, "node http://a is out of reach for eth_getLogs: timed out"),
    ],
)
def test_ranges__providers_words__are_understood(code: int | None, words: str) -> None:
    assert is_too_much(RpcError(words, code))


@pytest.mark.parametrize(
    "error",
    [RpcError("execution reverted", 3), RpcError("connection refused"), RateLimited("rate limit exceeded", -32005)],
)
def test_ranges__other_errors__are_not_about_size(error: RpcError) -> None:
    assert not is_too_much(error)


async def test_ranges__one_block_refused__is_an_error() -> None:
    async def refuse(first: int, last: int) -> list[int]:
        raise RpcError("block range is too large", -32005)

    with pytest.raises(RpcError, match="too large"):
        await AdaptiveRange(size=8).over(1, 100, refuse)


async def test_ranges__accepted__grow_again() -> None:
    asked = []

    async def accept(first: int, last: int) -> list[int]:
        asked.append(last - first + 1)
        return list(range(first, last + 1))

    assert await AdaptiveRange(size=2, largest=40).over(1, 200, accept) == list(range(1, 201))
    assert asked[:4] == [2, 4, 7, 11]
    assert max(asked) == 40
