"""
What is in a block and not final yet: its block may still leave the chain.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Self

from keeper.journal import IN_BLOCK, Entry, Journal, State
from keeper.types import Address, Hash

#: Whether a block, given by hash and number, is the head or one of its ancestors.
IsCanonical = Callable[[Hash, int], Awaitable[bool]]

#: How many are watched at most: an hour's, if every block had one.
_REMEMBERED = 16_384


def is_final(entry: Entry) -> bool:
    """
    Return whether nothing can become of a transaction any more that is in a block.
    """
    return entry.state is State.FINAL or bool(entry.detail.get("final"))


class Included:
    """
    One operator's transactions that are in blocks which are not final.
    """

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}

    @classmethod
    def of(cls, journal: Journal, sender: Address) -> Self:
        """
        Return those that the journal knows.
        """
        included = cls()
        found: list[Entry] = []
        for nonce in range((journal.next_nonce(sender) or 0) - 1, -1, -1):
            entries = [entry for entry in journal.of_nonce(sender, nonce) if entry.state in IN_BLOCK]
            # One block is not final before those under it, nor one nonce before those below it.
            if not entries or is_final(entries[0]) or len(found) == _REMEMBERED:
                break
            found += entries
        for entry in reversed(found):
            included.add(entry)
        return included

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """
        Watch a transaction that is in a block; its step says in which.
        """
        self._entries[entry.id] = entry
        if len(self._entries) > _REMEMBERED:
            del self._entries[next(iter(self._entries))]

    def above(self, number: int) -> list[Entry]:
        """
        Watch those above a block no more, and return them, the lowest nonce first.
        """
        return self._taken([entry for entry in self._entries.values() if _block(entry)[1] > number])

    async def displaced(self, is_canonical: IsCanonical) -> list[Entry]:
        """
        Watch those no more whose block is not part of the chain, and return them, the lowest nonce first.
        """
        gone: list[Entry] = []
        for entry in sorted(self._entries.values(), key=_number, reverse=True):
            if await is_canonical(*_block(entry)):
                break  # and so are those below it
            gone.append(entry)
        return self._taken(gone)

    async def final(self, number: int, is_canonical: IsCanonical) -> list[Entry]:
        """
        Watch those no more that are in blocks up to the final one, and return them, the lowest nonce first.
        """
        under = [entry for entry in self._entries.values() if _number(entry) <= number]
        if not under or not await is_canonical(*_block(max(under, key=_number))):
            return []
        return self._taken(under)

    def from_nonce(self, nonce: int) -> list[Entry]:
        """
        Return those with this nonce and higher ones, the lowest first.
        """
        above = [entry for entry in self._entries.values() if entry.transaction.nonce >= nonce]
        return sorted(above, key=lambda entry: entry.transaction.nonce)

    def forget(self, entry: Entry) -> None:
        """
        Watch a transaction no more.
        """
        self._taken([entry])

    def _taken(self, entries: list[Entry]) -> list[Entry]:
        for entry in entries:
            del self._entries[entry.id]
        return sorted(entries, key=lambda entry: entry.transaction.nonce)


def _block(entry: Entry) -> tuple[Hash, int]:
    detail: Any = entry.detail
    return Hash(detail["block_hash"]), int(detail["block_number"])


def _number(entry: Entry) -> int:
    return _block(entry)[1]
