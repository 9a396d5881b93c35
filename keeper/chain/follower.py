"""
Follows the head of a chain without a gap: every block once, in order, with its logs, or the news that blocks left.

A block's logs are believed when its header bears them out. Of a block with few logs all are fetched, of whatever topic,
and must give exactly its bloom filter; of a crowded one only ours, none of which may be missing from the filter. Where
the filter may hold some of a topic that was asked for and none came, all logs are fetched after all; now and then
without any suspicion.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keeper.chain.answers import quantity, to_hash
from keeper.chain.bloom import Log, unaccounted
from keeper.chain.logs import in_order, require_complete, require_held
from keeper.chain.ranges import AdaptiveRange
from keeper.chain.rpc import Rpc
from keeper.errors import ChainError, ReorgError, Unproved
from keeper.types import Block, Hash

#: How deep a reorganisation can be followed; a deeper one needs the market to be read anew.
RING = 256

#: Blocks that are fetched side by side when the keeper is behind.
CATCH_UP = 16

#: A gap of so many blocks has its logs fetched by range: by number, which proves less than by hash.
GAP = CATCH_UP + 1

#: Every so many blocks all logs of one are fetched and compared with its header, however crowded it is.
FULL_CHECK_BLOCKS = 64

#: A bloom filter with at most so many bits set, of 2048, is of a block with few logs: some 50.
SPARSE_BITS = 450


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A block that extends the head, with the logs whose first topic was asked for, in chain order."""

    block: Block
    logs: Sequence[Log]


@dataclass(frozen=True, slots=True)
class Unwound:
    """Blocks above *head* are no longer part of the chain."""

    head: Block


ChainNews = NewBlock | Unwound


