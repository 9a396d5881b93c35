"""
Logs of Camelot V2's pairs, beyond those that they have from Uniswap V2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keeper.events.log import Log, fits, uint, words
from keeper.types import Address, Hash


@dataclass(frozen=True, slots=True)
class CamelotFeePercentUpdated:
    """What a Camelot pair keeps of each token that comes in, in 1e-5."""

    pool: Address
    token0_fee_percent: int
    token1_fee_percent: int


@dataclass(frozen=True, slots=True)
class CamelotSetStableSwap:
    """A Camelot pair became a stable one, or ceased to be."""

    pool: Address
    stable_swap: bool


Event: TypeAlias = CamelotFeePercentUpdated | CamelotSetStableSwap


def _fee_percent_updated(log: Log) -> CamelotFeePercentUpdated:
    token0, token1 = words(log, 1, 2)
    return CamelotFeePercentUpdated(log["address"].lower(), fits(uint(token0), 16), fits(uint(token1), 16))


def _set_stable_swap(log: Log) -> CamelotSetStableSwap:
    _before, after = words(log, 1, 2)
    return CamelotSetStableSwap(log["address"].lower(), bool(fits(uint(after), 1)))


#: Decoders by the hash of the signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    Hash("0xa4877b8ecb5a00ba277e4bceeeb187a669e7113649774dfbea05c259ce27f17b"): _fee_percent_updated,
    Hash("0xb6a86710bde53aa7fb1b3856279e2af5b476d53e2dd0902cf17a0911b5a43a8b"): _set_stable_swap,
}
