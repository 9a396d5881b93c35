"""
From an opportunity to the route that the executor runs.
"""

from collections.abc import Mapping
from math import exp

from keeper.errors import PlanError
from keeper.math.tick_math import MAX_SQRT_RATIO
from keeper.opportunity import Opportunity
from keeper.plan import (
    BalancerV2Detail,
    BalancerV3Detail,
    CurveDetail,
    Funding,
    Guard,
    Hop,
    Route,
    UniswapV4Detail,
)
from keeper.plan.model import Detail
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.routes.graph import Edge
from keeper.types import Address


def plan_route(
    opportunity: Opportunity, first: Pool, infos: Mapping[Address, PoolInfo], funding: str, min_gain: int
) -> Route:
    """
    Return the route as the executor's program has it.

    Args:
        first: The pool of the first hop as of the head: its state is what the guard is set around.
        min_gain: Below it the executor reverts.

    Raises:
        PlanError: The executor has no hop for one of the pools.
    """
    hops = tuple(hop(infos[edge.pool], edge) for edge in opportunity.route.edges)
    guard = _guard(first, hops[0].zero_for_one, opportunity.log_rate)
    return Route(hops, Funding(funding), opportunity.route.amounts[0], min_gain, guard)


def hop(info: PoolInfo, edge: Edge) -> Hop:
    """
    Return the swap as the executor's program has it.

    Raises:
        PlanError: The executor has no hop for pools of this family.
    """
    dex, detail = _hop_kind(info, edge)
    return Hop(
        dex=dex,
        pool=edge.pool,
        token_in=edge.token_in,
        token_out=edge.token_out,
        fee_pips=info.fee_pips,
        zero_for_one=edge.token_in < edge.token_out,
        detail=detail,
    )


def _hop_kind(info: PoolInfo, edge: Edge) -> tuple[str, Detail | None]:
    i, j = info.tokens.index(edge.token_in), info.tokens.index(edge.token_out)
    match info.family:
        case "uniswap_v2" | "uniswap_v3" | "camelot_v2" | "camelot_v3":
            return info.dex, None
        case "uniswap_v4":
            return "uniswap_v4", UniswapV4Detail(info.tick_spacing)
        case "curve_stableswap" | "curve_stableswap_ng":
            return "curve", CurveDetail(i, j)
        case "curve_cryptoswap":
            return "curve", CurveDetail(i, j, unsigned=True)
        case "balancer_weighted" | "balancer_stable":
            return "balancer_v2", BalancerV2Detail(int(info.pool_id, 16))
        case "balancer_v3_weighted" | "balancer_v3_stable":
            return "balancer_v3", BalancerV3Detail(i)
    raise PlanError(f"plan: the executor has no hop for pools of {info.family}")


def _guard(first: Pool, zero_for_one: bool, log_rate: float) -> Guard | None:
    """
    Bounds beyond which the first pool alone would have used up the whole edge: there the race is lost.

    Only the side that moves against the route is bound. A price moves with the square of what is guarded: hence half.
    """
    room = exp(log_rate / 2)
    match first:
        case UniswapV3Pool():
            if zero_for_one:
                return Guard(int(first.sqrt_price_x96 / room), MAX_SQRT_RATIO)
            return Guard(0, min(int(first.sqrt_price_x96 * room), MAX_SQRT_RATIO))
        case UniswapV2Pool():
            if zero_for_one:
                return Guard(0, int(first.reserve0 * room))
            return Guard(int(first.reserve0 / room), (1 << 112) - 1)
        case _:
            return None
