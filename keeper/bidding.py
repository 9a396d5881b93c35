"""
What a transaction bids for its place in a block, where the sequencer sells places.

In a priority gas auction the tip per gas decides who comes first, and a transaction that fails pays it, too (nitro
``pga_tx_orderer.go``). How much to bid is a policy: a value, which looks at what is at stake and at the races that were
run before, and at nothing else. Another policy is another class with these methods.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Protocol, Self

from keeper.types import value

#: Shares are in millionths.
MILLION = 1_000_000

#: What a lost race burns until the executor's first state guard trips (docs/gas.md).
LOST_RACE_GAS = 30_000


@value
class Stake:
    """
    What a transaction is worth before its bid.

    Attributes:
        profit_wei: What is left of the gains after L2 gas at the base fee and L1 data.
        gas: L2 gas, which a tip is paid for.
    """

    profit_wei: int
    gas: int


@dataclass(frozen=True, slots=True)
class Race:
    """
    A bid and what came of it.

    Attributes:
        share_ppm: What part of the profit before the bid was bid.
        won: Whether the transaction succeeded; what was in no block tells nothing and is no race.
    """

    share_ppm: int
    won: bool


class Bidder(Protocol):
    """How much to bid."""

    @property
    def least_tip_wei(self) -> int:
        """What it bids for a unit of gas at least, whatever is at stake."""
        ...

    def tip_wei(self, stake: Stake) -> int:
        """
        Return what to bid for a unit of gas.

        Of two stakes of the same gas, the larger one must not leave less profit after its bid: opportunities are ranked
        before they bid.
        """
        ...

    def after(self, races: Sequence[Race]) -> Self:
        """Return the same policy, having seen these races and no others, in this order."""
        ...


@dataclass(frozen=True, slots=True)
class FixedTip:
    """
    The same for every unit of gas, whatever is at stake.
    """

    least_tip_wei: int = 0

    def tip_wei(self, stake: Stake) -> int:  # noqa: ARG002 - siblings look alike
        return self.least_tip_wei

    def after(self, races: Sequence[Race]) -> Self:  # noqa: ARG002 - siblings look alike
        return self


#: Where tips are not collected they buy nothing.
NO_BID = FixedTip(0)


@dataclass(frozen=True, slots=True)
class Caps:
    """
    What bounds a bid that depends on what is at stake.

    Attributes:
        share_ppm: Of the profit before the bid.
        bid_wei: Of a transaction.
        least_tip_wei: For a unit of gas, whatever is at stake.
    """

    share_ppm: int
    bid_wei: int
    least_tip_wei: int = 0

    def tip_wei(self, stake: Stake, share_ppm: int) -> int:
        """Return the tip by which that share of the profit is bid, within the caps; the least tip is none of them."""
        bid_wei = min(stake.profit_wei * min(share_ppm, self.share_ppm) // MILLION, self.bid_wei)
        return max(bid_wei // stake.gas, self.least_tip_wei)


@dataclass(frozen=True, slots=True)
class ShareOfProfit:
    """
    The same share of every profit.
    """

    share_ppm: int
    caps: Caps

    @property
    def least_tip_wei(self) -> int:
        return self.caps.least_tip_wei

    def tip_wei(self, stake: Stake) -> int:
        return self.caps.tip_wei(stake, self.share_ppm)

    def after(self, races: Sequence[Race]) -> Self:  # noqa: ARG002 - siblings look alike
        return self


#: The shares that are told apart, and what of a race's weight is left after each later one, in percent.
_STEP_PPM = 50_000
_KEPT_PERCENT = 97
#: Before anything is known of a share it is taken to win, with the weight of a quarter of a race.
_HOPE = MILLION // 4


@dataclass(frozen=True, slots=True)
class Learned:
    """
    The share of the profit that promises most by the races so far.

    Who wins with a share would have won with a larger one, and who loses with it would have lost with a smaller one: so
    each race tells of many shares. Each race weighs a little less with every later one, and shares of which little is
    known are taken to win: a share that lost is tried again when that is long ago, and rivals who give up are noticed.
    Integers throughout: the same races give the same bids on every machine.

    Attributes:
        chances_ppm: How likely each share is to win, from none upwards, as far as the races tell.
    """

    caps: Caps
    chances_ppm: tuple[int, ...] = ()

    @property
    def least_tip_wei(self) -> int:
        return self.caps.least_tip_wei

    def tip_wei(self, stake: Stake) -> int:
        return self.caps.tip_wei(stake, self.best_share_ppm(stake.gas))

    def after(self, races: Sequence[Race]) -> Self:
        won, lost = [0] * len(self._grid), [0] * len(self._grid)
        weight = MILLION
        for race in reversed(races):
            place = min((race.share_ppm + _STEP_PPM // 2) // _STEP_PPM, len(self._grid) - 1)
            (won if race.won else lost)[place] += weight
            weight = weight * _KEPT_PERCENT // 100
        pro = accumulate(won)
        contra = reversed(list(accumulate(reversed(lost))))
        chances = (MILLION * (_HOPE + p) // (_HOPE + p + c) for p, c in zip(pro, contra, strict=True))
        return replace(self, chances_ppm=tuple(chances))

    def best_share_ppm(self, gas: int) -> int:
        """
        Return the share that promises most: what is kept if the race is won, times how likely that is, minus the tips
        of a lost race, times how likely that is.

        What a lost race burns at the base fee is left out: it is little beside the stake, and with it the share would
        depend on the stake, so that a larger one might leave less.
        """
        burnt_ppm = LOST_RACE_GAS * MILLION // max(gas, LOST_RACE_GAS)
        chances = self.chances_ppm or (MILLION,) * len(self._grid)
        promises = [
            chance * (MILLION - share) - (MILLION - chance) * (burnt_ppm * share // MILLION)
            for share, chance in zip(self._grid, chances, strict=True)
        ]
        return self._grid[promises.index(max(promises))]

    @property
    def _grid(self) -> range:
        return range(0, self.caps.share_ppm + 1, _STEP_PPM)
