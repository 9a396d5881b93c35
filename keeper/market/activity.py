"""
Which pools are busy: the market keeps those, where it cannot keep all.
"""

from collections import Counter
from collections.abc import Iterable
from heapq import nlargest, nsmallest

from keeper.market.shelf import Shelf
from keeper.types import Address

#: What was busy long ago counts half after so many blocks: five minutes on Arbitrum.
_HALF_LIFE_BLOCKS = 1_200


class Activity(Counter[Address]):
    """
    How often each pool had events, or was read by a decision.
    """

    def decay(self, number: int) -> None:
        """Count what was until block *number* half, if it is time to."""
        if number % _HALF_LIFE_BLOCKS == 0:
            for address in self:
                self[address] //= 2

    def quietest(self, count: int, among: Iterable[Address]) -> list[Address]:
        """Return the least busy pools."""
        return nsmallest(count, among, key=self.__getitem__)

    def exchanged(self, shelf: Shelf, count: int, room: int) -> tuple[list[Address], list[Address]]:
        """
        Return up to *count* pools that were given up and are to be kept, the busiest, and those that they replace,
        which are less busy; as many as there is *room* for replace none.
        """
        candidates = nlargest(count, sorted(shelf.cold), key=self.__getitem__)
        warmed, victims = candidates[:room], list[Address]()
        for candidate, victim in zip(candidates[room:], self.quietest(len(candidates), shelf.residents), strict=False):
            if self[candidate] <= self[victim]:
                break
            warmed.append(candidate)
            victims.append(victim)
        return warmed, victims
