"""
How late the event loop is, how long garbage takes, what the clock is worth.
"""

import asyncio
import gc

from keeper.monitor.metrics import Metrics
from keeper.monitor.pulse import Clocks, Pulse


def figure(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def test_pulse__event_loop_is_held_up__is_measured() -> None:
    metrics, now = Metrics(), [0.0]

    async with Pulse(metrics, clock=lambda: now[0]):
        await asyncio.sleep(0)
        now[0] = 2.0  # as if something had not let go for so long
        async with asyncio.timeout(10):
            while not figure(metrics, "arb_event_loop_lag_seconds_count"):
                await asyncio.sleep(0.01)

    assert figure(metrics, "arb_event_loop_lag_seconds_sum") == 1.75


async def test_pulse__collections__are_measured_while_it_lasts() -> None:
    metrics = Metrics()

    async with Pulse(metrics):
        gc.collect()
    counted = figure(metrics, "arb_gc_pause_seconds_count", generation="2")
    gc.collect()

    assert counted >= 1
    assert figure(metrics, "arb_gc_pause_seconds_count", generation="2") == counted


class Times:
    """A wall clock and a steady one that agree until one of them is set."""

    def __init__(self) -> None:
        self.wall, self.steady = 10_000.0, 50.0
        self.clocks = Clocks(lambda: self.wall, lambda: self.steady)

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def block(self, ahead: float = 0.0) -> float:
        """A quarter of a second later there is a block, by a clock that is so far ahead."""
        self.passes(0.25)
        return self.clocks.block(int(self.wall + ahead))


def test_clocks__chain_and_machine_agree__are_right() -> None:
    times = Times()
    lags = [times.block() for _ in range(40)]

    assert lags == [0.0] * 40
    assert times.clocks.skew() == 0.0


def test_clocks__wall_clock_is_set__is_noticed_once() -> None:
    times = Times()
    times.block()
    times.wall += 300.0

    assert times.clocks.skew() == 300.0
    assert times.clocks.skew() == 0.0


def test_clocks__all_blocks_are_ahead__wall_clock_is_behind() -> None:
    times = Times()
    for _ in range(40):
        times.block(ahead=2.0)

    assert -2.0 <= times.clocks.skew() < -1.0


def test_clocks__one_block_is_ahead__proves_nothing() -> None:
    times = Times()
    for number in range(40):
        times.block(ahead=3.0 if number == 30 else 0.0)

    assert times.clocks.skew() == 0.0


def test_clocks__blocks_come_late__say_by_how_much() -> None:
    times = Times()
    times.block()

    assert 4.0 < times.block(ahead=-6.0) <= 6.0


def test_clocks__chain_took_blocks_back__its_time_is_learnt_again() -> None:
    times = Times()
    for _ in range(20):
        times.block()
    times.clocks.again()

    assert [times.block(ahead=-7.0) for _ in range(20)] == [0.0] * 20


def test_clocks__node_was_behind_at_first__later_blocks_say_by_how_much() -> None:
    times = Times()
    assert [times.block(ahead=-20.0) for _ in range(3)] == [0.0] * 3  # as of a chain with a time of its own
    assert times.block() == 0.0

    assert 11.0 <= times.block(ahead=-12.0) <= 12.0


def test_clocks__chain_keeps_another_time__says_nothing() -> None:
    times = Times()
    lags = [times.block(ahead=-9_000.0) for _ in range(40)]

    assert lags == [0.0] * 40
    assert times.clocks.skew() == 0.0
