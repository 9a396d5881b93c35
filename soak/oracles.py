"""
What must hold whatever went wrong.

    O1  no nonce was signed twice with different bytes, unless the journal has them as siblings
    O2  what a node was offered was in the journal before, and what the journal says of it is what the chain has
    O3  every pool that can be read is what the chain has
    O4  nothing was sent in a state that does not trade
    O5  the keeper comes back by itself, and earns again, within a time
    O6  memory, file descriptors and tasks are bounded
"""

import asyncio
import gc
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.errors import ChainError, PoolError
from keeper.execution.limits import BREAKERS, Action
from keeper.execution.operation import OperatingState, Operation
from keeper.journal import State
from keeper.market.audit import same
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool
from keeper.registry import TICK_RADIUS
from keeper.types import Address, Block
from soak.flight import EARNED, FACTS, IN_BLOCK, PATIENCE_SECONDS, Flight

_MORE_BYTES = 200 * 2**20
#: Connections are kept open for a while after a market was read anew, at both of their ends in this one process.
_MORE_DESCRIPTORS = 100
_MORE_TASKS = 40

#: How many blocks later the state of one is asked for: a node may not have settled that of its latest.
_SETTLED = 2

_TRIES = 5

#: Of the journal, how many of the last transactions are compared with the chain.
_LAST_ENTRIES = 40


class OracleError(AssertionError):
    """Something that must hold does not."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process takes."""

    rss: int
    descriptors: int
    tasks: int

    @classmethod
    def now(cls) -> "Footprint":
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        return cls(pages * os.sysconf("SC_PAGE_SIZE"), descriptors, len(asyncio.all_tasks()))


@dataclass(frozen=True, slots=True)
class Oracles:
    """
    Attributes:
        before: What the process took when the keeper had just begun to earn.
    """

    flight: Flight
    before: Footprint

    async def check(self, seconds: float = PATIENCE_SECONDS) -> None:
        """
        Check all six.

        Raises:
            OracleError: One does not hold.
        """
        await recovers(self.flight, seconds)
        await market_is_the_chains(self.flight)
        nonces_signed_once(self.flight)
        everything_sent_is_written(self.flight)
        await journal_is_the_chains(self.flight)
        nothing_sent_unless_live(self.flight)
        self.footprint_is_bounded()

    def footprint_is_bounded(self) -> None:
        """O6."""
        now = Footprint.now()
        _require(now.rss <= self.before.rss + _MORE_BYTES, f"O6: memory grew from {self.before} to {now}")
        few = now.descriptors <= self.before.descriptors + _MORE_DESCRIPTORS
        _require(few, f"O6: file descriptors grew from {self.before} to {now}")
        _require(now.tasks <= self.before.tasks + _MORE_TASKS, f"O6: tasks grew from {self.before} to {now}")


def nonces_signed_once(flight: Flight) -> None:
    """O1."""
    by_nonce = defaultdict(list)
    for entry in flight.entries:
        by_nonce[entry.transaction.nonce].append(entry)
    for nonce, entries in by_nonce.items():
        ids = {entry.id for entry in entries}
        siblings = all(entry.transaction.sibling_of in ids for entry in entries[1:])
        _require(siblings, f"O1: nonce {nonce} was signed several times, not as siblings")
        settled = [entry for entry in entries if entry.state in IN_BLOCK]
        _require(len(settled) <= 1, f"O1: two transactions with nonce {nonce} are in blocks")


def everything_sent_is_written(flight: Flight) -> None:
    """O2."""
    unwritten = [sent.hash for sent in flight.sent if not sent.written]
    _require(not unwritten, f"O2: sent before it was written down: {unwritten}")
    known = {entry.transaction.hash for entry in flight.entries}
    lost = [sent.hash for sent in flight.sent if sent.hash not in known]
    _require(not lost, f"O2: sent, and not in the journal: {lost}")


async def journal_is_the_chains(flight: Flight, last: int = _LAST_ENTRIES) -> None:
    """O2, the other way round: of the *last* transactions, those that are settled and stay so."""
    async with Rpc(flight.net.url) as rpc:
        for before in flight.entries[-last:]:
            receipt = await rpc("eth_getTransactionReceipt", before.transaction.hash)
            after = flight.journal.of_nonce(before.transaction.sender, before.transaction.nonce)
            if not any(
                (entry.id, entry.state, entry.detail) == (before.id, before.state, before.detail) for entry in after
            ):
                continue  # something happened to it meanwhile
            told = f"O2: the journal has {before.state} of {before.transaction.hash}, and the chain {receipt}"
            if before.state in IN_BLOCK:
                status = "0x1" if before.state in EARNED else "0x0"
                _require(receipt is not None and receipt["status"] == status, told)
                _require(receipt["blockHash"] == before.detail["block_hash"], told)
            elif before.state is State.DROPPED:
                _require(receipt is None, told)


async def market_is_the_chains(flight: Flight) -> None:
    """O3: all pools that can be read, as of one block, are what a fresh reading of the chain at that block gives."""
    async with Rpc(flight.net.url) as rpc:
        for _ in range(_TRIES):
            market = flight.keeper.market
            head, pools = market.head, list(market)
            await flight.pass_blocks(_SETTLED)
            try:
                wrong = await _wrong(rpc, head, pools)
                again = await _wrong(rpc, head, pools) if wrong else wrong
            except ChainError:
                continue  # the block left the chain meanwhile
            if wrong != again:
                continue  # the node has not settled that block's state, or not any more
            _require(len(pools) * 2 > len(flight.net.layout.pools), f"O3: only {len(pools)} pools can be read")
            _require(not wrong, f"O3: at block {head.number} the market is not the chain's: {wrong}")
            return
    raise OracleError("O3: the market's head was never a block of the chain")


async def _wrong(rpc: Rpc, head: Block, pools: list[Pool]) -> list[str]:
    readings = [FAMILIES[pool.info.family].read(pool.info, TICK_RADIUS) for pool in pools]
    read = await Reader(rpc, Address(FACTS.multicall3)).read(readings, head.hash)
    return [
        f"{pool.address} {fresh if isinstance(fresh, PoolError) else 'differs'}"
        for pool, fresh in zip(pools, read, strict=True)
        if isinstance(fresh, PoolError) or not same(pool, fresh)
    ]


def nothing_sent_unless_live(flight: Flight) -> None:
    """O4."""
    wrong = [sent for sent in flight.sent if sent.lost or sent.state not in (None, "LIVE")]
    _require(not wrong, f"O4: sent in a state that does not trade: {wrong}")


async def recovers(flight: Flight, seconds: float) -> None:
    """O5; not waited for where it cannot come, since a person has to say so first."""
    newest = flight.newest
    operation = flight.keeper.operation
    try:
        await flight.until(lambda: flight.earned_since(newest) or _needs_a_person(operation), seconds)
    except TimeoutError:
        pass
    else:
        if flight.earned_since(newest):
            return
    states = [str(entry.state) for entry in flight.entries[-5:]]
    report = flight.keeper.report
    raise OracleError(
        f"O5: nothing earned, within {seconds} s at most; the last transactions are {states}, {report.blocks} blocks"
        f" were taken in, refused {dict(report.refused)}, it is {operation.state}: {dict(operation.reasons)}"
    )


def _needs_a_person(operation: Operation) -> bool:
    return operation.state is OperatingState.HALTED or any(
        name in BREAKERS and BREAKERS[name].action is Action.PAUSE for name in operation.pauses
    )


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise OracleError(words)
