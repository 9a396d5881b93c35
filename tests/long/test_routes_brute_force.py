"""
The search and the sizing against brute force in plain Python, on two hundred markets that mix all families.
"""

import pytest

from tests.brute_force import check_market


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_search_and_size__random_markets__equal_brute_force(first: int) -> None:
    opportunities = sum(check_market(seed) for seed in range(first, first + 20))

    assert opportunities > 40
