"""
Whether every change of a balance has a cause that the keeper knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from keeper.types import Address, Hash

#: The chain's own coin, where a token stands.
ETHER = Address("0x" + "ee" * 20)

#: Movements that are remembered before they are compared; more than can come between two looks.
_REMEMBERED = 10_000


class Account(NamedTuple):
    """
    What somebody holds of something.

    Attributes:
        whose: ``operator``, ``treasury`` or ``executor``.
    """

    whose: str
    owner: Address
    token: Address


@dataclass(frozen=True, slots=True)
class Movement:
    """What a transaction of ours moved: smallest units, negative where they left."""

    cause: Hash
    block_number: int
    account: Account
    amount: int


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A change, in smallest units, that no movement explains."""

    account: Account
    amount: int


class Balances:
    """
    Balances as they were when all was explained, and what has moved since.

    To be compared while nothing is in flight, whose receipt might only be late. A node may be behind all the same: what
    is not explained at one look counts at the second in a row.
    """

    def __init__(self) -> None:
        self._block_number = 0
        self._known: dict[Account, int] = {}
        self._moved: list[Movement] = []
        self._suspected: set[Account] = set()

    def moved(self, movement: Movement) -> None:
        """
        Something of ours is in a block.
        """
        self._moved.append(movement)
        del self._moved[:-_REMEMBERED]

    def taken_back(self, cause: Hash) -> None:
        """
        Its block left the chain.
        """
        self._moved = [movement for movement in self._moved if movement.cause != cause]

    def unwound(self, block_number: int) -> None:
        """
        The head went back to this block: what was known of a later one is known no more.
        """
        if block_number < self._block_number:
            self._known.clear()
            self._suspected.clear()

    def compare(self, block_number: int, found: Mapping[Account, int]) -> list[Unexplained]:
        """
        Take what the accounts hold as of a block, and return what changed for no reason that is known.
        """
        differences = {
            account: difference
            for account, balance in found.items()
            if account in self._known and (difference := balance - self._expected(account, block_number))
        }
        if not differences:
            return self._settle(block_number, found)
        if self._suspected.isdisjoint(differences):
            self._suspected = set(differences)
            return []
        self._settle(block_number, found)
        return [Unexplained(account, difference) for account, difference in differences.items()]

    def _expected(self, account: Account, block_number: int) -> int:
        return self._known[account] + sum(
            movement.amount
            for movement in self._moved
            if movement.account == account and self._block_number < movement.block_number <= block_number
        )

    def _settle(self, block_number: int, found: Mapping[Account, int]) -> list[Unexplained]:
        self._block_number = block_number
        self._known = dict(found)
        self._suspected = set()
        self._moved = [movement for movement in self._moved if movement.block_number > block_number]
        return []
