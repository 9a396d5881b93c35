"""
The market: every pool as of the head block.

One rule keeps it right: apply if the event tells, otherwise forget until read. A read never returns an old state: a
pool is current, or it is stale and refuses.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from keeper.errors import ReorgError, StalePool
from keeper.events import Event
from keeper.pools.pool import Pool, PoolInfo
from keeper.types import Address, Block, Hash

#: How many blocks can be undone.
RING = 256


@dataclass(slots=True)
class CacheCounts:
    """
    What the cache did.

    Attributes:
        hits: Pools that a decision read and that were current.
        misses: Pools that a decision wanted and that were stale.
        applied: Events that told the pool's next state.
        invalidated: Times that a pool was forgotten.
        read: Times that a pool was read from the chain.
    """

    hits: int = 0
    misses: int = 0
    applied: int = 0
    invalidated: int = 0
    read: int = 0


@dataclass(slots=True)
class _Undo:
    block: Block
    before: dict[Address, Pool | None] = field(default_factory=dict)


class Market:
    """
    All pools as of one block, advanced by events and unwound by reorganisations.

    Attributes:
        infos: What never changes about each pool.
        counts: What the cache did since the start.
    """

    def __init__(self, infos: Iterable[PoolInfo], ttl_seconds: float = 45.0) -> None:
        self.infos: dict[Address, PoolInfo] = {info.address: info for info in infos}
        self.counts = CacheCounts()
        self._pools: dict[Address, Pool | None] = dict.fromkeys(self.infos)
        self._stale: set[Address] = set(self.infos)
        self._undo: deque[_Undo] = deque(maxlen=RING)
        self._ttl_seconds = ttl_seconds
        self._proved_at: float | None = None

    @property
    def head(self) -> Block:
        """The block that the market is as of."""
        if not self._undo:
            raise StalePool("the market has no block yet")
        return self._undo[-1].block

    @property
    def stale(self) -> frozenset[Address]:
        """The pools that must be read before they can answer."""
        return frozenset(self._stale)

    def __iter__(self) -> Iterator[Pool]:
        """Every current pool."""
        return (pool for pool in self._pools.values() if pool is not None)

    def __len__(self) -> int:
        return len(self._pools)

    def pool(self, address: Address) -> Pool:
        """
        Return the pool as of the head.

        Raises:
            StalePool: It changed on chain and was not read since, or it is unknown.
        """
        pool = self._pools.get(address)
        if pool is None:
            self.counts.misses += 1
            raise StalePool(f"pool {address} is stale at block {self.head.number}")
        self.counts.hits += 1
        return pool

    def peek(self, address: Address) -> Pool | None:
        """
        Return the pool as of the head, None if it is stale or unknown: for upkeep, which is no read of a decision.
        """
        return self._pools.get(address)

    def start(self, block: Block, now: float) -> None:
        """
        Forget everything and take *block* for the head: nothing before it can be undone.

        Args:
            now: Seconds of any steady clock.
        """
        self._undo.clear()
        self._undo.append(_Undo(block))
        self.invalidate(self._pools)
        self._proved_at = now

    def advance(self, block: Block, events: Iterable[Event], now: float) -> frozenset[Address]:
        """
        Move the head to *block*, whose events are given in chain order, and return the pools that changed.

        Raises:
            ReorgError: The block does not extend the head.
        """
        if block.parent_hash != self.head.hash:
            raise ReorgError(f"block {block.number} {block.hash[:10]} does not extend {self.head.hash[:10]}")
        self.expire(now)
        self._undo.append(_Undo(block))
        changed = frozenset(event.pool for event in events if self._follow(event))
        self._proved_at = now
        return changed

    def unwind(self, to: Hash) -> frozenset[Address]:
        """
        Move the head back to block *to* and return the pools that changed by it.

        Raises:
            ReorgError: The block is deeper than the market remembers.
        """
        if all(undo.block.hash != to for undo in self._undo):
            raise ReorgError(f"block {to[:10]} is not among the last {len(self._undo)} blocks of the market")
        changed: set[Address] = set()
        while self.head.hash != to:
            for address, pool in self._undo.pop().before.items():
                self._set(address, pool)
                changed.add(address)
        return frozenset(changed)

    def refresh(self, pools: Iterable[Pool]) -> frozenset[Address]:
        """
        Take what was read at the head block and return the pools that changed by it.
        """
        changed = set()
        for pool in pools:
            self._remember(pool.address)
            self._set(pool.address, pool)
            self.counts.read += 1
            changed.add(pool.address)
        return frozenset(changed)

    def admit(self, pool: Pool) -> None:
        """
        Take in a pool that was created in the head block; if that block leaves the chain, the pool is stale for good.
        """
        self._pools.setdefault(pool.address, None)
        self.infos[pool.address] = pool.info
        self._remember(pool.address)
        self._set(pool.address, pool)

    def invalidate(self, addresses: Iterable[Address]) -> None:
        """
        Forget these pools until they are read.
        """
        for address in list(addresses):
            if self._pools.get(address) is not None:
                self._remember(address)
                self._set(address, None)
                self.counts.invalidated += 1

    def expire(self, now: float) -> None:
        """
        Forget every pool if the log stream was not proved gap-free for longer than the time to live.
        """
        if self._proved_at is not None and now - self._proved_at > self._ttl_seconds:
            self.invalidate(self._pools)

    def _follow(self, event: Event) -> bool:
        """Whether the event concerns a pool of the market."""
        if event.pool not in self._pools:
            return False
        before = self._pools[event.pool]
        after = before.apply(event) if before is not None else None
        if after is not None and after is before:
            return False
        if after is None:
            self.invalidate([event.pool])
        else:
            self._remember(event.pool)
            self._set(event.pool, after)
            self.counts.applied += 1
        return True

    def _remember(self, address: Address) -> None:
        self._undo[-1].before.setdefault(address, self._pools[address])

    def _set(self, address: Address, pool: Pool | None) -> None:
        self._pools[address] = pool
        (self._stale.add if pool is None else self._stale.discard)(address)
