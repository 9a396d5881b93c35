"""
Recorded logs: JSON lines, as nodes tell them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from keeper.errors import ConfigError

Log = Mapping[str, Any]


def read_lines(path: Path) -> Iterator[str]:
    """
    Yield a file's lines.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        with path.open() as file:
            yield from file
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{path} cannot be read: {reason}") from None


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
