"""
What pools would pay if nothing were rounded, in decimals of forty digits: no contract pays more.

Each curve is increasing and concave, and stays level where the contract would refuse more.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from itertools import pairwise
from math import prod

from keeper.math.stable_math import calculate_invariant
from keeper.math.stableswap import get_D
from keeper.math.tick_math import MAX_TICK, MIN_TICK, get_sqrt_ratio_at_tick
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.pools.uniswap_v4 import UniswapV4Pool
from keeper.routes.graph import Edge
from tests.random_markets import EqualWeights

Curve = Callable[[Decimal], Decimal]

_DIGITS = 40
_ONE, _MILLION = Decimal(10**18), Decimal(10**6)

#: Newton's method on integers ends a few units of 18 decimals beside the root.
_ROOT_ERROR = 5


def real_curve(edge: Edge, pool: Pool) -> Curve:
    """
    Return the curve of one direction of a pool.
    """
    i, j = pool.tokens.index(edge.token_in), pool.tokens.index(edge.token_out)
    match pool:
        case UniswapV2Pool():
            return _constant_product((pool.reserve0, pool.reserve1)[i], (pool.reserve0, pool.reserve1)[j], pool)
        case UniswapV3Pool():
            return _ranges(pool, i == 0, pool.info.fee_pips)
        case UniswapV4Pool():
            protocol = pool.protocol_fee & 0xFFF if i == 0 else pool.protocol_fee >> 12
            return _ranges(pool, i == 0, protocol + pool.info.fee_pips - protocol * pool.info.fee_pips // 10**6)
        case EqualWeights():
            return lambda x: pool.reserves[j] * x / (pool.reserves[i] + x)
        case CurveStableSwapPool():
            return _curve(pool, i, j)
        case BalancerStablePool():
            return _balancer_stable(pool, i, j)
        case BalancerWeightedPool():
            return _balancer_weighted(pool, i, j)
    raise NotImplementedError(type(pool))


def composed(curves: Sequence[Curve]) -> Curve:
    """
    Return what comes out of the last of several curves.
    """

    def out(amount: Decimal) -> Decimal:
        with localcontext(prec=_DIGITS):
            for curve in curves:
                amount = max(curve(amount), Decimal(0))  # of nearly nothing, less by rounding
            return amount

    return out


def _constant_product(reserve_in: int, reserve_out: int, pool: UniswapV2Pool) -> Curve:
    keep = (_MILLION - pool.info.fee_pips) / _MILLION
    return lambda x: reserve_out * x * keep / (reserve_in + x * keep)


def _ranges(pool: UniswapV3Pool | UniswapV4Pool, falling: bool, fee_pips: int) -> Curve:
    """Between two prices, what goes in and out are the differences of the square root and of its inverse."""
    position = pool.ticks.position(pool.tick)
    if falling:
        stops = [*zip(reversed(pool.ticks.indices[:position]), reversed(pool.ticks.net[:position]), strict=True)]
        stops = [(tick, -net) for tick, net in stops] + [(MIN_TICK, 0)]
    else:
        stops = [*zip(pool.ticks.indices[position:], pool.ticks.net[position:], strict=True), (MAX_TICK, 0)]
    keep = (_MILLION - fee_pips) / _MILLION
    prices = [Decimal(pool.sqrt_price_x96), *(Decimal(get_sqrt_ratio_at_tick(tick)) for tick, _ in stops)]
    prices = [price / 2**96 if falling else 2**96 / price for price in prices]
    starts_in, starts_out, liquidities, liquidity = [Decimal(0)], [Decimal(0)], [], pool.liquidity
    for (price, stop), (_, net) in zip(pairwise(prices), stops, strict=True):
        starts_in.append(starts_in[-1] + liquidity * (1 / stop - 1 / price) / keep)
        starts_out.append(starts_out[-1] + liquidity * (price - stop))
        liquidities.append(liquidity)
        liquidity += net

    def out(x: Decimal) -> Decimal:
        k = bisect_right(starts_in, x) - 1
        if k == len(liquidities):
            return starts_out[-1]
        start = prices[k]
        price = 1 / (1 / start + (x - starts_in[k]) * keep / liquidities[k])
        return starts_out[k] + liquidities[k] * (start - price)

    return out


def stretch(edge: Edge, pool: Pool, amount: int) -> tuple[Curve, int, int] | None:
    """
    Return the curve of a pool with ranges between two of its stops, and the inputs at these, the amount between them;
    None of other pools.

    A contract that crosses a stop rounds what it takes for that up, whatever more goes in: here that counts, so that
    this curve is nearer to what it pays than that of the whole pool. Beyond the second stop it goes on as if none came.
    """
    if not isinstance(pool, UniswapV3Pool | UniswapV4Pool):
        return None
    falling = pool.tokens.index(edge.token_in) == 0
    steps = pool._steps_of(falling)
    i = steps._step_of(amount, steps._amounts_in)
    first, paid, liquidity = steps._amounts_in[i - 1], steps._amounts_out[i - 1], steps._liquidities[i - 1]
    price = Decimal(steps._prices[i - 1])
    start = price / 2**96 if falling else 2**96 / price
    keep = (_MILLION - steps._fee_pips) / _MILLION
    return (
        lambda x: paid + liquidity * (start - 1 / (1 / start + (x - first) * keep / liquidity)),
        first,
        steps._amounts_in[i],
    )


def _curve(pool: CurveStableSwapPool, i: int, j: int) -> Curve:
    xp = [balance * rate // 10**18 for balance, rate in zip(pool.balances, pool.rates, strict=True)]
    after = _stable(xp, i, j, Decimal(pool.a * len(xp)) / 100, get_D(xp, pool.a))
    keep = 1 - Decimal(pool.fee) / 10**10
    rate_in, rate_out = pool.rates[i] / _ONE, pool.rates[j] / _ONE
    return lambda x: ((xp[j] - after(xp[i] + x * rate_in) + _ROOT_ERROR) * keep + 1) / rate_out


def _balancer_stable(pool: BalancerStablePool, i: int, j: int) -> Curve:
    xp = [balance * factor // 10**18 for balance, factor in zip(pool.balances, pool.scaling_factors, strict=True)]
    assert not pool.rounds_invariant_up
    after = _stable(xp, i, j, Decimal(pool.amp * len(xp)) / 1_000, calculate_invariant(pool.amp, xp))
    keep, factor_in, factor_out = 1 - pool.swap_fee / _ONE, *(pool.scaling_factors[k] / _ONE for k in (i, j))
    return lambda x: (xp[j] - after(xp[i] + x * keep * factor_in) + _ROOT_ERROR) / factor_out


def _stable(xp: Sequence[int], i: int, j: int, ann: Decimal, invariant: int) -> Curve:
    """The balance of coin j when that of coin i is x: the positive root of y**2 + (b - D) * y = c."""
    n, rest = len(xp), [balance for k, balance in enumerate(xp) if k not in (i, j)]
    D = Decimal(invariant)
    scale = D ** (n + 1) / (ann * n**n * prod(rest))

    def balance(x: Decimal) -> Decimal:
        half = (x + sum(rest) + D / ann - D) / 2
        return (half * half + scale / x).sqrt() - half

    return balance


def _balancer_weighted(pool: BalancerWeightedPool, i: int, j: int) -> Curve:
    keep, exponent = 1 - pool.swap_fee / _ONE, Decimal(pool.weights[i]) / pool.weights[j]
    balance_in, balance_out = Decimal(pool.balances[i]), Decimal(pool.balances[j])
    most = balance_in * 3 / 10
    return lambda x: balance_out * (1 - (balance_in / (balance_in + min(x * keep, most))) ** exponent)
