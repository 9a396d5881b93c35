"""
Two keepers with one key: whatever happens to the leader, one submits at any time, and no nonce is used twice.
"""

from pathlib import Path

from tests.faults.pair import ACCIDENTS, have_accidents

TIMES = 2


def test_keepers__leader_meets_with_accidents__the_other_takes_over(tmp_path: Path) -> None:
    takeovers = have_accidents(tmp_path, [*ACCIDENTS] * TIMES, seed=5)

    assert {accident: len(seconds) for accident, seconds in takeovers.items()} == dict.fromkeys(ACCIDENTS, TIMES)
