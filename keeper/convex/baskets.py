"""
Pools whose tokens share one invariant, as rows of floats.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from keeper.convex.kernels.tables import Baskets
from keeper.math.fixed_point import ONE
from keeper.math.stable_math import AMP_PRECISION
from keeper.math.stableswap import A_PRECISION, FEE_DENOMINATOR
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_v3_stable import BalancerV3StablePool
from keeper.pools.balancer_v3_weighted import BalancerV3WeightedPool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.curve_stableswap_ng import CurveStableSwapNGPool
from keeper.pools.pool import Pool
from keeper.routes.kernels.tables import Array

_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class _Form:
    """
    Attributes:
        bend: n times the amplification, 0 of a weighted pool.
        units: What makes a balance one of 18 decimals and of the common unit.
        keep: The part of inputs that the fee leaves.
    """

    bend: float
    balances: Sequence[int]
    units: Sequence[float]
    weights: Sequence[float]
    keep: float


def _form(pool: Pool) -> _Form | None:
    """The form of a pool, None of a family that has none."""
    n = len(pool.tokens)
    match pool:
        case BalancerWeightedPool():
            return _Form(0.0, pool.balances, [1.0] * n, _ones(pool.weights), keep=1 - pool.swap_fee / ONE)
        case BalancerV3WeightedPool():
            vault = pool.vault
            return _Form(0.0, vault.balances, [1.0] * n, _ones(pool.weights), keep=1 - vault.swap_fee / ONE)
        case BalancerStablePool():
            bend, units = pool.amp * n / AMP_PRECISION, _ones(pool.scaling_factors)
            return _Form(bend, pool.balances, units, [0.0] * n, keep=1 - pool.swap_fee / ONE)
        case BalancerV3StablePool():
            vault, units = pool.vault, [pool.vault.unit(k) for k in range(n)]
            bend = pool.amp * n / AMP_PRECISION
            return _Form(bend, vault.balances, units, [0.0] * n, keep=1 - vault.swap_fee / ONE)
        case CurveStableSwapPool() | CurveStableSwapNGPool():
            # Curve takes the fee from what goes out, which stays for the next swap, so that a swap in parts pays a
            # little more than at once. Taken from what comes in, the fee allows more than any parts do. An NG pool's
            # fee is never lower than this one.
            bend, units = pool.a * n / A_PRECISION, _ones(pool.rates)
            return _Form(bend, pool.balances, units, [0.0] * n, keep=1 - pool.fee / FEE_DENOMINATOR)
    return None


def collect(pools: Iterable[tuple[Pool, Sequence[int]]], unit: Array) -> tuple[list[Pool], Baskets]:
    """
    Return those pools that have such a form and that can trade, and their rows.

    Args:
        pools: With the numbers of their tokens.
        unit: What the smallest unit of each token is worth at the reference prices.
    """
    kept: list[Pool] = []
    first, pair, bends = [0], [0], []
    places: list[tuple[float, ...]] = []
    for pool, numbers in pools:
        form = _form(pool)
        if form is None or not all(form.balances) or not np.isfinite(unit[list(numbers)]).all():
            continue
        n = len(numbers)
        kept.append(pool)
        first.append(first[-1] + n)
        pair.append(pair[-1] + n * (n - 1) // 2)
        bends.append(form.bend)
        places += _places(form, numbers, unit[list(numbers)].tolist())
    columns = np.array(places, dtype=np.float64).reshape(-1, 5).T
    token, held, worth, weight, keep = np.ascontiguousarray(columns)
    return kept, Baskets(
        np.array(first), np.array(pair), np.array(bends), token.astype(np.int64), held, worth, weight, keep
    )


def pairs(baskets: Baskets) -> tuple[Array, Array]:
    """
    Return the tokens of every pair of places of each pool.
    """
    one: list[int] = []
    other: list[int] = []
    for start, end in zip(baskets.first[:-1].tolist(), baskets.first[1:].tolist(), strict=True):
        tokens = baskets.token[start:end].tolist()
        for k, token in enumerate(tokens):
            one += [token] * (len(tokens) - k - 1)
            other += tokens[k + 1 :]
    return np.array(one, np.int64), np.array(other, np.int64)


def _places(form: _Form, numbers: Sequence[int], unit: Sequence[float]) -> list[tuple[float, ...]]:
    if form.bend == 0.0:
        held = [float(balance) * worth for balance, worth in zip(form.balances, unit, strict=True)]
        worths = [1.0] * len(held)
    else:
        scaled = [balance * by for balance, by in zip(form.balances, form.units, strict=True)]
        invariant = _invariant(scaled, form.bend)
        held = [balance / invariant for balance in scaled]
        worths = [worth * invariant / by for worth, by in zip(unit, form.units, strict=True)]
    return [
        (number, amount, worth, weight, form.keep)
        for number, amount, worth, weight in zip(numbers, held, worths, form.weights, strict=True)
    ]


def _invariant(balances: Sequence[float], bend: float) -> float:
    """D of ``bend * sum(x) + D = bend * D + D**(n + 1) / (n**n * prod(x))``, by Newton's method from above."""
    n, total = len(balances), sum(balances)
    invariant = total
    for _ in range(_ROUNDS):
        product = invariant * prod(invariant / (n * balance) for balance in balances)
        after = (bend * total + n * product) * invariant / ((bend - 1) * invariant + (n + 1) * product)
        if not after < invariant:
            break
        invariant = after
    return invariant


def _ones(values: Sequence[int]) -> list[float]:
    return [value / ONE for value in values]
