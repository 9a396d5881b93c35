"""
When garbage is looked for.
"""

import gc
from collections.abc import Iterator

import pytest

from keeper.garbage import undisturbed


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """The collector at work before and after."""
    assert gc.isenabled()
    yield
    assert gc.isenabled()


def test_undisturbed__within__collects_nothing() -> None:
    before = gc.get_stats()

    with undisturbed():
        cycles = [[] for _ in range(5_000)]  # type: list[list[object]]
        for cycle in cycles:
            cycle.append(cycle)
        within = gc.get_stats()

    assert [each["collections"] for each in within] == [each["collections"] for each in before]
    assert sum(each["collections"] for each in gc.get_stats()) > sum(each["collections"] for each in before)


def test_undisturbed__left_by_an_error__collects_again() -> None:
    with pytest.raises(ValueError, match="within"), undisturbed():
        raise ValueError("within")

    assert gc.isenabled()
