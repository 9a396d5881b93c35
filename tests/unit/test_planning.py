"""
Each family's pools have their hop in the executor's program.
"""

import pytest

from keeper.errors import PlanError
from keeper.gas import Outlay
from keeper.lenders import Offer
from keeper.opportunity import Opportunity
from keeper.plan import (
    BalancerV2Detail,
    BalancerV3Detail,
    CurveDetail,
    Funding,
    Guard,
    Plan,
    Program,
    Route,
    UniswapV4Detail,
    decode,
    encode,
    pool_address,
)
from keeper.planning import hop, plan_route
from keeper.pools import FAMILIES
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.routes.graph import Edge
from keeper.routes.sizing import Sized
from keeper.types import Address, Hash

WETH, USDC, DAI = sorted(Address("0x" + f"{n:02x}" * 20) for n in (1, 2, 3))
POOL = Address("0x" + "a1" * 20)
POOL_ID = Hash("0x" + "a1" * 20 + "00" * 11 + "07")

DETAILS = {
    "uniswap_v2": ("sushi_v2", None),
    "uniswap_v3": ("sushi_v3", None),
    "uniswap_v4": ("uniswap_v4", UniswapV4Detail(10)),
    "camelot_v2": ("camelot_v2", None),
    "camelot_v3": ("camelot_v3", None),
    "curve_stableswap": ("curve", CurveDetail(2, 0)),
    "curve_stableswap_ng": ("curve", CurveDetail(2, 0)),
    "curve_cryptoswap": ("curve", CurveDetail(2, 0, unsigned=True)),
    "balancer_weighted": ("balancer_v2", BalancerV2Detail(int(POOL_ID, 16))),
    "balancer_stable": ("balancer_v2", BalancerV2Detail(int(POOL_ID, 16))),
    "balancer_v3_weighted": ("balancer_v3", BalancerV3Detail(2)),
    "balancer_v3_stable": ("balancer_v3", BalancerV3Detail(2)),
}


def info(family: str) -> PoolInfo:
    dexes = {"uniswap_v2": "sushi_v2", "uniswap_v3": "sushi_v3", "camelot_v2": "camelot_v2", "camelot_v3": "camelot_v3"}
    return PoolInfo(family, dexes.get(family, family), POOL, (WETH, USDC, DAI), 500, 10, POOL_ID)


def test_details__of_every_family() -> None:
    assert set(DETAILS) == set(FAMILIES)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_hop__of_any_family__is_what_the_executor_knows(family: str) -> None:
    planned = hop(info(family), Edge(POOL, DAI, WETH))

    assert (planned.dex, planned.detail) == DETAILS[family]
    assert (planned.pool, planned.token_in, planned.token_out) == (POOL, DAI, WETH)
    assert not planned.zero_for_one


def test_hop__family_without_a_hop__is_refused() -> None:
    with pytest.raises(PlanError, match="no hop for pools of gyro"):
        hop(info("gyro"), Edge(POOL, DAI, WETH))


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"uniswap_v2", "uniswap_v3", "camelot_v2", "camelot_v3"}))
def test_encode__planned_hop__decodes_to_itself(family: str) -> None:
    back = hop(
        PoolInfo("uniswap_v2", "sushi_v2", pool_address("sushi_v2", WETH, DAI, 0), (WETH, DAI), 3_000),
        Edge(pool_address("sushi_v2", WETH, DAI, 0), DAI, WETH),
    )
    there = hop(info(family), Edge(POOL, WETH, DAI))
    route = Route((there, back), Funding.MORPHO, 10**18, 5)

    program = decode(encode(Plan((route,), 1, (WETH,))), (WETH,))

    assert isinstance(program, Program)
    decoded = program.groups[0].routes[0].hops
    assert decoded[1] == back
    assert (decoded[0].dex, decoded[0].detail, decoded[0].token_out) == (there.dex, there.detail, DAI)


def test_plan_route__first_pool_is_a_pair__is_guarded_on_the_side_that_hurts() -> None:
    address = pool_address("sushi_v2", WETH, DAI, 0)
    pair = UniswapV2Pool(PoolInfo("uniswap_v2", "sushi_v2", address, (WETH, DAI), 3_000), 10**20, 10**20)
    edges = Edge(address, WETH, DAI), Edge(POOL, DAI, WETH)
    opportunity = Opportunity(Sized(edges, (10**18, 10**18, 2 * 10**18)), (Offer("none"),), 1, 1, Outlay(1, 0, 0), 0.02)

    route = plan_route(opportunity, pair, {address: pair.info, POOL: info("curve_stableswap")}, "morpho", 77)

    assert route.min_profit == 77
    assert route.guard == Guard(0, int(10**20 * 1.010050167084168))
    assert [planned.dex for planned in route.hops] == ["sushi_v2", "curve"]
