"""
What stops the keeper before it loses money: limits on what it sees of itself, of the chain and of its machine.

Pure but for the clocks that are given: whoever runs the keeper says what he sees. A breaker that trips halts the
keeper, or pauses it: for as long as the cause lasts, for a while that doubles from one trip to the next, or until a
person resumes it.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from statistics import median

from keeper.config import Settings
from keeper.execution.limits import BREAKERS, Action, Breaker
from keeper.execution.operation import OperatingState, Operation

_ETH = 10**18
_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0

#: Over so many of the last transactions, and of the last that succeeded, shares are taken.
RATIO_WINDOW, DIVERGENCE_WINDOW = 50, 20


@dataclass(frozen=True, slots=True)
class Settled:
    """
    A transaction that was in a block, as the breakers see it.

    Attributes:
        profit_wei: What it brought, net, in ETH.
        expected_wei: What its simulation promised.
    """

    succeeded: bool
    profit_wei: int
    gas_wei: int
    expected_wei: int


class _Window:
    """What was summed up lately, to the minute."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._minutes: deque[list[float]] = deque()
        self.total = 0

    def add(self, amount: int, now: float) -> None:
        self.trim(now)
        minute = now // _MINUTE
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0])
        self._minutes[-1][1] += amount
        self.total += amount

    def trim(self, now: float) -> None:
        while self._minutes and (self._minutes[0][0] + 1) * _MINUTE <= now - self._seconds:
            self.total -= int(self._minutes.popleft()[1])

    def clear(self) -> None:
        self._minutes.clear()
        self.total = 0

    def by_minute(self) -> dict[int, int]:
        return {int(minute): int(amount) for minute, amount in self._minutes}


