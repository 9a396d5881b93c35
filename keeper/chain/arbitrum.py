"""
What only Arbitrum tells: the price of L1 data, how bytes are compressed, whether tips are collected.
"""

import asyncio
from dataclasses import dataclass

from keeper.abi import answer, call
from keeper.chain.answers import octets
from keeper.chain.rpc import Rpc
from keeper.errors import ChainError
from keeper.types import Address, Call


@dataclass(frozen=True, slots=True)
class ArbosParameters:
    """
    Parameters of ArbOS as of the latest block.

    Attributes:
        l1_wei_per_unit: Price of one unit of posted calldata.
        brotli_level: Quality that posted bytes are compressed with.
        collects_tips: Whether a priority fee is charged, and orders transactions.
    """

    l1_wei_per_unit: int
    brotli_level: int
    collects_tips: bool


async def read_arbos(rpc: Rpc, arb_gas_info: Address, arb_owner_public: Address) -> ArbosParameters:
    """
    Ask the precompiles, each directly: they are the node's own code, which another contract cannot always call.

    Raises:
        ChainError: They do not answer; this is not Arbitrum, or a fork without stand-ins for them.
    """
    l1_wei_per_unit, brotli_level, collects_tips = await asyncio.gather(
        _ask(rpc, call(arb_gas_info, "getL1BaseFeeEstimate()"), "uint256", "ArbGasInfo.getL1BaseFeeEstimate"),
        _ask(rpc, call(arb_owner_public, "getBrotliCompressionLevel()"), "uint64", "ArbOwnerPublic.getBrotliLevel"),
        _ask(rpc, call(arb_owner_public, "getCollectTips()"), "bool", "ArbOwnerPublic.getCollectTips"),
    )
    if not 0 <= brotli_level <= 11:
        raise ChainError(f"ArbOwnerPublic: brotli level {brotli_level} does not exist")
    return ArbosParameters(l1_wei_per_unit, brotli_level, bool(collects_tips))


async def _ask(rpc: Rpc, asked: Call, kind: str, what: str) -> int:
    result = await rpc("eth_call", {"to": asked.target, "data": "0x" + asked.data.hex()}, "latest")
    value: int = answer(kind, octets(result, what), what)
    return value
