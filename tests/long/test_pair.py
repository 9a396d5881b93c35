"""
Two keepers with one key, often.
"""

import statistics
from pathlib import Path

import pytest

from tests.faults.pair import ACCIDENTS, have_accidents

TIMES = 20


def test_keepers__leader_meets_with_accidents__the_other_takes_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    takeovers = have_accidents(tmp_path, [*ACCIDENTS] * TIMES, seed=105)

    assert {accident: len(seconds) for accident, seconds in takeovers.items()} == dict.fromkeys(ACCIDENTS, TIMES)
    with capsys.disabled():
        for accident, seconds in takeovers.items():
            print(f"\n{accident}: the other sent after {statistics.median(seconds):.1f} s, at most {max(seconds):.1f}")
