"""
What pools with a curve in closed form are made of, in floats: weighted ones, and those of the stable invariant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keeper.math.fixed_point import ONE
from keeper.math.stable_math import AMP_PRECISION
from keeper.math.stableswap import A_PRECISION, FEE_DENOMINATOR, PRECISION
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_v3_stable import BalancerV3StablePool
from keeper.pools.balancer_v3_weighted import BalancerV3WeightedPool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.curve_stableswap_ng import CurveStableSwapNGPool
from keeper.pools.pool import Pool


@dataclass(frozen=True, slots=True)
class Weighted:
    """
    Attributes:
        balances: In each token's smallest units.
        keep: The part of the input that the fee leaves.
    """

    balances: Sequence[float]
    weights: Sequence[int]
    keep: float


@dataclass(frozen=True, slots=True)
class Stable:
    """
    Attributes:
        balances: Of one scale, with 18 decimals.
        units: What a token's smallest unit is worth in that scale.
        ann: n times the amplification.
        keep_in, keep_out: The part that the fee leaves of the input and of the output.
    """

    balances: Sequence[float]
    units: Sequence[float]
    ann: float
    keep_in: float
    keep_out: float


def form_of(pool: Pool) -> Weighted | Stable | None:
    """
    Return what the pool's curves are made of; None where they have no such form.
    """
    match pool:
        case BalancerWeightedPool():
            return Weighted([float(balance) for balance in pool.balances], pool.weights, 1 - pool.swap_fee / ONE)
        case BalancerV3WeightedPool():
            return Weighted(
                [float(balance) for balance in pool.vault.balances], pool.weights, 1 - pool.vault.swap_fee / ONE
            )
        case BalancerStablePool():
            units = [factor / ONE for factor in pool.scaling_factors]
            ann = pool.amp * len(units) / AMP_PRECISION
            return Stable(_scaled(pool.balances, units), units, ann, 1 - pool.swap_fee / ONE, 1.0)
        case BalancerV3StablePool():
            units = [pool.vault.unit(k) for k in range(len(pool.tokens))]
            ann = pool.amp * len(units) / AMP_PRECISION
            return Stable(_scaled(pool.vault.balances, units), units, ann, 1 - pool.vault.swap_fee / ONE, 1.0)
        case CurveStableSwapPool():
            return _curve(pool)
        case CurveStableSwapNGPool() if pool.offpeg_fee_multiplier <= FEE_DENOMINATOR:
            return _curve(pool)
        case _:
            return None


def _curve(pool: CurveStableSwapPool | CurveStableSwapNGPool) -> Stable:
    units = [rate / PRECISION for rate in pool.rates]
    ann = pool.a * len(units) / A_PRECISION
    return Stable(_scaled(pool.balances, units), units, ann, 1.0, 1 - pool.fee / FEE_DENOMINATOR)


def _scaled(balances: Sequence[int], units: Sequence[float]) -> list[float]:
    return [balance * unit for balance, unit in zip(balances, units, strict=True)]
