"""
What a transaction may become, and nothing else.

    planned -> signed -> sent -> sequenced -> soft -> final
                  |        |         |          `-> reorged -> (as after sent)
                  |        |         `-> reverted -> reverted, final
                  |        `-> dropped
                  `-> unknown -> (as after sent)

Each arrow is a row of the journal. ``planned`` is not: there are no bytes yet, so there is nothing to lose.
"""

from collections.abc import Mapping
from types import MappingProxyType

from keeper.errors import LifeCycleError
from keeper.journal import State

#: What the chain may tell of bytes that have left.
_TOLD = frozenset({State.SEQUENCED, State.SOFT, State.REVERTED, State.DROPPED})

#: From each state, the states that may follow it.
TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.PLANNED: frozenset({State.SIGNED}),
        # Again: every node refused it for the time being, and the same bytes are offered once more.
        State.SIGNED: _TOLD | {State.SIGNED, State.SENT, State.UNKNOWN},
        # Again: the same bytes are sent once more.
        State.SENT: _TOLD | {State.SENT},
        State.UNKNOWN: _TOLD | {State.UNKNOWN, State.SENT},
        # Unknown: the receipt is gone before its block was one of ours.
        State.SEQUENCED: frozenset({State.SOFT, State.REVERTED, State.DROPPED, State.UNKNOWN}),
        State.SOFT: frozenset({State.FINAL, State.REORGED}),
        # Again: its block is final.
        State.REVERTED: frozenset({State.REVERTED, State.REORGED}),
        State.REORGED: _TOLD | {State.SENT, State.UNKNOWN},
        # Given up and yet included: the chain has the last word.
        State.DROPPED: frozenset({State.SOFT, State.REVERTED}),
        State.FINAL: frozenset(),
    }
)


def require(before: State, after: State, what: object) -> None:
    """
    Raises:
        LifeCycleError: *what*, which is in the state *before*, cannot be in *after* next.
    """
    if after not in TRANSITIONS[before]:
        raise LifeCycleError(f"transaction {what} is {before}: it cannot become {after}")
