"""
Pools on disk: JSON lines, in the shapes that docs/replay.md describes.

A keeper's own file has a line before the pools that says what they are of, and one after them with the digest of all
lines before it: what is damaged, cut off or of something else is refused as a whole.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from keeper.errors import ConfigError, PoolError
from keeper.files import replace_file
from keeper.market.memory import Memory
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool
from keeper.types import Address, Block, Hash

_log = structlog.get_logger("keeper")

#: Of the lines around the pools; another one is not read.
VERSION = 1

#: That a pool holds too little is believed for so long.
_JUDGED_SECONDS = 86_400.0

#: What reading a line that is none of ours may raise.
_NOT_OURS = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, PoolError)


class _Refused(Exception):  # noqa: N818 - what happened
    """Why a file is not used, in words."""


@dataclass(frozen=True, slots=True)
class Poor:
    """
    Pools that were left out because they hold too little.

    Attributes:
        least_wei: What they would have to hold.
        judged_at: When they were looked at, by the wall clock.
    """

    pools: frozenset[Address] = frozenset()
    least_wei: int = 0
    judged_at: float = 0.0


class SnapshotFile:
    """
    Where a keeper keeps its market from one life to the next.
    """

    def __init__(self, path: Path, bound_to: Mapping[str, str | int]) -> None:
        """
        Args:
            bound_to: What the chain and the deployment are; a file of others is not read.
        """
        self.path = path
        self._bound_to = dict(bound_to)

    def save(self, memory: Memory, poor: Poor, now: float) -> bool:
        """
        Replace the file as a whole, and return whether that was possible; whoever kills the process finds the old one
        or the new one.
        """
        try:
            replace_file(self.path, _sealed(self._rows(memory, poor, now)))
        except OSError as error:
            _log.warning("snapshot_not_written", path=str(self.path), reason=error.strerror)
            return False
        return True

    def load(self, now: float) -> tuple[Memory, Poor] | None:
        """
        Return what was saved, or None if there is nothing, or nothing that can be used.
        """
        try:
            return self._read(now)
        except FileNotFoundError:
            return None
        except (OSError, _Refused) as error:
            reason = str(error) if isinstance(error, _Refused) else error.strerror
            self.refuse(f"it {reason}" if isinstance(error, _Refused) else f"it cannot be read: {reason}")
            return None

    def refuse(self, reason: str) -> None:
        """Tell the operator why every pool is read anew."""
        _log.warning("snapshot_refused", path=str(self.path), reason=reason, consequence="every pool is read anew")

    def _rows(self, memory: Memory, poor: Poor, now: float) -> Iterator[Mapping[str, Any]]:
        head = memory.block
        yield {
            "snapshot": VERSION,
            **self._bound_to,
            "block_number": str(head.number),
            "block_hash": head.hash,
            "saved_at": now,
            "steps": [[str(block.number), block.hash, sorted(moved)] for block, moved in memory.steps],
            "poor": {"pools": sorted(poor.pools), "least_wei": str(poor.least_wei), "judged_at": poor.judged_at},
        }
        at = {"block_number": str(head.number), "block_hash": head.hash}
        for pool in memory.pools:
            age = memory.ages.get(pool.address)
            yield {**pool.snapshot(), **at, **({} if age is None else {"age_seconds": age})}

    def _read(self, now: float) -> tuple[Memory, Poor]:
        data = self.path.read_bytes()
        lines = data.splitlines(keepends=True)
        try:
            header = json.loads(lines[0])
            version, binding = header["snapshot"], {key: header[key] for key in self._bound_to}
        except _NOT_OURS:
            raise _Refused("is no snapshot of a keeper") from None
        if version != VERSION:
            raise _Refused(f"is of format {version!r}, and format {VERSION} is known")
        if lines[-1] != _seal(lines[:-1]):
            raise _Refused("is damaged or incomplete")
        for key, value in self._bound_to.items():
            if binding[key] != value:
                raise _Refused(f"is of another {key}: {binding[key]!r}")
        try:
            return _memory(header, lines[1:-1], now), _poor(header["poor"], now)
        except _NOT_OURS as error:
            raise _Refused(f"is not what it should be: {error!r}") from None


def _memory(header: Mapping[str, Any], lines: Iterable[bytes], now: float) -> Memory:
    rows = [json.loads(line) for line in lines]
    pools = [FAMILIES[row["family"]].from_snapshot(row) for row in rows]
    # A clock that went back tells no ages.
    since = now - float(header["saved_at"])
    elapsed = since if since >= 0 else float("inf")
    ages = {
        pool.address: float(row["age_seconds"]) + elapsed
        for pool, row in zip(pools, rows, strict=True)
        if "age_seconds" in row
    }
    steps = [
        (Block(int(number), Hash(name), Hash(""), 0, 0), frozenset(map(Address, moved)))
        for number, name, moved in header["steps"]
    ]
    if (str(steps[0][0].number), steps[0][0].hash) != (header["block_number"], header["block_hash"]):
        raise ValueError("the pools are of another block than the first step")
    return Memory(tuple(pools), ages, steps)


def _poor(told: Mapping[str, Any], now: float) -> Poor:
    poor = Poor(frozenset(map(Address, told["pools"])), int(told["least_wei"]), float(told["judged_at"]))
    return poor if 0 <= now - poor.judged_at <= _JUDGED_SECONDS else replace(poor, pools=frozenset())


def _sealed(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    lines = (json.dumps(row).encode() + b"\n" for row in rows)
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
        yield line
    yield _trailer(digest.hexdigest())


def _seal(lines: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return _trailer(digest.hexdigest())


def _trailer(digest: str) -> bytes:
    return json.dumps({"sha256": digest}).encode() + b"\n"


def snapshot_pools(lines: Iterable[str]) -> list[Pool]:
    """
    Return the pools of a snapshot, of a keeper's own as well.

    Raises:
        ConfigError: A line is not a pool of a family that is known.
    """
    pools: dict[Address, Pool] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if "family" not in row and row.keys() & {"snapshot", "sha256"}:
                continue
            pool = FAMILIES[row["family"]].from_snapshot(row)
        except _NOT_OURS:
            raise ConfigError(f"line {number} of the snapshot is not a pool of a known family") from None
        pools[pool.address] = pool
    return list(pools.values())
