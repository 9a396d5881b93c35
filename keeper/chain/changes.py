"""
Changes of what the chain charges and orders by, while the keeper runs.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from keeper.chain.arbitrum import ArbosParameters
from keeper.types import Block

#: A price that is so many times what it was is news.
_LEAP = 10

#: The base fee is compared with the lowest of so many seconds.
_SECONDS = 3


class Parameter(StrEnum):
    """What changed."""

    ORDERING = "ordering"
    ARBOS_VERSION = "ArbOS version"
    BROTLI_LEVEL = "Brotli level"
    MIN_BASE_FEE = "minimum base fee"
    L1_PRICE = "L1 price"
    BASE_FEE = "base fee"


@dataclass(frozen=True, slots=True)
class Change:
    """
    A change that those who trade should know of.

    Attributes:
        before: A price in wei, a level, a version, or the name of an ordering.
    """

    parameter: Parameter
    before: int | str
    after: int | str

    def __str__(self) -> str:
        return f"the chain's {self.parameter} was {self.before} and is {self.after}"


class Changes:
    """
    Compares what is seen with what was seen before, and tells listeners what is news.

    Of the L1 price and the base fee a leap is news; every decision goes by the latest price anyway. All else is news
    whenever it is not what it was.

    Attributes:
        listeners: Each is called once for each change, in order; they add themselves.
    """

    def __init__(self) -> None:
        self.listeners: list[Callable[[Change], None]] = []
        self._parameters: ArbosParameters | None = None
        #: Timestamps and base fees of the last seconds.
        self._fees: deque[tuple[int, int]] = deque()

    def look(self, parameters: ArbosParameters) -> None:
        """
        Take in the parameters as they are now.
        """
        before, self._parameters = self._parameters, parameters
        if before is None:
            return
        for parameter, was, now in (
            (Parameter.ORDERING, str(before.ordering), str(parameters.ordering)),
            (Parameter.ARBOS_VERSION, before.version, parameters.version),
            (Parameter.BROTLI_LEVEL, before.brotli_level, parameters.brotli_level),
            (Parameter.MIN_BASE_FEE, before.min_base_fee_wei, parameters.min_base_fee_wei),
        ):
            if was != now:
                self._tell(Change(parameter, was, now))
        if parameters.l1_wei_per_unit >= _LEAP * max(before.l1_wei_per_unit, 1):
            self._tell(Change(Parameter.L1_PRICE, before.l1_wei_per_unit, parameters.l1_wei_per_unit))

    def advance(self, block: Block) -> None:
        """
        Take in the base fee of the next block.
        """
        while self._fees and self._fees[0][0] < block.timestamp - _SECONDS:
            self._fees.popleft()
        lowest = min((fee for _, fee in self._fees), default=block.base_fee_wei)
        if block.base_fee_wei >= _LEAP * max(lowest, 1):
            self._fees.clear()  # told once
            self._tell(Change(Parameter.BASE_FEE, lowest, block.base_fee_wei))
        self._fees.append((block.timestamp, block.base_fee_wei))

    def _tell(self, change: Change) -> None:
        for listener in self.listeners:
            listener(change)
