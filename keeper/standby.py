"""
A keeper that stands by: it follows the market like its leader, and has no transactions.
"""

from collections.abc import Collection, Iterator, Sequence

from keeper.execution.included import IsCanonical
from keeper.execution.operators import Operator
from keeper.execution.receipts import Outcome
from keeper.gas import GasPrices
from keeper.journal import Entry
from keeper.types import Block, Hash


class Onlooker:
    """
    Stands where ``Operators`` stand until this keeper leads; what is in flight is its leader's.
    """

    in_flight: Sequence[Entry] = ()
    silent = True
    signer_failures = 0
    gaps_found = 0
    gaps_filled = 0
    disputed: Collection[Hash] = ()

    def __iter__(self) -> Iterator[Operator]:
        return iter(())

    def ready(self, _block: Block) -> None:
        return None

    async def fill_gaps(self, _block: Block, _prices: GasPrices) -> None:
        return None

    async def follow(self, _head: Block, _is_canonical: IsCanonical) -> list[Outcome]:
        return []

    def unwound(self, _head: Block) -> list[Hash]:
        return []

    async def recheck(self, _is_canonical: IsCanonical) -> list[Hash]:
        return []
