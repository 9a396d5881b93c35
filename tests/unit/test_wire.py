"""
The bytes of a transaction, beside those of the libraries.
"""

from typing import Any

import pytest
import rlp
from eth_utils.crypto import keccak as eth_utils_keccak
from hypothesis import given
from hypothesis import strategies as st

from keeper.execution.wire import encoded
from keeper.keccak import keccak

items = st.recursive(
    st.integers(0, 1 << 256) | st.binary(max_size=80) | st.sampled_from([bytes(55), bytes(56), bytes(300)]),
    lambda inner: st.lists(inner, max_size=6),
)


@given(items)
def test_encoded__anything__is_what_the_library_says(item: Any) -> None:
    assert encoded(item) == rlp.encode(item)


@pytest.mark.parametrize("length", [255, 256, 65_535, 65_536])
def test_encoded__long_bytes__are_what_the_library_says(length: int) -> None:
    assert encoded([bytes(length)]) == rlp.encode([bytes(length)])


@given(st.binary(max_size=300))
def test_keccak__anything__is_what_the_library_says(data: bytes) -> None:
    assert keccak(data) == eth_utils_keccak(data)
