"""
Where pools are kept: each with what of it is missing and when it was read, and with what it was before each block.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from keeper.market.fields import Field
from keeper.pools.pool import Pool, PoolInfo
from keeper.types import Address, Block, Hash

#: How many blocks can be undone.
RING = 256

#: When and in which block a pool was read.
Read: TypeAlias = tuple[float, Hash]

#: A pool, what of it is forgotten, and when it was read.
Kept: TypeAlias = tuple[Pool | None, frozenset[Field], Read | None]

NOTHING: frozenset[Field] = frozenset()


@dataclass(slots=True)
class _Undo:
    """
    A block, and what its pools were before it.

    Attributes:
        moved: Of pools that were known and are: only the state is another. Most changes are of this kind.
        before: Of pools of which something else changed.
    """

    block: Block
    moved: dict[Address, Pool] = field(default_factory=dict)
    before: dict[Address, Kept] = field(default_factory=dict)


class Shelf:
    """
    Attributes:
        pools: Every pool, None where it is not known.
        missing: Of pools that are known in part, what has to be read.
        read: When each was read last.
        stale: What has to be read before it can answer.
        cold: What is not known and not to be read.
        undo: The last blocks, each with what it changed.
    """

    def __init__(self, addresses: Iterator[Address]) -> None:
        self.pools: dict[Address, Pool | None] = dict.fromkeys(addresses)
        self.missing: dict[Address, frozenset[Field]] = {}
        self.read: dict[Address, Read] = {}
        self.stale: set[Address] = set(self.pools)
        self.cold: set[Address] = set()
        self.undo: deque[_Undo] = deque(maxlen=RING)

    @property
    def head(self) -> Block:
        return self.undo[-1].block

    @property
    def residents(self) -> Iterator[Address]:
        """Every pool that is kept, or would be if it were read."""
        return (address for address in self.pools if address not in self.cold)

    def begin(self, block: Block) -> None:
        """Remember from now on how to undo *block*."""
        self.undo.append(_Undo(block))

    def readable(self, address: Address) -> Pool | None:
        """The pool if it is known as a whole."""
        return None if address in self.missing else self.pools.get(address)

    def remember(self, address: Address) -> None:
        """Note what the pool was before the head block, if that is not noted yet."""
        undo = self.undo[-1]
        if address not in undo.before:
            pool = undo.moved.get(address, self.pools[address])
            undo.before[address] = (pool, self.missing.get(address, NOTHING), self.read.get(address))

    def put(self, address: Address, kept: Kept) -> None:
        """Keep this of a pool."""
        pool, missing, read = kept
        self.pools[address] = pool
        if missing:
            self.missing[address] = missing
        else:
            self.missing.pop(address, None)
        if read is not None:
            self.read[address] = read
        self.cold.discard(address)
        (self.stale.add if pool is None or missing else self.stale.discard)(address)

    def forget(self, address: Address) -> None:
        """Keep nothing of a pool until it has been read."""
        self.remember(address)
        self.put(address, (None, NOTHING, None))

    def forget_field(self, address: Address, what: Field) -> None:
        """Keep all but one field of a pool, which cannot be read before that field has been."""
        self.remember(address)
        self.missing[address] = self.missing.get(address, NOTHING) | {what}
        self.stale.add(address)

    def freeze(self, address: Address) -> None:
        """Keep nothing of a pool, and do not have it read."""
        if self.pools[address] is not None:
            self.forget(address)
        self.stale.discard(address)
        self.cold.add(address)

    def add(self, info: PoolInfo) -> None:
        """Have a pool read, if it is not there."""
        if info.address not in self.pools:
            self.pools[info.address] = None
            self.stale.add(info.address)

    def remove(self, address: Address) -> None:
        """Let go of a pool, and of all that could bring back an earlier state of it."""
        self.pools.pop(address, None)
        self.missing.pop(address, None)
        self.read.pop(address, None)
        self.stale.discard(address)
        self.cold.discard(address)
        for undo in self.undo:
            undo.before.pop(address, None)
            undo.moved.pop(address, None)

    def undone(self) -> Iterator[tuple[Address, Read | None]]:
        """Take the head block back; yield the pools that it changed, and when each had been read."""
        undo = self.undo.pop()
        for address, pool in undo.moved.items():
            if address not in undo.before:
                self.pools[address] = pool
                yield address, None
        for address, kept in undo.before.items():
            if address in self.pools:
                self.put(address, kept)
                yield address, kept[2]
