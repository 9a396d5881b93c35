"""
What a transaction costs: L2 gas at the base fee and tip, and the L1 data fee that Arbitrum adds.

The L1 part follows ArbOS: the compressed size of the signed bytes times a price per unit, paid as extra gas
(nitro ``arbos/l1pricing``). It is not multiplied by the tip.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import brotli

#: Calldata units per compressed byte, and the window that ArbOS compresses with.
UNITS_PER_BYTE = 16
_WINDOW = 22

#: Gas of the pieces of a route, measured on the localnet; they rank and screen, the simulation decides.
_BASE_GAS = 45_000
_HOP_GAS = {"uniswap_v2": 62_000, "uniswap_v3": 85_000}
#: Of families that the executor has no hops for: a replay ranks them, too.
_OTHER_HOP_GAS = 150_000
_LENDER_GAS = {
    "none": 0,
    "balancer_v2": 36_000,
    "uniswap_v4": 45_000,
    "morpho": 60_000,
    "balancer_v3": 70_000,
    "aave_v3": 125_000,
}


@dataclass(frozen=True, slots=True)
class GasPrices:
    """
    What gas costs as of a block.

    Attributes:
        tip_wei: Counted only where the chain collects tips.
        l1_wei_per_unit: ``ArbGasInfo.getL1BaseFeeEstimate``.
        brotli_level: ``ArbOwnerPublic.getBrotliCompressionLevel``.
    """

    base_fee_wei: int
    tip_wei: int
    l1_wei_per_unit: int
    brotli_level: int

    @property
    def gas_price_wei(self) -> int:
        return self.base_fee_wei + self.tip_wei


def l1_fee_wei(signed: bytes, prices: GasPrices) -> int:
    """
    Return what ArbOS charges for posting these signed bytes to L1.
    """
    compressed = brotli.compress(signed, quality=prices.brotli_level, lgwin=_WINDOW)
    return UNITS_PER_BYTE * len(compressed) * prices.l1_wei_per_unit


def l1_gas(fee_wei: int, prices: GasPrices) -> int:
    """
    Return the gas by which the L1 data fee is paid, which the gas limit must leave room for.
    """
    return fee_wei // max(prices.gas_price_wei, 1)


def route_gas(families: Sequence[str], lender: str) -> int:
    """
    Return roughly how much L2 gas a route over pools of these families takes.
    """
    return _BASE_GAS + _LENDER_GAS[lender] + sum(_HOP_GAS.get(family, _OTHER_HOP_GAS) for family in families)
