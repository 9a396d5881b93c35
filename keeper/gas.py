"""
What a transaction costs: L2 gas at the base fee and tip, and the L1 data fee that Arbitrum adds.

The L1 part follows ArbOS: the compressed size of the signed bytes times a price per unit, paid as extra gas
(nitro ``arbos/l1pricing``). It is not multiplied by the tip.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import brotli

from keeper.types import Address, value

#: Calldata units per compressed byte, and the window that ArbOS compresses with.
UNITS_PER_BYTE = 16
_WINDOW = 22

#: What the sequencer lets a transaction take, and a block (its ``MaxTxGasLimit``).
MOST_GAS = 32_000_000

#: What no transaction takes less than.
LEAST_GAS = 21_000

#: Gas of the pieces of a transaction, fitted to ``benchmarks/gas_snapshot.json``, which a test compares them with; they
#: rank and screen, the simulation decides. What every transaction pays once; what the general program takes more.
_TRANSACTION_GAS, _GENERAL_GAS = 46_000, 4_900
#: A hop through a pool, the first time in a transaction, and through one whose accounts and slots are warm by then.
_HOP_GAS = {
    "uniswap_v2": 73_000,
    "uniswap_v3": 76_000,
    "camelot_v2": 90_000,
    "camelot_v3": 95_000,
    "uniswap_v4": 84_000,
    "curve_stableswap": 90_000,
    "curve_stableswap_ng": 110_000,
    "curve_cryptoswap": 150_000,
    "balancer_weighted": 80_000,
    "balancer_stable": 100_000,
    "balancer_v3_weighted": 145_000,
    "balancer_v3_stable": 150_000,
}
_WARM_HOP_GAS = 28_000
#: A route's hops beyond the second bring a token that nothing else has touched.
_FURTHER_HOP_GAS = 28_000
#: Of families that the executor has no hops for: a replay ranks them, too.
_OTHER_HOP_GAS = 150_000
_LENDER_GAS = {
    "none": 0,
    "uniswap_v4": 31_000,
    "balancer_v3": 31_000,
    "morpho": 34_000,
    "balancer_v2": 37_000,
    "uniswap_v3": 65_000,
    "aave_v3": 112_000,
}

#: Compressed bytes of a signed transaction with a short program of two hops, and what others have more.
_SHORT_BYTES, _GENERAL_BYTES, _HOP_BYTES = 240, 30, 25

#: What the short entry points take.
_SHORT_FAMILIES = frozenset({"uniswap_v2", "uniswap_v3", "camelot_v2", "camelot_v3"})
_SHORT_HOPS = 3
#: Which V3 pool is to lend does not fit them.
_NOT_SHORT_LENDER = "uniswap_v3"


@dataclass(frozen=True, slots=True)
class GasPrices:
    """
    What gas costs as of a block.

    Attributes:
        tip_wei: What is bid for a unit of gas whatever is at stake; counted only where the chain collects tips.
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


#: Between two looks state may move a little, and so may the price of L1 data and the base fee that its gas is
#: reckoned by; what is not used is not paid.
_L2_MARGIN, _L1_MARGIN = (5, 4), (13, 10)

#: How many times the base fee may grow before a signed transaction is stranded.
_BASE_FEE_ROOM = 2


def gas_limit(gas: int, l1_wei: int, prices: GasPrices) -> int:
    """
    Return the limit of a transaction that takes so much L2 gas and so much L1 data, never more than one may have.
    """
    l2 = gas * _L2_MARGIN[0] // _L2_MARGIN[1]
    l1 = l1_gas(l1_wei, prices) * _L1_MARGIN[0] // _L1_MARGIN[1]
    return min(l2 + l1, MOST_GAS)


def max_fee_wei(prices: GasPrices, tip_wei: int, max_base_fee_wei: int) -> int:
    """
    Return the most that a unit of gas may cost: the base fee has room up to the operator's cap, and the bid is whole.
    """
    return min(prices.base_fee_wei * _BASE_FEE_ROOM, max_base_fee_wei) + tip_wei


