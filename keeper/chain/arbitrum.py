"""
What only Arbitrum tells: the price of L1 data, how bytes are compressed, and by what the sequencer orders transactions.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keeper.abi import answer, call
from keeper.chain.answers import octets, quantity
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts
from keeper.errors import ChainError
from keeper.types import ZERO_ADDRESS, Address

#: What ``ArbSys.arbOSVersion`` adds to the version.
_VERSION_OFFSET = 55

#: An express lane that nobody bought for so many rounds, of a minute each, is not one: single rounds often go unsold.
_UNSOLD_ROUNDS = 10

#: What a transfer of ether takes, where nothing is charged for its bytes.
_TRANSFER_GAS = 21_000

#: An account without code, for a transfer to itself that is only estimated.
_NOBODY = "0x000000000000000000000000000000000000dead"


class Ordering(StrEnum):
    """
    By what the sequencer orders transactions.
    """

    ARRIVAL = "first come, first served"
    TIMEBOOST = "Timeboost"  # first come, first served, behind whoever bought the express lane
    PRIORITY_GAS = "priority gas auction"  # by the tip, which is collected


@dataclass(frozen=True, slots=True)
class ArbosParameters:
    """
    Parameters of ArbOS as of the latest block.

    Attributes:
        l1_wei_per_unit: Price of one unit of posted calldata.
        brotli_level: Quality that posted bytes are compressed with.
        ordering: By what transactions are ordered; a tip is charged in a priority gas auction alone.
        version: Of ArbOS.
        min_base_fee_wei: The base fee's floor.
        estimates_l1: Whether the node's gas estimates have the part in them that pays for L1 data.
    """

    l1_wei_per_unit: int
    brotli_level: int
    ordering: Ordering
    version: int
    min_base_fee_wei: int
    estimates_l1: bool

    @property
    def collects_tips(self) -> bool:
        return self.ordering is Ordering.PRIORITY_GAS


async def read_arbos(rpc: Rpc, facts: ChainFacts) -> ArbosParameters:
    """
    Ask the precompiles, each directly: they are the node's own code, which another contract cannot always call.

    Raises:
        ChainError: They do not answer; this is not Arbitrum, or a fork without stand-ins for them.
    """
    info, owner, system = facts.arb_gas_info, facts.arb_owner_public, facts.arb_sys
    l1_wei_per_unit, min_base_fee_wei, brotli_level, collects_tips, version, lane, estimates_l1 = await asyncio.gather(
        _ask(rpc, info, "getL1BaseFeeEstimate()", "uint256", "ArbGasInfo"),
        _ask(rpc, info, "getMinimumGasPrice()", "uint256", "ArbGasInfo"),
        _ask(rpc, owner, "getBrotliCompressionLevel()", "uint64", "ArbOwnerPublic"),
        _ask(rpc, owner, "getCollectTips()", "bool", "ArbOwnerPublic"),
        _ask(rpc, system, "arbOSVersion()", "uint256", "ArbSys"),
        _express_lane_is_sold(rpc, Address(facts.express_lane_auction)),
        _estimates_l1(rpc),
    )
    if not 0 <= brotli_level <= 11:
        raise ChainError(f"ArbOwnerPublic: brotli level {brotli_level} does not exist")
    ordering = Ordering.PRIORITY_GAS if collects_tips else Ordering.TIMEBOOST if lane else Ordering.ARRIVAL
    return ArbosParameters(
        l1_wei_per_unit, brotli_level, ordering, version - _VERSION_OFFSET, min_base_fee_wei, estimates_l1
    )


async def _express_lane_is_sold(rpc: Rpc, auction: Address) -> bool:
    """
    Whether somebody controls the express lane (``ExpressLaneAuction.resolvedRounds``), or did a few rounds ago.
    """
    if await rpc("eth_getCode", auction, "latest") in (None, "0x"):
        return False
    current, (controller, resolved, *_) = await asyncio.gather(
        _ask(rpc, auction, "currentRound()", "uint64", "ExpressLaneAuction"),
        _ask(rpc, auction, "resolvedRounds()", "address,uint64,address,uint64", "ExpressLaneAuction"),
    )
    return bool(controller != ZERO_ADDRESS and resolved + _UNSOLD_ROUNDS >= current)


async def _estimates_l1(rpc: Rpc) -> bool:
    """
    Whether an estimate has more in it than execution: a Nitro node's pays for posting the bytes, anvil's does not.
    """
    estimate = await rpc("eth_estimateGas", {"from": _NOBODY, "to": _NOBODY}, "latest")
    return quantity(estimate, "estimate of gas") > _TRANSFER_GAS


async def _ask(rpc: Rpc, target: str, signature: str, kinds: str, whose: str) -> Any:
    asked = call(Address(target), signature)
    result = await rpc("eth_call", {"to": asked.target, "data": "0x" + asked.data.hex()}, "latest")
    what = f"{whose}.{signature}"
    return answer(kinds, octets(result, what), what)
