"""
All pools as of one block: the event-invalidated reserve cache.

One writer, any number of readers: a reader sees a block whole or not at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from threading import RLock

from keeper.errors import ReorgError, StalePool
from keeper.events import Event
from keeper.market.activity import Activity
from keeper.market.ageing import Ageing
from keeper.market.counts import CacheCounts
from keeper.market.fields import Field, mended
from keeper.market.memory import MEMORY_BLOCKS, Memory
from keeper.market.policy import CachePolicy
from keeper.market.shelf import NOTHING, Read, Shelf
from keeper.pools.pool import Pool, PoolInfo
from keeper.types import Address, Block, Hash, Reading

#: Where a pool came from that cost no request.
NOT_READ = Hash("")


class Market:
    """
    All pools as of one block, advanced by events and unwound by reorganisations.

    Times are seconds of any steady clock; where a method is not given one, the last one given holds.

    Attributes:
        infos: What never changes about each pool.
        counts: What the cache did since the start.
    """

    def __init__(
        self,
        infos: Iterable[PoolInfo],
        ttl_seconds: float = 45.0,
        policy: CachePolicy = CachePolicy.APPLY,
        capacity: int | None = None,
    ) -> None:
        """
        Args:
            capacity: How many pools are kept at most; the least busy are given up. None keeps all.
        """
        self.infos: dict[Address, PoolInfo] = {info.address: info for info in infos}
        self.counts = CacheCounts()
        self._policy = policy
        self._ageing = Ageing(ttl_seconds, policy, self.counts)
        self._capacity = capacity
        self._lock = RLock()
        self._shelf = Shelf(iter(self.infos))
        self._activity = Activity()

    @property
    def head(self) -> Block:
        """The block that the market is as of."""
        with self._lock:
            if not self._shelf.undo:
                raise StalePool("the market has no block yet")
            return self._shelf.head

    @property
    def oldest(self) -> Block:
        """The first block that can be unwound to."""
        with self._lock:
            return self._shelf.undo[0].block

    @property
    def stale(self) -> frozenset[Address]:
        """The pools that must be read before they can answer."""
        with self._lock:
            return frozenset(self._shelf.stale)

    @property
    def cold(self) -> frozenset[Address]:
        """The pools that were given up for busier ones, and are not to be read until they are warmed."""
        with self._lock:
            return frozenset(self._shelf.cold)

    def __iter__(self) -> Iterator[Pool]:
        """Every current pool."""
        with self._lock:
            shelf = self._shelf
            return iter([pool for address in shelf.pools if (pool := shelf.readable(address)) is not None])

    def __len__(self) -> int:
        return len(self._shelf.pools)

    # ---------------------------------------------------------------- reading

    def pool(self, address: Address) -> Pool:
        """
        Return the pool as of the head.

        Raises:
            StalePool: It changed on chain and was not read since, or it is unknown.
        """
        with self._lock:
            pool = self._shelf.readable(address)
            if pool is None:
                self.counts.misses += 1
                raise StalePool(f"pool {address} is stale at block {self.head.number}")
            self._activity[address] += 1
            if self._shelf.read[address][1] == self._shelf.head.hash:
                self.counts.misses += 1
            else:
                self.counts.hits += 1
            return pool

    def view(self, addresses: Iterable[Address]) -> tuple[Block, Mapping[Address, Pool]]:
        """
        Return the head and these pools, all as of it.

        Raises:
            StalePool: One of them is stale or unknown.
        """
        with self._lock:
            return self.head, {address: self.pool(address) for address in addresses}

    def peek(self, address: Address) -> Pool | None:
        """
        Return the pool as of the head, None if it is stale or unknown: for upkeep, which is no read of a decision.
        """
        with self._lock:
            return self._shelf.readable(address)

    def mending(self, address: Address) -> Reading[Pool] | None:
        """
        Return the reading of what is missing of a stale pool, None if all of it has to be read.
        """
        with self._lock:
            pool = self._shelf.pools.get(address)
            return mended(pool, self._shelf.missing.get(address, NOTHING)) if pool is not None else None

    def knows(self, block_hash: Hash) -> bool:
        """Whether the block is the head or one of the ancestors that can be unwound to."""
        with self._lock:
            return any(undo.block.hash == block_hash for undo in self._shelf.undo)

    # ---------------------------------------------------------------- following the chain

    def start(self, block: Block, now: float) -> None:
        """
        Forget everything and take *block* for the head: nothing before it can be undone.
        """
        with self._lock:
            self._ageing.tell(now)
            self._shelf.undo.clear()
            self._shelf.begin(block)
            self.invalidate_many(self._shelf.pools)
            self._trim()
            self._ageing.proved_at = now

    def memory(self, now: float, depth: int = MEMORY_BLOCKS) -> Memory:
        """
        Return what another market needs to go on from here.

        Args:
            depth: How many blocks it can step back if the head leaves the chain.
        """
        with self._lock:
            pools = tuple(self)
            ages = {
                pool.address: now - self._shelf.read[pool.address][0]
                for pool in pools
                if self._ageing.ages(pool.info.family)
            }
            steps = [(undo.block, frozenset(undo.moved.keys() | undo.before.keys())) for undo in self._shelf.undo]
            return Memory(pools, ages, tuple(steps[: -depth - 2 : -1]))

    def resume(self, memory: Memory, block: Block, now: float) -> frozenset[Address]:
        """
        Go on from *block*, the youngest of the memory's that is still part of the chain, and return the pools that are
        known of it: of those that it has, all that moved in no younger block and are not too old. Pools of other infos
        are not taken.
        """
        with self._lock:
            known = [pool for pool in memory.at(block.hash) if self.infos.get(pool.address) == pool.info]
            self._activity.update(pool.address for pool in known)
            self.start(block, now)
            for pool in known:
                if pool.address not in self._shelf.cold:
                    self._keep(pool, (now - memory.ages.get(pool.address, inf), NOT_READ))
            self.expire(now)
            return frozenset(pool.address for pool in self)

    def advance(self, block: Block, events: Iterable[Event], now: float) -> frozenset[Address]:
        """
        Move the head to *block*, whose events are given in chain order, and return the pools that changed.

        Raises:
            ReorgError: The block does not extend the head.
        """
        with self._lock:
            if block.parent_hash != self.head.hash:
                raise ReorgError(f"block {block.number} {block.hash[:10]} does not extend {self.head.hash[:10]}")
            self.expire(now)
            self._shelf.begin(block)
            if self._policy is CachePolicy.NONE:
                self._drop_all()
            changed = self._follow(events)
            self._activity.decay(block.number)
            self._ageing.proved_at = now
            return changed

    def unwind(self, to: Hash) -> frozenset[Address]:
        """
        Move the head back to block *to* and return the pools that changed by it.

        Raises:
            ReorgError: The block is deeper than the market remembers.
        """
        with self._lock:
            if not self.knows(to):
                raise ReorgError(f"block {to[:10]} is not among the last {len(self._shelf.undo)} blocks of the market")
            changed: set[Address] = set()
            while self._shelf.head.hash != to:
                for address, read in self._shelf.undone():
                    self._ageing.begin(address, self.infos[address].family, read)
                    changed.add(address)
            self._trim()
            return frozenset(changed)

    def refresh(self, pools: Iterable[Pool], at: Hash | None = None, now: float | None = None) -> frozenset[Address]:
        """
        Take what was read at the head block and return the pools that changed by it.

        Args:
            at: The block that was read at, if it may not be the head any more: then nothing is taken.
        """
        with self._lock:
            self._ageing.tell(now)
            if at is not None and at != self.head.hash:
                return frozenset()
            known = [pool for pool in pools if pool.address in self._shelf.pools]
            for pool in known:
                self._keep(pool)
                self.counts.read += 1
                self._ageing.read(pool.address)
            self._trim()
            return frozenset(pool.address for pool in known)

    # ---------------------------------------------------------------- which pools there are

    def admit(self, pool: Pool) -> None:
        """
        Take in a pool that was created in the head block; if that block leaves the chain, the pool is stale for good.
        """
        self.add([pool.info])
        with self._lock:
            self._keep(pool)

    def add(self, infos: Iterable[PoolInfo]) -> None:
        """
        Take in pools that have to be read first.
        """
        with self._lock:
            for info in infos:
                self.infos[info.address] = info
                self._shelf.add(info)
            self._trim()

    def remove(self, addresses: Iterable[Address]) -> None:
        """
        Let go of these pools, and of all that could bring back an earlier state of them.
        """
        with self._lock:
            for address in addresses:
                self.infos.pop(address, None)
                self._activity.pop(address, None)
                self._ageing.unwanted(address)
                self._shelf.remove(address)

    def warm(self, count: int) -> frozenset[Address]:
        """
        Make up to *count* pools that were given up wanted again, the busiest first, and return them: they are stale
        now. Where there is no room for one, it takes the place of a pool that is less busy.
        """
        with self._lock:
            warmed, victims = self._activity.exchanged(self._shelf, count, max(-self._excess(), 0))
            for victim in victims:
                self._evict(victim)
            self._shelf.cold.difference_update(warmed)
            self._shelf.stale.update(warmed)
            return frozenset(warmed)

    def note_activity(self, addresses: Iterable[Address]) -> None:
        """
        Count these pools as busy, each as often as it is named: before anything else is known of them.
        """
        with self._lock:
            self._activity.update(address for address in addresses if address in self._shelf.pools)

    # ---------------------------------------------------------------- forgetting

    def invalidate(self, address: Address, now: float | None = None) -> None:
        """
        Forget a pool until it is read.
        """
        self.invalidate_many([address], now)

    def invalidate_many(self, addresses: Iterable[Address], now: float | None = None) -> None:
        """
        Forget these pools until they are read.
        """
        with self._lock:
            self._ageing.tell(now)
            for address in list(addresses):
                if self._shelf.pools.get(address) is not None:
                    self._forget(address)

    def invalidate_field(self, address: Address, what: Field, now: float | None = None) -> None:
        """
        Forget one field of a pool: it is unreadable until that field, and only that, has been read.
        """
        with self._lock:
            self._ageing.tell(now)
            if self._shelf.pools.get(address) is not None:
                self._shelf.forget_field(address, what)
                self._ageing.forgotten(address)
                self.counts.invalidated += 1

    def expire(self, now: float) -> None:
        """
        Forget what nothing has renewed for longer than the time to live: every pool if the log stream was not proved
        gap-free, and each whose state may move unannounced.
        """
        with self._lock:
            self._ageing.tell(now)
            if self._ageing.unproved():
                self.invalidate_many(self._shelf.pools)
            for address in self._ageing.expired(self._shelf.read):
                self.invalidate(address)

    # ---------------------------------------------------------------- within

    def _follow(self, events: Iterable[Event]) -> frozenset[Address]:
        """Follow events of the head block and return the pools that changed by them."""
        pools, moved = self._shelf.pools, self._shelf.undo[-1].moved
        known, before = pools.get, moved.setdefault
        followed, applies = self._policy.followed, self._policy is CachePolicy.APPLY
        changed: set[Address] = set()
        applied = 0
        for event in events:
            address = event.pool
            pool = known(address)
            if pool is None:
                if address in pools:
                    changed.add(address)
                continue
            after = pool.apply(event) if applies else followed(pool, event)
            if after is pool:
                continue
            if after is None:
                self._forget(address)
                changed.add(address)
                continue
            before(address, pool)
            pools[address] = after
            applied += 1
        changed.update(moved)
        self.counts.applied += applied
        self._activity.update(changed)
        return frozenset(changed)

    def _keep(self, pool: Pool, read: Read | None = None) -> None:
        read = read or (self._ageing.now, self._shelf.head.hash)
        self._shelf.remember(pool.address)
        self._shelf.put(pool.address, (pool, NOTHING, read))
        self._ageing.begin(pool.address, pool.info.family, read)

    def _forget(self, address: Address) -> None:
        self._shelf.forget(address)
        self._ageing.forgotten(address)
        self.counts.invalidated += 1

    def _drop_all(self) -> None:
        """With the cache off nothing outlives its block; that is no invalidation."""
        for address in [address for address, pool in self._shelf.pools.items() if pool is not None]:
            self._shelf.forget(address)

    def _excess(self) -> int:
        """How many pools are too many; negative where there is room."""
        kept = len(self._shelf.pools) - len(self._shelf.cold)
        return kept - (len(self._shelf.pools) if self._capacity is None else self._capacity)

    def _trim(self) -> None:
        """Give up the least busy pools beyond what is to be kept."""
        if (excess := self._excess()) > 0:
            for address in self._activity.quietest(excess, self._shelf.residents):
                self._evict(address)

    def _evict(self, address: Address) -> None:
        self.counts.evicted += self._shelf.pools[address] is not None
        self._shelf.freeze(address)
        self._ageing.unwanted(address)
