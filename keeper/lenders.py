"""
Who pays for a route's first swap: nobody (its first pool delivers before it is paid), or a flash lender.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from keeper.abi import call
from keeper.config import LenderFacts
from keeper.types import Address, Answer, Reading

#: Chaining flash-swaps: the route's first pool waits for its payment inside its own callback.
NO_LENDER = "none"

_PIPS = 1_000_000
_PIPS_PER_BPS = 100

#: Families whose pools send before they are paid.
_SENDING_FIRST = frozenset({"uniswap_v2", "uniswap_v3", "camelot_v2", "camelot_v3"})
_OF_BALANCER_V2 = frozenset({"balancer_weighted", "balancer_stable"})

#: Lenders, the one whose loan takes least gas first (docs/gas.md).
_BY_GAS = ("uniswap_v4", "balancer_v2", "morpho", "balancer_v3", "aave_v3")


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
    Return the lender with what it can lend of each token: nothing, where it is not on this chain or does not answer.
    """
    address = Address(facts.address)
    fee_pips = facts.fee_pips
    match facts.name:
        case "aave_v3":
            # What it lends of is a balance in its books (since version 3.1), not what its contracts hold.
            calls = [call(address, "getVirtualUnderlyingBalance(address)", token) for token in tokens]
            answers = yield [*calls, call(address, "FLASHLOAN_PREMIUM_TOTAL()")]
            if answers[-1]:
                fee_pips = _number(answers[-1]) * _PIPS_PER_BPS
        case "balancer_v3":
            # What was sent to the Vault and not settled cannot be lent.
            answers = yield [call(address, "getReservesOf(address)", token) for token in tokens]
        case _:
            answers = yield [call(token, "balanceOf(address)", address) for token in tokens]
    available = {token: _number(answer) for token, answer in zip(tokens, answers, strict=False)}
    return Lender(facts.name, address, fee_pips, available)


def fundings(
    token: Address,
    amount: int,
    allowed: Iterable[str],
    lenders: Iterable[Lender],
    families: Sequence[str] = (),
) -> list[tuple[str, int]]:
    """
    Return every way to fund *amount* of *token* as (lender, fee), no lender first, then the cheapest.

    Args:
        families: Of the route's pools, in their order. Not every first pool sends before it is paid, and Balancer's V2
            Vault refuses swaps while it lends.
    """
    allowed = set(allowed)
    locked = {"balancer_v2"} if not _OF_BALANCER_V2.isdisjoint(families) else set()
    choices = [
        (lender.loan_fee(amount), lender.name)
        for lender in lenders
        if lender.name in allowed - locked and lender.available.get(token, 0) >= amount
    ]
    opens = not families or families[0] in _SENDING_FIRST
    first = [(NO_LENDER, 0)] if NO_LENDER in allowed and opens else []
    return first + [(name, fee) for fee, name in sorted(choices, key=_order)]


def _order(choice: tuple[int, str]) -> tuple[int, int]:
    """By the fee, then by what a loan takes of gas."""
    fee, name = choice
    return fee, _BY_GAS.index(name) if name in _BY_GAS else len(_BY_GAS)


def _number(answer: Answer) -> int:
    return int.from_bytes(answer, "big") if answer and len(answer) == 32 else 0
