"""
What trips each breaker, what it does then, and how the keeper comes back.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from keeper.config import Settings, load_settings
from keeper.execution.breakers import Breakers, Settled
from keeper.execution.limits import BREAKERS, Action, Breaker
from keeper.execution.operation import OperatingState, Operation

ETH = 10**18
WON = Settled(succeeded=True, profit_wei=ETH // 1_000, gas_wei=10**13, expected_wei=ETH // 1_000)
FAILED = Settled(succeeded=False, profit_wei=-(10**13), gas_wei=10**13, expected_wei=ETH // 1_000)


class Bench:
    """Breakers on a clock that stands still until it is moved."""

    def __init__(self, state_dir: Path, **given: object) -> None:
        self.now = 1_000.0
        self.told: list[tuple[str, str]] = []
        self.settings: Settings = load_settings(rpc_url="http://fake", **given)
        self.operation = Operation(state_dir)
        self.operation.begin()
        self.breakers = Breakers(self.settings, self.operation, lambda: self.now, self._tell, lambda: self.now)

    def _tell(self, breaker: Breaker, sentence: str) -> None:
        self.told.append((breaker.name, sentence))

    def wait(self, seconds: float) -> None:
        """Let time pass in which the head moves."""
        self.now += seconds
        self.breakers.head_moved()
        self.breakers.look()

    @property
    def state(self) -> OperatingState:
        return self.operation.state


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def losses(bench: Bench) -> None:
    bench.breakers.settled(Settled(True, -3 * 10**16, 10**13, ETH))


def a_day_of_losses(bench: Bench) -> None:
    for _ in range(6):
        bench.breakers.settled(Settled(True, -(10**16), 10**13, 0))
        bench.wait(3 * 3_600)


def failed_gas(bench: Bench) -> None:
    bench.breakers.settled(WON)
    bench.breakers.settled(Settled(False, -6 * 10**15, 6 * 10**15, ETH))


def reverts(bench: Bench) -> None:
    for _ in range(5):
        bench.breakers.settled(FAILED)


def many_reverts(bench: Bench) -> None:
    for number in range(50):
        bench.breakers.settled(WON if number % 3 == 0 else FAILED)


def divergence(bench: Bench) -> None:
    for number in range(20):
        bench.breakers.settled(Settled(True, 70 if number % 2 else 79, 1, 100))


def stale(bench: Bench) -> None:
    bench.now += 5.1
    bench.breakers.look()


def very_stale(bench: Bench) -> None:
    bench.now += 15.1
    bench.breakers.look()


def gap(bench: Bench) -> None:
    bench.breakers.gap_opened()
    bench.now += 3
    bench.breakers.gap_opened()
    bench.now += 7.1
    bench.breakers.look()


def signer(bench: Bench) -> None:
    for failures in (1, 2, 3):
        bench.breakers.signer_failures(failures)


def ordering(bench: Bench) -> None:
    bench.breakers.ordering("arrival")
    bench.breakers.ordering("fee")


CAUSES: dict[str, Callable[[Bench], None]] = {
    "loss_hour": losses,
    "loss_day": a_day_of_losses,
    "failed_gas": failed_gas,
    "reverts_in_a_row": reverts,
    "revert_share": many_reverts,
    "divergence": divergence,
    "stale_head": stale,
    "stale_head_hard": very_stale,
    "feed_gap": gap,
    "base_fee": lambda bench: bench.breakers.prices(10**10 + 1, 1),
    "l1_price": lambda bench: bench.breakers.prices(1, 500 * 10**9 + 1),
    "operator_balance": lambda bench: bench.breakers.operator_balance(199, 100),
    "signer": signer,
    "clock_skew": lambda bench: bench.breakers.clock_skew(-0.6),
    "ordering_changed": ordering,
    "disk": lambda bench: bench.breakers.disk(10**9 - 1),
}

#: What whoever sees it says in so many words; tests of the guard are about these.
SAID = sorted(BREAKERS.keys() - CAUSES.keys())


@pytest.mark.parametrize("name", CAUSES)
def test_breaker__its_cause__trips_it_and_nothing_is_sent(bench: Bench, name: str) -> None:
    CAUSES[name](bench)

    assert name in bench.breakers.tripped
    assert bench.breakers.trips[name] == 1
    assert name in [told for told, _ in bench.told]
    assert name in bench.operation.reasons
    halted = BREAKERS[name].action is Action.HALT
    assert bench.state is (OperatingState.HALTED if halted else OperatingState.DEGRADED)
    assert not bench.operation.may_send


@pytest.mark.parametrize("name", SAID)
def test_breaker__told_of_its_cause__trips(bench: Bench, name: str) -> None:
    bench.breakers.trip(name, "so it is")
    bench.breakers.trip(name, "and still is")

    assert bench.told == [(name, "so it is")]
    assert not bench.operation.may_send


@pytest.mark.parametrize("name", [name for name, breaker in BREAKERS.items() if breaker.action is Action.HALT])
def test_breaker__that_halts__stays_until_armed_again(bench: Bench, tmp_path: Path, name: str) -> None:
    bench.breakers.trip(name, "so it is")
    bench.wait(10 * 86_400)
    assert not bench.operation.resume(name)
    assert bench.state is OperatingState.HALTED
    later = Bench(tmp_path)
    assert later.breakers.tripped == {name: "so it is"}

    bench.operation.rearm()
    bench.breakers.look()

    assert bench.breakers.tripped == {}
    assert bench.state is OperatingState.LIVE


@pytest.mark.parametrize("name", ["failed_gas", "reverts_in_a_row", "revert_share", "divergence", "signer"])
def test_breaker__resumed_by_hand__begins_anew(bench: Bench, name: str) -> None:
    CAUSES[name](bench)
    for paused in list(bench.operation.pauses):
        bench.operation.resume(paused)

    bench.breakers.look()

    assert bench.state is OperatingState.LIVE
    bench.breakers.settled(FAILED)
    bench.breakers.signer_failures(1)
    assert bench.state is OperatingState.LIVE
    assert bench.breakers.tripped == {}


def test_cooling__each_pause_of_a_day__is_twice_as_long(bench: Bench) -> None:
    for minutes in (5, 10, 20):
        reverts(bench)
        bench.wait(60 * minutes - 1)
        assert bench.state is OperatingState.DEGRADED
        bench.wait(1)
        assert bench.state is OperatingState.LIVE
    bench.wait(86_400)
    reverts(bench)
    bench.wait(300)
    assert bench.state is OperatingState.LIVE


def test_divergence__is_not_cooled_away(bench: Bench) -> None:
    divergence(bench)
    bench.wait(10 * 86_400)

    assert bench.state is OperatingState.DEGRADED


def test_ordering_changed__resumes_after_its_minute(bench: Bench) -> None:
    ordering(bench)
    bench.breakers.ordering("fee")
    bench.wait(60)

    assert bench.state is OperatingState.LIVE


@pytest.mark.parametrize(
    "mended",
    [
        lambda breakers: breakers.prices(10**10, 500 * 10**9),
        lambda breakers: breakers.operator_balance(200, 100),
        lambda breakers: breakers.clock_skew(0.5),
    ],
)
def test_cause_gone__resumes_by_itself(bench: Bench, mended: Callable[[Breakers], None]) -> None:
    bench.breakers.prices(10**11, 10**12)
    bench.breakers.operator_balance(0, 100)
    bench.breakers.clock_skew(300.0)
    before = set(bench.operation.pauses)

    mended(bench.breakers)

    assert set(bench.operation.pauses) < before


def test_head__moves_again__resumes(bench: Bench) -> None:
    very_stale(bench)
    bench.breakers.head_moved()
    bench.breakers.look()

    assert bench.state is OperatingState.LIVE


def test_head__made_long_ago__is_stale_though_it_moves(bench: Bench) -> None:
    bench.breakers.head_moved(lag_seconds=6.0)
    bench.breakers.look()

    assert bench.breakers.head_age_seconds == 6.0
    assert bench.breakers.tripped.keys() == {"stale_head"}


def test_head__while_starting__is_not_stale(tmp_path: Path) -> None:
    now = [0.0]
    operation = Operation(tmp_path)
    breakers = Breakers(load_settings(rpc_url="http://fake"), operation, lambda: now[0], lambda *_: None)
    now[0] = 60.0
    breakers.look()
    operation.begin()
    breakers.look()

    assert operation.state is OperatingState.LIVE


def test_gap__closed_in_time__is_none(bench: Bench) -> None:
    bench.breakers.gap_opened()
    bench.now += 4
    bench.breakers.head_moved()
    bench.breakers.gap_opened()
    bench.now += 4
    bench.breakers.head_moved()
    bench.breakers.look()

    assert bench.told == []


def test_losses__gains_count_against_them(bench: Bench) -> None:
    bench.breakers.settled(Settled(True, 2 * 10**16, 1, 0))
    losses(bench)

    assert bench.state is OperatingState.LIVE


def test_losses__older_than_the_hour__count_for_the_day_only(bench: Bench) -> None:
    bench.breakers.settled(Settled(True, -15 * 10**15, 1, 0))
    bench.wait(3_700)
    bench.breakers.settled(Settled(True, -15 * 10**15, 1, 0))

    assert bench.state is OperatingState.LIVE


def test_loss__its_block_left_the_chain__is_taken_back(bench: Bench) -> None:
    loss = Settled(False, -15 * 10**15, 10**13, 0)
    bench.breakers.settled(loss)
    bench.breakers.taken_back(loss)
    bench.breakers.settled(loss)

    assert bench.state is OperatingState.LIVE


def test_losses__of_an_earlier_life__count(bench: Bench, tmp_path: Path) -> None:
    bench.breakers.settled(Settled(True, -15 * 10**15, 1, 0))
    later = Bench(tmp_path)
    later.now = bench.now + 1_800
    later.breakers.resume(bench.breakers.results)
    later.breakers.settled(Settled(True, -6 * 10**15, 1, 0))

    assert "loss_hour" in later.breakers.tripped


def test_losses__of_an_earlier_life__grow_old(bench: Bench, tmp_path: Path) -> None:
    bench.breakers.settled(Settled(True, -15 * 10**15, 1, 0))
    later = Bench(tmp_path)
    later.now = bench.now + 86_500
    later.breakers.resume(bench.breakers.results)
    later.breakers.settled(Settled(True, -15 * 10**15, 1, 0))

    assert later.told == []
    assert len(later.breakers.results) == 1


def test_reverts__a_success_between__are_not_in_a_row(bench: Bench) -> None:
    for _ in range(4):
        bench.breakers.settled(FAILED)
    bench.breakers.settled(WON)
    for _ in range(4):
        bench.breakers.settled(FAILED)

    assert bench.told == []


def test_signer__succeeds_between__is_well(bench: Bench) -> None:
    for failures in (1, 2, 0, 1, 2):
        bench.breakers.signer_failures(failures)

    assert bench.told == []


def test_signer__still_fails_after_its_pause__trips_again(bench: Bench) -> None:
    signer(bench)
    bench.wait(300)
    bench.breakers.signer_failures(3)
    bench.breakers.signer_failures(4)

    assert bench.breakers.trips["signer"] == 2


def test_thresholds__are_settings(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_reverts_in_a_row=50, max_loss_hour_wei=ETH, max_loss_day_wei=ETH)

    reverts(bench)
    losses(bench)

    assert bench.told == []
