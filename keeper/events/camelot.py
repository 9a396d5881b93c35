"""
Logs of Camelot's pairs and pools, beyond those that they have from Uniswap V2 and V3.
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


@dataclass(frozen=True, slots=True)
class CamelotV3Fee:
    """What a Camelot V3 pool charges from here on for token0 that comes in, and for token1, in millionths."""

    pool: Address
    fee_zto: int
    fee_otz: int


Event: TypeAlias = CamelotFeePercentUpdated | CamelotSetStableSwap | CamelotV3Fee


def _fee_percent_updated(log: Log) -> CamelotFeePercentUpdated:
    token0, token1 = words(log, 1, 2)
    return CamelotFeePercentUpdated(log["address"].lower(), fits(uint(token0), 16), fits(uint(token1), 16))


def _set_stable_swap(log: Log) -> CamelotSetStableSwap:
    _before, after = words(log, 1, 2)
    return CamelotSetStableSwap(log["address"].lower(), bool(fits(uint(after), 1)))


def _v3_fee(log: Log) -> CamelotV3Fee:
    fee_zto, fee_otz = words(log, 1, 2)
    return CamelotV3Fee(log["address"].lower(), fits(uint(fee_zto), 16), fits(uint(fee_otz), 16))


#: Decoders by the hash of the signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    Hash("0xa4877b8ecb5a00ba277e4bceeeb187a669e7113649774dfbea05c259ce27f17b"): _fee_percent_updated,
    Hash("0xb6a86710bde53aa7fb1b3856279e2af5b476d53e2dd0902cf17a0911b5a43a8b"): _set_stable_swap,
    Hash("0x8a89de70856bccec096661388f305b9a75f5f65cb0d8a0e1e803c39dabedb57f"): _v3_fee,
}