class Follower:
    """
    Follows one node.

    Attributes:
        head: The last block that was told.
        backfilled: How many logs were fetched by ranges, for blocks that had been missed.
    """

    def __init__(self, rpc: Rpc, topics: Sequence[Hash], proved: Sequence[Hash] = (), proves: bool = True) -> None:
        """
        Args:
            topics: What is asked for.
            proved: Those of them whose absence is doubted where the header's bloom filter may hold them; empty for all.
            proves: Whether headers' bloom filters are looked at; not where a node has none.
        """
        self._rpc = rpc
        self._topics = list(topics)
        self._wanted = frozenset(topics)
        self._proved = list(proved) or self._topics
        self._proves = proves
        self._range = AdaptiveRange(largest=RING)
        self._ring: OrderedDict[Hash, Block] = OrderedDict()
        self.backfilled = 0

    @property
    def head(self) -> Block:
        return next(reversed(self._ring.values()))

    async def is_canonical(self, block_hash: Hash, number: int) -> bool:
        """
        Whether the block is the head or one of its ancestors; of those before the follower's memory, the node is asked.
        """
        if block_hash in self._ring:
            return True
        if number >= self._oldest.number:
            return False
        return (await self._block(hex(number))).hash == block_hash

    @property
    def _oldest(self) -> Block:
        return next(iter(self._ring.values()))

    async def start(self) -> Block:
        """
        Take the node's latest block for the head and return it.
        """
        return self._begin(await self._block("latest"))

    async def start_settled(self) -> Block:
        """
        Take the parent of the node's latest block for the head and return it, to read the chain at.

        Asked for the state of its latest block, a node may answer with that of the one which it is executing: anvil
        does, half of the time while it mines.
        """
        latest = await self._block("latest")
        return self._begin(await self._block(latest.parent_hash) if latest.number else latest)

    async def start_at(self, number: int, block_hash: Hash) -> Block | None:
        """
        Take an earlier block for the head and return it, or None if it is not part of the node's chain.
        """
        header = await self._rpc("eth_getBlockByNumber", hex(number), False)
        block = to_block(header) if header is not None else None
        return self._begin(block) if block is not None and block.hash == block_hash else None

    async def news(self, latest: Block | None = None, hearsay: bool = False) -> list[ChainNews]:
        """
        Return what happened since the last call, oldest first; empty if nothing did.

        Args:
            latest: The node's latest block, if it is known already.
            hearsay: Whether somebody else told it; what contradicts it does not speak against the node then.

        Raises:
            RpcError: The node failed; nothing was lost, call again.
            ReorgError: The chain left the keeper's memory: the market must be read anew.
        """
        latest = latest or await self._block("latest")
        if latest.hash in self._ring or latest.number < self._oldest.number:
            # A node behind a load balancer may answer with an older head: that is no reorganisation.
            return []
        try:
            return await self._advance(latest)
        except Unproved as error:
            if not hearsay:
                self._rpc.distrust(error)
            raise

    async def catch_up(self, latest: Block) -> AsyncIterator[ChainNews]:
        """
        Yield what happened up to *latest*, however many blocks that are.

        Raises:
            RpcError: The node failed.
            ReorgError: The chain left the keeper's memory.
        """
        while self.head.number < latest.number:
            step = self.head.number + RING
            for news in await self.news(latest if step >= latest.number else await self._block(hex(step))):
                yield news

    async def _advance(self, latest: Block) -> list[ChainNews]:
        branch = await self._branch(latest)
        ancestor = self._ring.get(branch[0].parent_hash)
        assert ancestor is not None
        logs = await self._many_logs(branch)
        news: list[ChainNews] = []
        if ancestor.hash != self.head.hash:
            self._forget_above(ancestor)
            news.append(Unwound(ancestor))
        for block, block_logs in zip(branch, logs, strict=True):
            self._remember(block)
            news.append(NewBlock(block, block_logs))
        return news

    async def _branch(self, latest: Block) -> list[Block]:
        """The blocks from the first unknown one to *latest*, found by walking parent hashes back."""
        missing = latest.number - self.head.number - 1
        between = [self.head.number + 1 + index for index in range(min(max(missing, 0), RING))]
        known = {block.hash: block for block in await self._many_blocks(between)}
        branch = [latest]
        while branch[-1].parent_hash not in self._ring:
            parent = branch[-1].parent_hash
            if branch[-1].number <= self._oldest.number or len(branch) > RING:
                raise ReorgError(f"block {latest.number} does not descend from the {len(self._ring)} blocks known")
            branch.append(known.get(parent) or await self._block(parent))
        return branch[::-1]

    async def _many_blocks(self, numbers: Sequence[int]) -> list[Block]:
        blocks: list[Block] = []
        for start in range(0, len(numbers), CATCH_UP):
            part = numbers[start : start + CATCH_UP]
            blocks += await asyncio.gather(*(self._block(hex(number)) for number in part))
        return blocks

    async def _many_logs(self, blocks: Sequence[Block]) -> list[list[Log]]:
        if len(blocks) == 1:
            return [await self._logs(blocks[0])]  # no task of its own, whose end would wait for the loop's next round
        if len(blocks) < GAP:
            return list(await asyncio.gather(*(self._logs(block) for block in blocks)))
        of_block: dict[str, list[Log]] = {block.hash: [] for block in blocks}
        #: Where the answer to each part ends: a node that cuts answers short does so there.
        ends: set[Any] = set()

        async def ask(first: int, last: int) -> list[Log]:
            logs = await self._logs_between(first, last)
            if logs and isinstance(logs[-1], Mapping):
                ends.add(str(logs[-1].get("blockHash")))
            return logs

        for log in await self._range.over(blocks[0].number, blocks[-1].number, ask):
            if not isinstance(log, Mapping) or str(log.get("blockHash")) not in of_block:
                raise Unproved("the node's logs are of blocks that are not part of its chain")
            of_block[log["blockHash"]].append(log)
            self.backfilled += 1
        return [await self._believed(of_block[block.hash], block, block.hash in ends) for block in blocks]

    async def _logs_between(self, first: int, last: int) -> list[Log]:
        logs = await self._rpc("eth_getLogs", {"fromBlock": hex(first), "toBlock": hex(last), "topics": [self._topics]})
        if not isinstance(logs, list):
            raise Unproved("the node's logs are no list")
        return logs

    async def _block(self, which: str) -> Block:
        by_hash = len(which) == 66
        header = await self._rpc("eth_getBlockByHash" if by_hash else "eth_getBlockByNumber", which, False)
        if header is None:
            raise ChainError(f"the node has no block {which}")
        block = to_block(header)
        if which not in ("latest", block.hash, hex(block.number)):
            raise ChainError(f"the node was asked for block {which} and answered with block {block.number}")
        return block

    async def _logs(self, block: Block) -> list[Log]:
        """By block hash: the answer is about this block or an error, never about another one of its number."""
        bloom = block.logs_bloom if self._proves else None
        if bloom is not None and (bloom.bit_count() <= SPARSE_BITS or block.number % FULL_CHECK_BLOCKS == 0):
            return self._ours(await self._everything(block))
        logs = await self._rpc("eth_getLogs", {"blockHash": block.hash, "topics": [self._topics]})
        return await self._believed(_listed(logs), block)

    async def _believed(self, told: Sequence[Log], block: Block, doubted: bool = False) -> list[Log]:
        """The logs of the block, in order, if its header bears them out; where they are *doubted*, all of them."""
        logs = in_order(told, block)
        if self._proves and block.logs_bloom is not None:
            require_held(logs, block)
            doubted = doubted or bool(unaccounted(block.logs_bloom, logs, self._proved))
            if doubted and self._ours(await self._everything(block)) != logs:
                raise Unproved(f"the node withholds logs of block {block.number}")
        return logs

    async def _everything(self, block: Block) -> list[Log]:
        """All logs of the block, of whatever contract and topic, as its header proves."""
        logs = in_order(_listed(await self._rpc("eth_getLogs", {"blockHash": block.hash})), block)
        require_complete(logs, block)
        return logs

    def _ours(self, logs: Sequence[Log]) -> list[Log]:
        return [log for log in logs if log["topics"] and log["topics"][0] in self._wanted]

    def _begin(self, block: Block) -> Block:
        self._ring.clear()
        self._remember(block)
        return block

    def _remember(self, block: Block) -> None:
        self._ring[block.hash] = block
        while len(self._ring) > RING:
            self._ring.popitem(last=False)

    def _forget_above(self, ancestor: Block) -> None:
        while self.head.hash != ancestor.hash:
            self._ring.popitem()


def _listed(logs: Any) -> list[Log]:
    if not isinstance(logs, list):
        raise Unproved("the node's logs are no list")
    return logs


def to_block(header: Mapping[str, Any]) -> Block:
    """
    Return the block of a node's header object.

    Raises:
        ChainError: A field is missing or not hex.
    """
    try:
        return Block(
            number=quantity(header["number"], "block number"),
            hash=to_hash(header["hash"], "block hash"),
            parent_hash=to_hash(header["parentHash"], "parent hash"),
            timestamp=quantity(header["timestamp"], "timestamp"),
            base_fee_wei=quantity(header.get("baseFeePerGas") or "0x0", "base fee"),
            logs_bloom=quantity(header["logsBloom"], "bloom filter") if header.get("logsBloom") else None,
        )
    except (ChainError, KeyError, TypeError, AttributeError):
        raise ChainError("the node's block header is malformed") from None
