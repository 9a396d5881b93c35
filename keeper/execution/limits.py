"""
Every breaker by its name, and what it does. What trips it is in docs/operations.md, and in code where it is seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a breaker does when it trips, and how the keeper comes back."""

    HALT = "halt"  # a person arms the keeper again
    PAUSE = "pause"  # a person resumes it
    COOL = "cool"  # resumes itself after a while, twice as long each time
    WHILE = "while"  # resumes itself when the cause has gone


@dataclass(frozen=True, slots=True)
class Breaker:
    """
    Attributes:
        page: Whether somebody is to be woken, rather than to look today.
    """

    name: str
    action: Action
    page: bool = False


BREAKERS: Mapping[str, Breaker] = {
    breaker.name: breaker
    for breaker in (
        Breaker("loss_hour", Action.HALT, page=True),
        Breaker("loss_day", Action.HALT, page=True),
        Breaker("failed_gas", Action.COOL),
        Breaker("reverts_in_a_row", Action.COOL),
        Breaker("revert_share", Action.COOL),
        Breaker("divergence", Action.PAUSE),
        Breaker("balance_unexplained", Action.HALT, page=True),
        Breaker("treasury_unexplained", Action.PAUSE, page=True),
        Breaker("nonce_moved", Action.HALT, page=True),
        Breaker("stale_head", Action.WHILE),
        Breaker("stale_head_hard", Action.WHILE),
        Breaker("feed_gap", Action.WHILE),
        Breaker("base_fee", Action.WHILE),
        Breaker("l1_price", Action.WHILE),
        Breaker("operator_balance", Action.WHILE),
        Breaker("chain_id", Action.HALT, page=True),
        Breaker("code_changed", Action.HALT, page=True),
        Breaker("executor_paused", Action.HALT, page=True),
        Breaker("operator_removed", Action.HALT, page=True),
        Breaker("signer", Action.COOL),
        Breaker("clock_skew", Action.WHILE),
        Breaker("ordering_changed", Action.COOL),
        Breaker("disk", Action.HALT, page=True),
        Breaker("journal", Action.HALT, page=True),
        Breaker("books", Action.HALT, page=True),
    )
}
