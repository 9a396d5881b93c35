"""
Recorded logs and snapshots: JSON lines, in the shapes that docs/replay.md describes.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from keeper.errors import ConfigError, PoolError
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool
from keeper.types import Address

Log = Mapping[str, Any]


def standing_logs(lines: Iterable[str]) -> tuple[list[Log], int]:
    """
    Return the logs that stand in the end, each once and in chain order, and how many lines are no logs at all.

    A log that was ``removed`` stands if it came again; of two blocks with one number, the one that came last.
    """
    standing: dict[tuple[int, str, int], Log] = {}
    last_hash: dict[int, str] = {}
    malformed = 0
    for line in filter(str.strip, lines):
        try:
            log = json.loads(line)
            number, block_hash, index = int(log["blockNumber"], 16), str(log["blockHash"]), int(log["logIndex"], 16)
            removed = log.get("removed", False)
        except (ValueError, KeyError, TypeError, AttributeError):
            malformed += 1
            continue
        if removed:
            standing.pop((number, block_hash, index), None)
        else:
            standing[number, block_hash, index] = log
            last_hash[number] = block_hash
    kept = sorted(key for key in standing if last_hash[key[0]] == key[1])
    return [standing[key] for key in kept], malformed


def snapshot_pools(lines: Iterable[str]) -> list[Pool]:
    """
    Return the pools of a snapshot.

    Raises:
        ConfigError: A line is not a pool of a family that is known.
    """
    pools: dict[Address, Pool] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            snapshot = json.loads(line)
            pool = FAMILIES[snapshot["family"]].from_snapshot(snapshot)
        except (ValueError, KeyError, TypeError, PoolError):
            raise ConfigError(f"line {number} of the snapshot is not a pool of a known family") from None
        pools[pool.address] = pool
    return list(pools.values())
