"""
Routes that gain over pools of every kind, and what they gain.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isqrt
from typing import Any

from keeper.plan import DEXES, Funding, Guard, Plan, Route
from keeper.plan.dexes import Family
from tests.executor_world import (
    FOREVER,
    ONE,
    PLENTY,
    World,
    cycle,
    flash_pool,
)

LENDERS = [funding for funding in Funding if funding is not Funding.NONE]
SEVERAL = [Funding.BALANCER_V2, Funding.BALANCER_V3, Funding.UNISWAP_V4]
HELD = [name for name, dex in DEXES.items() if dex.family is Family.HELD]
THERE, BACK = (2, 1), (6, 10)
#: No pool here is in this state.
LOST = Guard(2**40, 2**40)


def can_open(funding: Funding, dexes: Sequence[str]) -> bool:
    """
    Tell whether there is such a route: without a lender its first pool sends first, and a V2 Vault that lends is shut.
    """
    if funding is Funding.NONE:
        return dexes[0] not in HELD
    return funding is not Funding.BALANCER_V2 or "balancer_v2" not in dexes


def given(dex: str, amount: int, rate: tuple[int, int]) -> int:
    """
    Return what a pool placed with this rate gives for an amount.
    """
    out = PLENTY * rate[0] // rate[1]
    if dex == "camelot_v2":
        kept = amount - amount * 300 // 100_000
        return kept * out // (PLENTY + kept)
    if DEXES[dex].is_v2:
        return amount * 997 * out // (PLENTY * 1_000 + amount * 997)
    return amount * rate[0] // rate[1]


def gainful(world: World, dexes: Sequence[str], start: Any = None, middle: Any = None, **how: bool) -> Route:
    """
    Place two pools and return a route through them that gains a fifth, more or less.
    """
    tokens = start or world.weth, middle or world.dai
    world.pool(dexes[0], *tokens, THERE, **how)
    world.pool(dexes[1], *tokens[::-1], BACK, **how)
    return Route(cycle(dexes, tokens, **how), Funding.NONE, ONE, 1)


def under(world: World, funding: Funding, *routes: Route) -> Plan:
    """
    Return a plan of these routes, all under one lender.
    """
    pool = flash_pool(world.bank) if funding is Funding.UNISWAP_V3 else None
    lent = [replace(route, funding=funding, flash_pool=pool) for route in routes]
    return Plan(tuple(lent), FOREVER, world.profit_tokens)


def state_of(world: World, single: Any) -> int:
    """
    Return what a guard of the hop compares.
    """
    if single.dex == "camelot_v3":
        return int(world.chain.at("mocks/UniswapV3PoolMock", single.pool).globalState()[0])
    if DEXES[single.dex].is_v3:
        return int(world.chain.at("mocks/UniswapV3PoolMock", single.pool).slot0()[0])
    if DEXES[single.dex].is_v2:
        return int(world.chain.at("mocks/UniswapV2PairMock", single.pool).getReserves()[0])
    if single.dex == "uniswap_v4":
        numerator, denominator = BACK if single.zero_for_one else BACK[::-1]
        return isqrt((numerator << 96) // denominator) << 48
    return PLENTY
