"""
The order of a priority gas auction.
"""

import pytest

from localnet.auction import Waiting, ordered


def waiting(name: str, tip_wei: int, sender: str = "", nonce: int = 0, when: int = 0) -> Waiting:
    return Waiting(name, sender or name, nonce, tip_wei, when)


def names(*arrived: Waiting) -> str:
    return "".join(transaction.hash for transaction in ordered(arrived))


def test_ordered__higher_tip__comes_first_and_of_equal_ones_the_earlier() -> None:
    assert names(waiting("a", 1), waiting("b", 3), waiting("c", 1), waiting("d", 3)) == "bdac"


def test_ordered__later_round__comes_after() -> None:
    assert names(waiting("a", 1), waiting("b", 9, when=1), waiting("c", 2), waiting("d", 10, when=1)) == "cadb"


@pytest.mark.parametrize(("tip_wei", "expected"), [(9, "bxya"), (1, "bxay"), (2, "bxya")])
def test_ordered__successor__takes_its_place_once_its_predecessor_has_landed(tip_wei: int, expected: str) -> None:
    successor = waiting("y", tip_wei, "x", 1)

    assert names(successor, waiting("x", 3, "x"), waiting("a", 2), waiting("b", 5)) == expected


def test_ordered__nothing__is_nothing() -> None:
    assert names() == ""
