"""
A keeper that ends soon after each start waits before the next one trades.
"""

from pathlib import Path

import pytest

from keeper.restarts import Restarts


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def life(directory: Path, clock: Clock, most: int = 3) -> Restarts:
    return Restarts(directory, most, clock)


def test_begin__failures_in_a_row__waits_longer_each_time(tmp_path: Path, clock: Clock) -> None:
    waits = []
    for _ in range(9):
        waits.append(life(tmp_path, clock).begin())
        clock.now += 10.0

    assert waits == [0.0, 0.0, 0.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_begin__one_was_sound__counts_anew(tmp_path: Path, clock: Clock) -> None:
    for _ in range(4):
        life(tmp_path, clock).begin()
    sound = life(tmp_path, clock)
    sound.begin()
    sound.sound()

    later = life(tmp_path, clock)

    assert later.begin() == 0.0
    assert later.failures == 0


def test_begin__one_is_excused__counts_the_others(tmp_path: Path, clock: Clock) -> None:
    for _ in range(3):
        life(tmp_path, clock).begin()
    excused = life(tmp_path, clock)
    excused.begin()
    excused.excuse()

    later = life(tmp_path, clock)

    assert later.begin() == 5.0
    assert later.failures == 3


@pytest.mark.parametrize("seconds", [3_601.0, -60.0])
def test_begin__long_ago_or_in_the_future__is_no_loop(tmp_path: Path, clock: Clock, seconds: float) -> None:
    for _ in range(5):
        life(tmp_path, clock).begin()
    clock.now += seconds

    assert life(tmp_path, clock).begin() == 0.0


def test_begin__told_never_to_wait__does_not(tmp_path: Path, clock: Clock) -> None:
    assert [life(tmp_path, clock, most=0).begin() for _ in range(6)] == [0.0] * 6


@pytest.mark.parametrize("text", ["", "[]", '{"starts": 3}', '{"starts": ["x"]}'])
def test_begin__file_cannot_be_understood__begins_anew(tmp_path: Path, clock: Clock, text: str) -> None:
    (tmp_path / "starts.json").write_text(text)

    assert life(tmp_path, clock).begin() == 0.0


def test_begin__disk_does_not_take_it__goes_on(tmp_path: Path, clock: Clock) -> None:
    restarts = life(tmp_path / "gone", clock)

    assert restarts.begin() == 0.0
    restarts.sound()
    restarts.excuse()
