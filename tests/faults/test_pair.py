"""
Two keepers with one key: whatever happens to the leader, one submits at any time, and no nonce is used twice.
"""

from pathlib import Path

from tests.faults.pair import ACCIDENTS, have_accidents

TIMES = 1


def test_keepers__leader_meets_with_accidents__the_other_takes_over_within_seconds(tmp_path: Path) -> None:
    campaign = have_accidents(tmp_path, [*ACCIDENTS] * TIMES, seed=5)

    assert campaign.met == dict.fromkeys(ACCIDENTS, TIMES)
    assert campaign.nonces > 0
    assert campaign.too_slow() == []
