"""
The campaign of tests/fuzz/test_plan.py.
"""

import pytest

from tests.executor_model import campaign

PROGRAMS = 50_000


@pytest.mark.parametrize("seed", [2, 3])
def test_execute__random_and_mutated_programs_at_length__do_what_the_model_says(seed: int) -> None:
    valid, mutated = campaign(seed, PROGRAMS)

    assert valid > PROGRAMS // 100
    assert mutated > PROGRAMS // 1_000
