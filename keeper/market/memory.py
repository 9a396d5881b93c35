"""
What a market tells another one that goes on from where it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keeper.pools.pool import Pool
from keeper.types import Address, Block, Hash

#: A head that left the chain is stepped back from for so many blocks.
MEMORY_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class Memory:
    """
    A market as of a block.

    Attributes:
        pools: Every pool that was readable.
        ages: How many seconds ago those were read that age from then.
        steps: The last blocks, the youngest first, each with the pools that changed in it.
    """

    pools: Sequence[Pool]
    ages: Mapping[Address, float]
    steps: Sequence[tuple[Block, frozenset[Address]]]

    @property
    def block(self) -> Block:
        """The block that the pools are as of."""
        return self.steps[0][0]

    def at(self, block_hash: Hash) -> Iterable[Pool]:
        """
        Return the pools that have not changed since a block: all of them, of the youngest.
        """
        moved: set[Address] = set()
        for block, changed in self.steps:
            if block.hash == block_hash:
                return [pool for pool in self.pools if pool.address not in moved]
            moved |= changed
        return []
