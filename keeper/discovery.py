"""
Which pools there are, as a node tells it: views at a block, and the logs of those DEXes that have no list of pools.

Old logs are scanned from the DEX's first block on, a bounded number of requests at a time, and kept in a file: a start
goes on where the last one stopped. Every pool that a log names is asked for before it is believed.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from keeper.chain.answers import fields, to_hash
from keeper.chain.ranges import AdaptiveRange
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts
from keeper.errors import MalformedLog, RpcError
from keeper.files import replace_file
from keeper.registry import Created, Found, as_request, creation_filters, creation_of, discover, gathered
from keeper.types import Block, Hash

_log = structlog.get_logger("keeper")

#: How many ranges of blocks a scan asks for at a start, and each time that it goes on.
STARTING_REQUESTS, FURTHER_REQUESTS = 40, 2

#: A node that has no limits is asked for everything at once; the others say so.
_FIRST_RANGE, _LARGEST_RANGE = 50_000_000, 1 << 40

#: So many announcements are kept of those that only logs tell.
_MOST_KEPT = 50_000

#: So many announcements of a block are followed: the others wait for the next start.
_MOST_OF_A_BLOCK = 50


class Discovery:
    """
    Attributes:
        counts: ``scanned_requests``; ``announced`` pools; ``malformed`` announcements; ``over_limit``, of which there
            were too many.
        behind: How many blocks are still to be scanned.
    """

    def __init__(self, rpc: Rpc, reader: Reader, facts: ChainFacts, most: int, kept: Path | None = None) -> None:
        """
        Args:
            most: How many pools of a DEX are looked at.
            kept: The file in which scanned logs are kept.
        """
        self._rpc = rpc
        self._reader = reader
        self._facts = facts
        self._most = most
        self._kept = kept
        self._filters = creation_filters(facts)
        self._range = AdaptiveRange(_FIRST_RANGE, _LARGEST_RANGE)
        self._logs: list[Mapping[str, Any]] = []
        #: The last block that was scanned, and its hash.
        self._scanned: tuple[int, Hash] = (-1, Hash(""))
        self.counts: Counter[str] = Counter()
        self.behind = 0

    async def find(self, block: Block) -> Found:
        """
        Return every pool as of the block, as far as old logs have been scanned.
        """
        await self._resume(block)
        await self._scan(block, STARTING_REQUESTS)
        return await self._views(block, self._announced(self._logs))

    async def go_on(self, block: Block) -> Found:
        """
        Scan a little more, and return what that told.
        """
        before = len(self._logs)
        await self._scan(block, FURTHER_REQUESTS)
        return await self._views(block, self._announced(self._logs[before:]), alone=True)

    async def look_at(self, block: Block, logs: Sequence[Mapping[str, Any]]) -> Found:
        """
        Return the pools that these logs of the block, of whatever kind, say were created.
        """
        created = self._announced(logs)
        self.counts["over_limit"] += max(len(created) - _MOST_OF_A_BLOCK, 0)
        return await self._views(block, created[:_MOST_OF_A_BLOCK], alone=True)

    def report(self) -> dict[str, int]:
        """Return the counts, as plain data."""
        return {**dict(sorted(self.counts.items())), "blocks_to_scan": self.behind}

    # ---------------------------------------------------------------- within

    def _announced(self, logs: Sequence[Mapping[str, Any]]) -> list[Created]:
        created = []
        for log in logs:
            try:
                told = creation_of(self._facts, log)
            except MalformedLog as error:
                self.counts["malformed"] += 1
                _log.warning("announcement_refused", reason=str(error))
                continue
            if told is not None:
                created.append(told)
        self.counts["announced"] += len(created)
        return created

    async def _views(self, block: Block, created: Sequence[Created], alone: bool = False) -> Found:
        """What views say of all DEXes; or, if so told, of *created* alone, and of lists that have become longer."""
        facts = self._facts
        if alone:
            names = {pool.dex.name for pool in created}
            facts = facts.with_dexes(dex for dex in facts.dexes if dex.name in names)
        readings = discover(facts, created, self._most, lookups=not alone)
        return gathered(await self._reader.read(readings, block.hash)) if readings else Found()

    async def _scan(self, block: Block, requests: int) -> None:
        """Take in old logs up to *block*, or as far as so many ranges of blocks lead."""
        first = self._scanned[0] + 1
        while self._filters and first <= block.number and requests > 0:
            last = min(first + self._range.size - 1, block.number)
            try:
                for asked in self._filters:
                    self._keep(await self._range.over(first, last, self._asking(as_request(asked))))
            except RpcError as error:
                _log.warning("scan_failed", first_block=first, reason=str(error))
                break
            self._scanned = last, block.hash if last == block.number else await self._hash_of(last)
            first, requests = last + 1, requests - 1
        self.behind = max(block.number - self._scanned[0], 0) if self._filters else 0
        if self.behind:
            _log.warning("scan_unfinished", blocks=self.behind)
        self._save()

    def _asking(self, request: dict[str, Any]) -> Callable[[int, int], Awaitable[list[Mapping[str, Any]]]]:
        async def ask(first: int, last: int) -> list[Mapping[str, Any]]:
            self.counts["scanned_requests"] += 1
            logs = await self._rpc("eth_getLogs", {**request, "fromBlock": hex(first), "toBlock": hex(last)})
            if not isinstance(logs, list):
                raise RpcError("eth_getLogs failed: the node's logs are no list")
            return logs

        return ask

    def _keep(self, logs: Sequence[Mapping[str, Any]]) -> None:
        room = _MOST_KEPT - len(self._logs)
        self.counts["over_limit"] += max(len(logs) - room, 0)
        self._logs += logs[:room]

    async def _hash_of(self, number: int) -> Hash:
        header = await self._rpc("eth_getBlockByNumber", hex(number), False)
        return to_hash(fields(header, "block").get("hash"), "block hash") if header else Hash("")

    async def _resume(self, block: Block) -> None:
        """Begin where the file ends, if it is of this chain as the node has it and of these DEXes."""
        starts = [dex.since_block for dex in self._facts.dexes if dex.by_vault or dex.family == "uniswap_v4"]
        first = min(starts, default=0)
        # A rehearsal's chain may be shorter than the real one was when the DEX came.
        self._logs, self._scanned = [], (first - 1 if first <= block.number else -1, Hash(""))
        if (kept := self._read()) is None:
            return
        number, block_hash = int(kept["block_number"]), Hash(kept["block_hash"])
        if kept["filters"] == self._filters_as_json() and await self._hash_of(number) == block_hash:
            self._logs, self._scanned = list(kept["logs"]), (number, block_hash)

    def _read(self) -> dict[str, Any] | None:
        """What the file says; one that is not there, or damaged, costs a scan."""
        if self._kept is None or not self._kept.is_file():
            return None
        try:
            kept: dict[str, Any] = json.loads(self._kept.read_text())
            int(kept["block_number"]), kept["block_hash"], kept["filters"], list(kept["logs"])
        except (ValueError, KeyError, TypeError):
            _log.warning("scan_file_unreadable", path=str(self._kept))
            return None
        return kept

    def _save(self) -> None:
        if self._kept is None or self._scanned[1] == "":
            return
        number, block_hash = self._scanned
        state = {
            "block_number": number,
            "block_hash": block_hash,
            "filters": self._filters_as_json(),
            "logs": self._logs,
        }
        try:
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._kept, [json.dumps(state).encode()])
        except OSError as error:
            _log.warning("scan_not_written", path=str(self._kept), reason=error.strerror)

    def _filters_as_json(self) -> list[dict[str, Any]]:
        return [as_request(asked) for asked in self._filters]
