"""
What the loop hands over at the end of a block.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from keeper.gas import GasPrices
from keeper.lenders import Lender
from keeper.market import Market, Quarantine
from keeper.monitor.report import Report
from keeper.types import Block


@dataclass(frozen=True, slots=True)
class Moment:
    """
    The keeper as a block left it: its own objects, to be read and not to be kept.

    Attributes:
        seconds: How long the block was handled.
        in_flight: Transactions whose fate is not known.
        lenders: Those whose terms are known.
        calls: How often each method of a node was asked since the start.
        nodes: What is known of each node, URLs shortened.
    """

    block: Block
    seconds: float
    market: Market
    report: Report
    in_flight: int
    lenders: Sequence[Lender]
    quarantine: Quarantine
    prices: GasPrices
    calls: Mapping[str, int]
    nodes: Sequence[Mapping[str, Any]]


class Watcher(Protocol):
    """
    Whoever looks on. None of this may wait.
    """

    def ticked(self) -> None:
        """The loop went round."""

    def block_began(self) -> None:
        """A block is being handled: what can wait should."""

    def block_ended(self, moment: Moment) -> None:
        """It was handled."""


class Unwatched:
    """
    Nobody looks.
    """

    def ticked(self) -> None:
        """Nothing."""

    def block_began(self) -> None:
        """Nothing."""

    def block_ended(self, moment: Moment) -> None:
        """Nothing."""
