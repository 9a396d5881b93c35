"""
Which state may follow which, and no other.
"""

import itertools
import re
from pathlib import Path

import pytest

from keeper.errors import LifeCycleError
from keeper.execution.lifecycle import TRANSITIONS, require
from keeper.journal import IN_BLOCK, OPEN, State

DOCUMENT = Path(__file__).parents[2] / "docs" / "execution.md"

ALLOWED = {
    State.PLANNED: {State.SIGNED},
    State.SIGNED: {
        *(State.SIGNED, State.SENT, State.UNKNOWN, State.SEQUENCED, State.SOFT, State.REVERTED, State.DROPPED),
    },
    State.SENT: {State.SENT, State.SEQUENCED, State.SOFT, State.REVERTED, State.DROPPED},
    State.UNKNOWN: {State.UNKNOWN, State.SENT, State.SEQUENCED, State.SOFT, State.REVERTED, State.DROPPED},
    State.SEQUENCED: {State.SOFT, State.REVERTED, State.DROPPED, State.UNKNOWN},
    State.SOFT: {State.FINAL, State.REORGED},
    State.REVERTED: {State.REVERTED, State.REORGED},
    State.REORGED: {State.SENT, State.UNKNOWN, State.SEQUENCED, State.SOFT, State.REVERTED, State.DROPPED},
    State.DROPPED: {State.SOFT, State.REVERTED},
    State.FINAL: set(),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)), ids=str)
def test_transition__any_two_states__is_allowed_or_an_error(before: State, after: State) -> None:
    if after in ALLOWED[before]:
        require(before, after, "0x12")
        return
    with pytest.raises(LifeCycleError, match=f"transaction 0x12 is {before}: it cannot become {after}"):
        require(before, after, "0x12")


def test_states__each__is_open_in_a_block_or_neither() -> None:
    assert not set(OPEN) & set(IN_BLOCK)
    assert set(State) - set(OPEN) - set(IN_BLOCK) == {State.PLANNED, State.DROPPED}


def test_states__every_open_one__can_come_to_an_end() -> None:
    for state in OPEN:
        assert {State.SOFT, State.REVERTED, State.DROPPED} <= TRANSITIONS[state]


def test_documentation__its_table__is_the_code_s() -> None:
    rows = [line.strip("| ").split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    names = [str(state) for state in State]
    told = {
        State(row[0]): {State(word) for word in re.findall(r"\w+", re.sub(r"\(.*?\)", "", row[2])) if word in names}
        for row in rows
        if row[0] in names
    }

    assert told == {state: set(after) for state, after in TRANSITIONS.items()}
