"""
What must hold whatever goes wrong can be seen not to hold.
"""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from keeper.journal import Entry, State
from keeper.types import Hash
from soak import oracles
from soak.flight import Sent, state_of
from soak.oracles import Footprint, OracleError, Oracles
from tests.unit.test_transactions import TRANSACTION

HASH = TRANSACTION.hash
OTHER = Hash("0x" + "99" * 32)
SENT = Sent(HASH, written=True, state=None, lost=False)


def entry(number: int, state: State, sibling_of: int | None = None, name: Hash = HASH) -> Entry:
    return Entry(number, 1, replace(TRANSACTION, hash=name, sibling_of=sibling_of), state, {})


def flight(*entries: Entry, sent: tuple[Sent, ...] = ()) -> Any:
    return SimpleNamespace(entries=list(entries), sent=list(sent))


Check = Callable[[Any], None]


@pytest.mark.parametrize(
    ("check", "flown", "words"),
    [
        (oracles.nonces_signed_once, flight(entry(1, State.SENT), entry(2, State.SENT)), "O1: .* not as siblings"),
        (
            oracles.nonces_signed_once,
            flight(entry(1, State.SOFT), entry(2, State.REVERTED, sibling_of=1)),
            "O1: two transactions",
        ),
        (oracles.everything_sent_is_written, flight(sent=(replace(SENT, written=False),)), "O2: sent before"),
        (oracles.everything_sent_is_written, flight(entry(1, State.SENT, name=OTHER), sent=(SENT,)), "O2: .* not in"),
        (oracles.nothing_sent_unless_live, flight(sent=(replace(SENT, lost=True),)), "O4"),
        (oracles.nothing_sent_unless_live, flight(sent=(replace(SENT, state="DEGRADED"),)), "O4"),
    ],
)
def test_oracle__does_not_hold__says_so(check: Check, flown: Any, words: str) -> None:
    with pytest.raises(OracleError, match=words):
        check(flown)


def test_oracles__all_is_well__say_nothing() -> None:
    flown = flight(
        entry(1, State.DROPPED),
        entry(2, State.SOFT, sibling_of=1, name=OTHER),
        sent=(SENT, replace(SENT, state="LIVE")),
    )

    oracles.nonces_signed_once(flown)
    oracles.everything_sent_is_written(flown)
    oracles.nothing_sent_unless_live(flown)


@pytest.mark.parametrize("field", ["rss", "descriptors", "tasks"])
async def test_footprint__has_grown__is_noticed(field: str) -> None:
    now = Footprint.now()
    bounded = Oracles(flight(), now)
    bounded.footprint_is_bounded()

    with pytest.raises(OracleError, match="O6"):
        Oracles(flight(), replace(now, **{field: -(2**40)})).footprint_is_bounded()


@pytest.mark.parametrize(
    ("keeper", "state"),
    [
        (SimpleNamespace(), None),
        (SimpleNamespace(state="live"), "LIVE"),
        (SimpleNamespace(operation=SimpleNamespace(state="halted")), "HALTED"),
    ],
)
def test_state__of_a_keeper_with_and_without__is_told(keeper: Any, state: str | None) -> None:
    assert state_of(keeper) == state
