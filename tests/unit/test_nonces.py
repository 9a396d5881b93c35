"""
Which nonce is next, and which ones are missing.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.errors import NonceError
from keeper.execution.nonces import NonceManager
from tests.unit.test_journal import OPERATOR

nonce_sets = st.sets(st.integers(5, 20))


def test_compare__chain_moved_without_us__is_refused() -> None:
    nonces = NonceManager(OPERATOR, on_chain=5)

    nonces.compare(None)
    nonces.compare(5)
    with pytest.raises(NonceError, match="another process"):
        nonces.compare(4)


@given(nonce_sets)
def test_free__whatever_is_in_flight__is_the_lowest_that_nothing_has(in_flight: set[int]) -> None:
    free = NonceManager(OPERATOR, on_chain=5).free(in_flight)

    assert free not in in_flight
    assert all(nonce in in_flight for nonce in range(5, free))


@given(nonce_sets)
def test_gaps__whatever_is_in_flight__with_them_there_is_no_hole(in_flight: set[int]) -> None:
    gaps = NonceManager(OPERATOR, on_chain=5).gaps(in_flight)

    assert not in_flight & set(gaps)
    together = sorted(in_flight | set(gaps))
    assert together == list(range(5, 5 + len(together)))
    assert not gaps or max(gaps) < max(in_flight)


def test_used_and_returned__move_the_next_one() -> None:
    nonces = NonceManager(OPERATOR, on_chain=5)

    nonces.used(6)
    assert nonces.next == 7
    nonces.used(5)
    assert nonces.next == 7
    nonces.returned(5)
    assert nonces.next == 5
