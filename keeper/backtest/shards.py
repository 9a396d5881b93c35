"""
A recording cut into pieces that can be studied apart, and one of them studied.

A shard begins with the market as the logs before it left it, and goes on beyond its last block for as long as its
findings are looked at again; so what is found does not depend on where a recording is cut.
"""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keeper import __version__
from keeper.config import ChainFacts, load_chain
from keeper.errors import ConfigError
from keeper.files import replace_file
from keeper.gas import GasPrices
from keeper.lenders import Lender
from keeper.market import Market
from keeper.opportunity import Terms
from keeper.pools.pool import Pool
from keeper.replay.files import Log, read_lines, standing_logs
from keeper.replay.replay import Replay
from keeper.replay.study import Assumptions, Study
from keeper.routes.graph import Graph
from keeper.snapshot import snapshot_pools
from keeper.types import Address, Block

#: Of a lender that no recording knows the liquidity of.
_AMPLE = 10**30


@dataclass(frozen=True, slots=True)
class Question:
    """
    What a study asks: all that its answer depends on, besides the recording.

    Attributes:
        funding: Ways to fund a route; lenders are assumed to have enough.
        latencies: In blocks.
    """

    chain: str = "arbitrum"
    funding: tuple[str, ...] = ("none",)
    max_hops: int = 4
    gas_price_wei: int = 20_000_000
    l1_wei_per_unit: int = 0
    min_profit_wei: int = 10**13
    latencies: tuple[int, ...] = (0, 1, 2, 4)
    most_per_block: int = 100

    def assumptions(self, facts: ChainFacts) -> Assumptions:
        """
        Return them as a study takes them.
        """
        tokens = tuple(facts.token(symbol) for symbol in facts.profit_tokens)
        lenders = tuple(
            Lender(lender.name, Address(lender.address), lender.fee_pips * 10**12, dict.fromkeys(tokens, _AMPLE))
            for lender in facts.lenders
            if lender.name in self.funding
        )
        terms = Terms(tokens, Address(facts.weth), self.max_hops, self.funding, self.min_profit_wei)
        prices = GasPrices(self.gas_price_wei, 0, self.l1_wei_per_unit, brotli_level=1)
        return Assumptions(terms, prices, lenders, self.latencies, self.most_per_block)


@dataclass(frozen=True, slots=True)
class Shard:
    """
    Attributes:
        snapshot: Every pool before its first block.
        logs: Of its blocks and of those in which its findings are looked at again.
        to_block: The first block that is not its own; None if it has the rest.
    """

    snapshot: Path
    logs: Path
    result: Path
    from_block: int
    to_block: int | None


@dataclass(frozen=True, slots=True)
class Recording:
    """A snapshot and the logs after it."""

    snapshot: Path
    logs: Path


def cut(recording: Recording, question: Question, blocks: int, folder: Path) -> tuple[list[Shard], dict[str, int]]:
    """
    Write the shards of a recording, each of so many blocks with logs, and return them with the counts of its logs.

    Raises:
        ConfigError: The recording cannot be read, or the folder cannot be written.
    """
    standing, malformed = standing_logs(read_lines(recording.logs))
    key = _key(recording, question, blocks)
    cutter = _Cutter(standing, blocks, max(question.latencies, default=0), folder, key)
    replay = Replay(load_chain(question.chain), snapshot_pools(read_lines(recording.snapshot)), cutter)
    try:
        replay.run(standing)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from None
    replay.counts["malformed"] += malformed
    return cutter.shards, {**replay.counts, **_explained(replay)}


def study(shard: Shard, question: Question) -> Path:
    """
    Study a shard and write what was found to its result, unless that is there already; return the result.
    """
    if shard.result.is_file():
        return shard.result
    facts = load_chain(question.chain)
    studied = Study(question.assumptions(facts), shard.from_block, shard.to_block)
    replay = Replay(facts, snapshot_pools(read_lines(shard.snapshot)), studied, explaining=False)
    replay.run(standing_logs(read_lines(shard.logs))[0])
    found = {"counts": studied.report(), "findings": [finding.as_json() for finding in studied.findings]}
    replace_file(shard.result, [json.dumps(found).encode()])
    return shard.result


class _Cutter:
    """Writes a shard whenever enough blocks have passed."""

    def __init__(self, logs: Sequence[Log], blocks: int, tail: int, folder: Path, key: str) -> None:
        self._logs, self._blocks, self._tail = logs, blocks, tail
        self._folder, self._key = folder, key
        self._block_of = [int(log["blockNumber"], 16) for log in logs]
        self._numbers = sorted(set(self._block_of))
        self.shards: list[Shard] = []

    def begin(self, market: Market) -> None:
        pass

    def leave(self, next_number: int | None, market: Market) -> None:
        place = len(self.shards) * self._blocks
        if next_number is not None and place < len(self._numbers) and self._numbers[place] == next_number:
            self._write(place, market)

    def decide(self, block: Block, changed: Collection[Address], market: Market, graph: Graph) -> None:
        pass

    def report(self) -> Mapping[str, Any]:
        return {}

    def _write(self, place: int, market: Market) -> None:
        first = self._numbers[place]
        end = place + self._blocks
        to_block = self._numbers[end] if end < len(self._numbers) else None
        path = self._folder / f"{self._key}-{len(self.shards):05}"
        shard = Shard(
            path.with_suffix(".snapshot.jsonl"),
            path.with_suffix(".logs.jsonl"),
            path.with_suffix(".result.json"),
            first,
            to_block,
        )
        self.shards.append(shard)
        if shard.result.is_file():
            return
        readable = (market.peek(address) for address in sorted(market.infos))
        replace_file(shard.snapshot, _lines(_row(pool, first) for pool in readable if pool is not None))
        last = None if to_block is None else to_block + self._tail
        replace_file(shard.logs, _lines(self._between(first, last)))

    def _between(self, first: int, last: int | None) -> Sequence[Log]:
        end = len(self._logs) if last is None else bisect_right(self._block_of, last)
        return self._logs[bisect_left(self._block_of, first) : end]


def _explained(replay: Replay) -> dict[str, int]:
    return {
        "swaps": sum(counter.total() for counter in replay.explained.values()),
        "mismatches": sum(counter["mismatch"] for counter in replay.explained.values()),
    }


def _row(pool: Pool, next_block: int) -> Mapping[str, Any]:
    return {**pool.snapshot(), "block_number": str(next_block - 1), "block_hash": ""}


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    return (json.dumps(row).encode() + b"\n" for row in rows)


def _key(recording: Recording, question: Question, blocks: int) -> str:
    """What a shard's result depends on: with any of it changed, nothing old is taken for an answer."""
    digest = hashlib.sha256(json.dumps([__version__, asdict(question), blocks]).encode())
    for path in (recording.snapshot, recording.logs):
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    return digest.hexdigest()[:16]
