"""
Whom the keeper watches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keeper.preflight import Deployment
from keeper.types import Address


@dataclass(frozen=True, slots=True)
class Subject:
    """
    What is watched.

    Attributes:
        operators: Whose keys this keeper has.
        tokens: What the treasury is paid in, with their symbols.
    """

    deployment: Deployment
    operators: Sequence[Address]
    tokens: Mapping[Address, str]
    chain_id: int
    multicall3: Address
