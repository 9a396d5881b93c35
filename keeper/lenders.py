"""
Who pays for a route's first swap: nobody (its first pool delivers before it is paid), or a flash lender.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from keeper.abi import call
from keeper.config import LenderFacts
from keeper.types import Address, Reading

#: Chaining flash-swaps: the route's first pool waits for its payment inside its own callback.
NO_LENDER = "none"

_PIPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Lender:
    """
    A flash lender as of some block.

    Attributes:
        fee_pips: Its fee in millionths of the loan, rounded up.
        available: What it can lend of each token, in smallest units.
    """

    name: str
    address: Address
    fee_pips: int
    available: Mapping[Address, int] = field(default_factory=dict)

    def loan_fee(self, amount: int) -> int:
        """What the loan costs, in the token lent."""
        return -(-amount * self.fee_pips // _PIPS)


def read_lender(facts: LenderFacts, tokens: Sequence[Address]) -> Reading[Lender]:
    """
    Return the lender with what it can lend of each token.
    """
    answers = yield [call(token, "balanceOf(address)", facts.address) for token in tokens]
    available = {
        token: int.from_bytes(answer, "big") if answer and len(answer) == 32 else 0
        for token, answer in zip(tokens, answers, strict=True)
    }
    return Lender(facts.name, Address(facts.address), facts.fee_pips, available)


def fundings(token: Address, amount: int, allowed: Iterable[str], lenders: Iterable[Lender]) -> list[tuple[str, int]]:
    """
    Return every way to fund *amount* of *token* as (lender, fee), no lender first, then the cheapest.
    """
    allowed = set(allowed)
    choices = [
        (lender.loan_fee(amount), lender.name)
        for lender in lenders
        if lender.name in allowed and lender.available.get(token, 0) >= amount
    ]
    first = [(NO_LENDER, 0)] if NO_LENDER in allowed else []
    return first + [(name, fee) for fee, name in sorted(choices)]