class Breakers:
    """
    All of them.

    Attributes:
        tripped: What each breaker that is tripped said, by its name.
        trips: How often each tripped in this life.
    """

    def __init__(
        self,
        settings: Settings,
        operation: Operation,
        clock: Callable[[], float],
        tell: Callable[[Breaker, str], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            clock: Seconds of a steady clock.
            tell: Is told of each trip.
            wall: Unix seconds, by which results are summed up: they outlive the process.
        """
        self._settings, self._operation, self._clock, self._tell = settings, operation, clock, tell
        self._wall = wall
        self.tripped: dict[str, str] = {
            name: sentence for name, sentence in operation.reasons.items() if name in BREAKERS
        }
        self.trips: Counter[str] = Counter()
        self._hour, self._day, self._failed_gas = _Window(_HOUR), _Window(_DAY), _Window(_HOUR)
        self._in_a_row = 0
        self._ended: deque[bool] = deque(maxlen=RATIO_WINDOW)
        self._missed: deque[float] = deque(maxlen=DIVERGENCE_WINDOW)
        self._moved_at = clock()
        self._gap_since: float | None = None
        self._ordering: str | None = None
        self._signer_failures = 0
        self._cool_until: dict[str, float] = {}
        self._cooled: dict[str, tuple[float, int]] = {}

    # ---------------------------------------------------------------- transactions

    @property
    def divergence(self) -> float:
        """The median share of the simulated profit that the last successes missed; 0.0 without any."""
        return median(self._missed) if self._missed else 0.0

    def settled(self, result: Settled) -> None:
        """
        A transaction of ours is in a block.
        """
        now = self._wall()
        self._hour.add(result.profit_wei, now)
        self._day.add(result.profit_wei, now)
        self._ended.append(result.succeeded)
        if result.succeeded:
            self._in_a_row = 0
            self._failed_gas.clear()
            if result.expected_wei > 0:
                self._missed.append((result.expected_wei - result.profit_wei) / result.expected_wei)
        else:
            self._in_a_row += 1
            self._failed_gas.add(result.gas_wei, now)
        self._judge_transactions()

    def taken_back(self, result: Settled) -> None:
        """
        Its block left the chain: what it brought and cost is undone.
        """
        now = self._wall()
        self._hour.add(-result.profit_wei, now)
        self._day.add(-result.profit_wei, now)
        if not result.succeeded:
            self._in_a_row = max(self._in_a_row - 1, 0)

    def _judge_transactions(self) -> None:
        limits = self._settings
        for name, window, limit in (
            ("loss_hour", self._hour, limits.max_loss_hour_wei),
            ("loss_day", self._day, limits.max_loss_day_wei),
        ):
            if -window.total > limit:
                self.trip(
                    name, f"{_eth(-window.total)} were lost within {'an hour' if window is self._hour else 'a day'}"
                )
        if self._failed_gas.total > limits.max_failed_gas_wei:
            self.trip("failed_gas", f"{_eth(self._failed_gas.total)} of gas were spent within an hour with no success")
        if self._in_a_row >= limits.max_reverts_in_a_row:
            self.trip("reverts_in_a_row", f"{self._in_a_row} transactions in a row were reverted")
        reverted = self._ended.count(False)
        if len(self._ended) == RATIO_WINDOW and reverted > limits.max_revert_share * RATIO_WINDOW:
            self.trip("revert_share", f"{reverted} of the last {RATIO_WINDOW} transactions were reverted")
        if len(self._missed) == DIVERGENCE_WINDOW and self.divergence > limits.max_divergence:
            self.trip(
                "divergence",
                f"at the median {self.divergence:.0%} of the simulated profit is missing in the last"
                f" {DIVERGENCE_WINDOW} successes",
            )

    @property
    def results(self) -> Mapping[int, int]:
        """What each minute of the last day brought, net, in wei; by the minute since 1970."""
        self._day.trim(self._wall())
        return self._day.by_minute()

    def resume(self, results: Mapping[int, int]) -> None:
        """
        Take up what an earlier life brought.
        """
        for minute, wei in sorted(results.items()):
            for window in (self._hour, self._day):
                window.add(wei, minute * _MINUTE)
        for window in (self._hour, self._day):
            window.trim(self._wall())

    def signer_failures(self, in_a_row: int) -> None:
        """
        How often the signer has failed since it signed last.
        """
        if in_a_row >= self._settings.max_signer_failures > self._signer_failures:
            self.trip("signer", f"the signer failed {in_a_row} times in a row")
        self._signer_failures = in_a_row

    # ---------------------------------------------------------------- the chain

    @property
    def head_age_seconds(self) -> float:
        """Time since the head last moved."""
        return self._clock() - self._moved_at

    def head_moved(self, lag_seconds: float = 0.0) -> None:
        """
        The head moved to a block that was made so long ago, if that is known.
        """
        self._moved_at = self._clock() - max(lag_seconds, 0.0)
        self._gap_since = None

    def gap_opened(self) -> None:
        """There are blocks that cannot be had, or that do not follow what is known."""
        if self._gap_since is None:
            self._gap_since = self._clock()

    def prices(self, base_fee_wei: int, l1_wei_per_unit: int) -> None:
        """
        What gas and L1 data cost as of the head.
        """
        limits = self._settings
        for name, what, price, cap in (
            ("base_fee", "the base fee", base_fee_wei, limits.max_base_fee_wei),
            ("l1_price", "a unit of L1 data", l1_wei_per_unit, limits.max_l1_wei_per_unit),
        ):
            self._hold(name, price > cap, f"{what} costs more than {cap} wei")

    def ordering(self, policy: str) -> None:
        """
        How the chain orders transactions; after a change nothing is sent until it has been looked at again.
        """
        before, self._ordering = self._ordering, policy
        if before is not None and before != policy:
            self.trip("ordering_changed", f"the chain orders by {policy} now, by {before} before")

    # ---------------------------------------------------------------- money and machine

    def operator_balance(self, balance_wei: int, worst_wei: int) -> None:
        """
        What an operator has, and what a transaction takes at worst.
        """
        self._hold(
            "operator_balance",
            balance_wei < 2 * worst_wei,
            f"the operator has less than two transactions take at worst, {_eth(2 * worst_wei)}",
        )

    def clock_skew(self, seconds: float) -> None:
        """By how much the wall clock seems to be wrong."""
        limit = self._settings.max_clock_skew_seconds
        self._hold("clock_skew", abs(seconds) > limit, f"the wall clock is wrong by more than {limit} s")

    def disk(self, free_bytes: int) -> None:
        """How much room the journal has."""
        if free_bytes < self._settings.min_disk_bytes:
            self.trip("disk", f"less than {self._settings.min_disk_bytes / 1e9:g} GB are free for the journal")

    # ---------------------------------------------------------------- tripping, and coming back

    def trip(self, name: str, sentence: str) -> None:
        """
        Do what the breaker does, once; it trips again when it has come back.
        """
        if name in self.tripped:
            return
        breaker = BREAKERS[name]
        self.tripped[name] = sentence
        self.trips[name] += 1
        if breaker.action is Action.HALT:
            self._operation.halt(sentence, name)
        else:
            self._operation.pause(name, sentence)
        if breaker.action is Action.COOL:
            self._cool_until[name] = self._clock() + self._pause_seconds(name)
        self._tell(breaker, sentence)

    def look(self) -> None:
        """
        Notice what time and people did: a head that stands still, a while that has passed, a name that was resumed.
        """
        now, limits = self._clock(), self._settings
        for name in [name for name in self.tripped if not self._still_held(name)]:
            self._forget(name)
        for name in [name for name, until in self._cool_until.items() if now >= until]:
            self._operation.resume(name)
            self._forget(name)
        if self._operation.state is OperatingState.STARTING:
            self._moved_at = now
            return
        for name, seconds in (
            ("stale_head", limits.stale_head_seconds),
            ("stale_head_hard", limits.hard_stale_head_seconds),
        ):
            self._hold(name, now - self._moved_at > seconds, f"the head is older than {seconds:g} s")
        gap = now - self._gap_since if self._gap_since is not None else -inf
        seconds = limits.gap_seconds
        self._hold("feed_gap", gap > seconds, f"there are blocks that could not be had for {seconds:g} s")

    def _hold(self, name: str, holds: bool, sentence: str) -> None:
        """Trip while the cause lasts."""
        if holds:
            self.trip(name, sentence)
        elif name in self.tripped:
            self._operation.resume(name)
            self._forget(name)

    def _still_held(self, name: str) -> bool:
        """Whether nobody resumed it, or armed the keeper again."""
        return name in self._operation.reasons

    def _forget(self, name: str) -> None:
        """It may trip again, for what happens from now on."""
        del self.tripped[name]
        self._cool_until.pop(name, None)
        match name:
            case "loss_hour" | "loss_day":
                self._hour.clear()
                self._day.clear()
            case "failed_gas":
                self._failed_gas.clear()
            case "reverts_in_a_row":
                self._in_a_row = 0
            case "revert_share":
                self._ended.clear()
            case "divergence":
                self._missed.clear()
            case "signer":
                self._signer_failures = 0  # still failing, it trips again

    def _pause_seconds(self, name: str) -> float:
        if name == "ordering_changed":
            return self._settings.ordering_pause_seconds
        now = self._clock()
        last, times = self._cooled.get(name, (-inf, 0))
        times = times + 1 if now - last < _DAY else 1
        self._cooled[name] = (now, times)
        return min(self._settings.cool_seconds * 2.0 ** (times - 1), _DAY)


def _eth(wei: int) -> str:
    return f"{wei / _ETH:.6f} ETH"