@value
class Outlay:
    """
    What a transaction costs, by what is paid for.

    Attributes:
        l2_wei: Its gas at the base fee.
        l1_wei: Posting its bytes.
        bid_wei: What its gas pays beyond the base fee for its place in the block.
    """

    l2_wei: int
    l1_wei: int
    bid_wei: int

    @classmethod
    def of(cls, gas: int, l1_wei: int, prices: GasPrices, tip_wei: int | None = None) -> Self:
        """
        Return what so much L2 gas and L1 data cost, with the least tip if no other is given.
        """
        return cls(gas * prices.base_fee_wei, l1_wei, gas * (prices.tip_wei if tip_wei is None else tip_wei))

    @property
    def total_wei(self) -> int:
        return self.l2_wei + self.l1_wei + self.bid_wei


@value
class RouteShape:
    """
    What of a route decides about its gas.

    Attributes:
        pools: Address and family of each hop's pool.
        lender: Who lends, or ``none``.
        loan: Routes that follow each other with the same one share a loan.
    """

    pools: tuple[tuple[Address, str], ...]
    lender: str
    loan: object = None


def program_gas(routes: Sequence[RouteShape]) -> int:
    """
    Return roughly how much L2 gas a transaction takes that runs these routes.
    """
    gas, shared = _TRANSACTION_GAS + (0 if _fits_short(routes) else _GENERAL_GAS), None
    warm: set[Address] = set()
    for route in routes:
        if shared != (loan := (route.lender, route.loan)):
            gas, shared = gas + _LENDER_GAS[route.lender], loan
        gas += _hops_gas(route.pools, warm)
    return gas


def _hops_gas(pools: Sequence[tuple[Address, str]], warm: set[Address]) -> int:
    """What a route's hops take after those through pools that are *warm*, to which its own are added."""
    gas = cold = 0
    for pool, family in pools:
        if pool in warm:
            gas += _WARM_HOP_GAS
        else:
            gas += _HOP_GAS.get(family, _OTHER_HOP_GAS)
            cold += 1
    warm.update([pool for pool, _ in pools])
    return gas + max(cold - 2, 0) * _FURTHER_HOP_GAS


def single_costs(pools: Sequence[tuple[Address, str]]) -> Callable[[str], tuple[int, int]]:
    """
    Return what tells for each lender how much L2 gas, and how many calldata units, a transaction takes that runs one
    route through these pools: as ``program_gas`` and ``l1_units`` do.
    """
    hops_gas, is_short = _hops_gas(pools, set()), _is_short(pools)

    def costs(lender: str) -> tuple[int, int]:
        is_general = not is_short or lender == _NOT_SHORT_LENDER
        return _TRANSACTION_GAS + is_general * _GENERAL_GAS + _LENDER_GAS[lender] + hops_gas, _units(
            is_general, len(pools)
        )

    return costs


def base_gas(lender: str) -> int:
    """
    Return what a transaction of one route takes besides its hops, at least.
    """
    return _TRANSACTION_GAS + _LENDER_GAS[lender]


def hop_gas(family: str) -> int:
    """
    Return what a hop through a pool of the family takes where nothing is warm, at least.
    """
    return _HOP_GAS.get(family, _OTHER_HOP_GAS)


def l1_units(routes: Sequence[RouteShape]) -> int:
    """
    Return roughly how many calldata units the signed bytes are that run these routes, while there are none.
    """
    return _units(not _fits_short(routes), sum(len(route.pools) for route in routes))


def _units(is_general: bool, hops: int) -> int:
    return UNITS_PER_BYTE * (_SHORT_BYTES + is_general * _GENERAL_BYTES + (hops - 2) * _HOP_BYTES)


#: What the bytes of a transaction are at least, as units.
LEAST_L1_UNITS = UNITS_PER_BYTE * _SHORT_BYTES

#: What one more route in a transaction takes at least: two hops through pools that are warm.
MORE_GAS = 2 * _WARM_HOP_GAS


def _fits_short(routes: Sequence[RouteShape]) -> bool:
    return len(routes) == 1 and routes[0].lender != _NOT_SHORT_LENDER and _is_short(routes[0].pools)


def _is_short(pools: Sequence[tuple[Address, str]]) -> bool:
    return len(pools) <= _SHORT_HOPS and all(family in _SHORT_FAMILIES for _, family in pools)
