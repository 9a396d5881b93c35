"""
What the journal keeps: decisions, transactions, and where those are in their lives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from keeper.types import Address, Hash


class State(StrEnum):
    """
    Where a transaction is in its life; which may follow which is in ``execution/lifecycle.py``.
    """

    PLANNED = "planned"  # decided on; there are no bytes yet, and nothing of it is in this table
    SIGNED = "signed"  # written down; whoever wrote it knows that no node has taken it
    SENT = "sent"  # a node took it
    UNKNOWN = "unknown"  # it may have been taken: only the chain can tell
    SEQUENCED = "sequenced"  # there is a receipt of it, its block is not one of ours yet
    SOFT = "soft"  # in a block of the chain as the node has it, succeeded
    FINAL = "final"  # its block is as good as on Ethereum
    REVERTED = "reverted"  # in a block, failed: its gas is paid; with ``final`` once that is final
    DROPPED = "dropped"  # can no longer be included: its nonce was used by another, or never will be
    REORGED = "reorged"  # its block left the chain: it is looked for again


#: States that a transaction may still leave for a block.
OPEN = (State.SIGNED, State.SENT, State.UNKNOWN, State.SEQUENCED, State.REORGED)

#: States of what is in a block of the chain, and has used its nonce.
IN_BLOCK = (State.SOFT, State.FINAL, State.REVERTED)


@dataclass(frozen=True, slots=True)
class PlannedRoute:
    """
    A route of a transaction, amounts in smallest units of its token.

    Attributes:
        gain: What it gains beyond what it is lent, before any loan fee.
        min_gain: What the executor was told to insist on.
    """

    pools: tuple[Address, ...]
    token: Address
    funding: str
    amount_in: int
    gain: int
    min_gain: int


#: Amounts of tokens, in smallest units.
Amounts: TypeAlias = tuple[tuple[Address, int], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What was worth trying, and what became of it.

    Attributes:
        gains: After the lenders' fees.
        worth_wei: Of the gains.
        l2_wei: What its gas costs at the base fee.
        l1_wei: What posting its bytes costs.
        bid_wei: What its gas pays beyond the base fee.
        profits: What is left of each gain after its part of the costs.
        profit_wei: The same in ETH.
        outcome: ``sent``, or why it was not.
    """

    block_number: int
    routes: tuple[PlannedRoute, ...]
    gains: Amounts
    loan_fees: Amounts
    worth_wei: int
    l2_wei: int
    l1_wei: int
    bid_wei: int
    profits: Amounts
    profit_wei: int
    outcome: str


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """
    A transaction as it was signed, with what was expected of it.

    Attributes:
        block_number: The block that it was planned on.
        deadline: Unix second after which the executor refuses it.
        predicted: What the treasury is to receive.
        sibling_of: The journal id of another transaction with the same nonce, of which at most one can be included.
        bid_wei: What its gas was to pay beyond the base fee.
    """

    sender: Address
    nonce: int
    hash: Hash
    raw: bytes
    block_number: int
    deadline: int
    routes: tuple[PlannedRoute, ...]
    predicted: Amounts
    predicted_profit_wei: int
    gas_limit: int
    max_fee_wei: int
    sibling_of: int | None = None
    bid_wei: int = 0

    @property
    def pools(self) -> tuple[Address, ...]:
        """Each pool once, in the order in which they are met."""
        return tuple(dict.fromkeys(pool for route in self.routes for pool in route.pools))


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction in the journal with its last step."""

    id: int
    run_id: int
    transaction: SignedTransaction
    state: State
    detail: Mapping[str, Any]
