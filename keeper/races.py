"""
The races that the keeper ran, as the journal has them, and the bidder that has seen them.

A bidder's state is nothing but the last races in the order in which they were signed: after a restart it is rebuilt
from the journal, and bids as if there had been none.
"""

from collections.abc import Iterable

from keeper.bidding import MILLION, NO_BID, Bidder, Caps, FixedTip, Learned, Race, ShareOfProfit
from keeper.config import Settings
from keeper.journal import IN_BLOCK, Entry, SignedTransaction, State
from keeper.types import Hash

#: How many transactions a bidder looks back on.
REMEMBERED = 256

#: The order of signing, without the journal's ids.
_Place = tuple[int, str, int, str]


def bidder_of(settings: Settings) -> Bidder:
    """
    Return the bidder that the operator chose, who has seen nothing yet.
    """
    caps = Caps(int(settings.max_bid_share * MILLION), settings.max_bid_wei, settings.tip_wei)
    match settings.bidder:
        case "fixed":
            return FixedTip(settings.tip_wei)
        case "share":
            return ShareOfProfit(int(settings.bid_share * MILLION), caps)
        case "learned":
            return Learned(caps)


def race_of(transaction: SignedTransaction, state: State) -> Race | None:
    """
    Return the race that a transaction ran, or None if it ran none or its end is not known.
    """
    if state not in IN_BLOCK or not transaction.routes:
        return None
    before_bid_wei = transaction.predicted_profit_wei + transaction.bid_wei
    share_ppm = transaction.bid_wei * MILLION // before_bid_wei if before_bid_wei > 0 else 0
    return Race(share_ppm, state is not State.REVERTED)


class Races:
    """
    Attributes:
        tips_count: Whether the chain orders by tips; where it does not, nothing is bid and nothing is learned.
    """

    def __init__(self, bidder: Bidder, entries: Iterable[Entry] = ()) -> None:
        self.tips_count = False
        self._policy = bidder
        self._races: dict[Hash, tuple[_Place, Race]] = {}
        self._bidder = bidder
        for entry in entries:
            self._note(entry.transaction, entry.state)
        self._learn()

    @property
    def bidder(self) -> Bidder:
        """Who decides about the next bid."""
        return self._bidder if self.tips_count else NO_BID

    def note(self, transaction: SignedTransaction, state: State) -> None:
        """
        Take in what became of a transaction.
        """
        self._note(transaction, state)
        self._learn()

    def forget(self, transaction_hash: Hash) -> None:
        """
        Take back what became of a transaction whose block left the chain.
        """
        if self._races.pop(transaction_hash, None) is not None:
            self._learn()

    def _note(self, transaction: SignedTransaction, state: State) -> None:
        if (race := race_of(transaction, state)) is not None:
            place = (transaction.block_number, transaction.sender, transaction.nonce, transaction.hash)
            self._races[transaction.hash] = (place, race)

    def _learn(self) -> None:
        kept = sorted(self._races.items(), key=lambda item: item[1][0])[-REMEMBERED:]
        self._races = dict(kept)
        self._bidder = self._policy.after([race for _, (_, race) in kept])
