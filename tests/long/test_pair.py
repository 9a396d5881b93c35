"""
Two keepers with one key, often.
"""

from pathlib import Path

import pytest

from tests.faults.pair import ACCIDENTS, have_accidents

TIMES = 20


def test_keepers__leader_meets_with_accidents__the_other_takes_over_within_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = have_accidents(tmp_path, [*ACCIDENTS] * TIMES, seed=105, thorough=True)

    with capsys.disabled():
        print("\n" + campaign.summary())
    assert campaign.met == dict.fromkeys(ACCIDENTS, TIMES)
    assert campaign.nonces > 0
    assert campaign.too_slow() == []
