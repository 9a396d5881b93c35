"""
Prices that move before the route or amid it, and pools that lie about what they give.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from keeper.plan import Funding, Guard, Route
from tests.executor_routes import BACK, THERE, gainful, under
from tests.executor_world import ONE, PLENTY, World, call, cycle, hop, number, plan, undone


@pytest.fixture
def world(made: World) -> Iterator[World]:
    """With an executor that could pay for a loss."""
    with undone(made) as world:
        world.weth.mint(world.executor, 10 * ONE)
        with world.unharmed():
            yield world


@pytest.mark.parametrize("moved", [1, 5, 50, 500])
@pytest.mark.parametrize("dex", ["uniswap_v3", "curve"])
def test_price__moved_before_us_by_basis_points__is_seen_by_the_guard_or_the_minimum(
    world: World, dex: str, moved: int
) -> None:
    route = replace(gainful(world, ("sushi_v3", dex)), min_profit=ONE // 5)
    world.execute(under(world, Funding.MORPHO, route))
    world.pool(dex, world.dai, world.weth, (BACK[0] * (10_000 - moved), BACK[1] * 10_000))

    with world.reverts("profit: below minimum"):
        world.execute(under(world, Funding.MORPHO, route))
    if dex == "uniswap_v3":
        price = world.chain.at("mocks/UniswapV3PoolMock", route.hops[1].pool).slot0()[0]
        with world.reverts("derivation: state out of bounds"):
            world.execute(under(world, Funding.MORPHO, replace(route, second_guard=Guard(price + 2**40, 2**160 - 1))))


@pytest.mark.parametrize(
    ("dexes", "funding"),
    [
        (("uniswap_v3", "pancake_v3"), Funding.NONE),
        (("uniswap_v3", "pancake_v3"), Funding.BALANCER_V2),
        (("uniswap_v3", "pancake_v3"), Funding.MORPHO),
        (("sushi_v3", "uniswap_v3", "pancake_v3"), Funding.NONE),
        (("sushi_v3", "uniswap_v3", "pancake_v3"), Funding.MORPHO),
    ],
)
def test_pool__moved_by_a_token_between_guard_and_swap__does_not_pass_the_minimum(
    world: World, dexes: tuple[str, ...], funding: Funding
) -> None:
    """The token's hook makes the last pool worse when the guards have held."""
    token = world.token("HookTokenMock")
    tokens = (world.weth, token, world.dai)[: len(dexes)]
    rates = (THERE, BACK) if len(dexes) == 2 else (THERE, (1, 1), BACK)
    for dex, token_in, token_out, rate in zip(dexes, tokens, (*tokens[1:], world.weth), rates, strict=True):
        pool = world.pool(dex, token_in, token_out, rate)
    price = pool.slot0()[0]
    guard = Guard(price - 2**33, price + 2**33)
    guards = {"second_guard": guard} if len(dexes) == 2 else {"more_guards": (guard,)}
    program = under(world, funding, Route(cycle(dexes, tokens), Funding.NONE, ONE, ONE // 5, **guards))
    with undone(world) as inner:
        inner.execute(program)
    worse = (599, 1_000) if number(tokens[-1]) < number(world.weth) else (1_000, 599)
    order = pool.token0(), pool.token1()
    token.set_hook(pool, call("initialize(address,address,uint256,uint256,uint256)", *order, *worse, 1))

    with world.reverts("profit: below minimum"):
        world.execute(program)
    assert pool.slot0()[0] == price


@pytest.mark.parametrize("said", [0, ONE, 3 * ONE, PLENTY, 2**127])
def test_pair__says_that_it_gives_what_it_does_not__reverts(world: World, said: int) -> None:
    world.v3("uniswap_v3", world.weth, world.usdc, (2, 1))
    back = hop("camelot_v2", world.usdc, world.weth)
    world.chain.place("mocks/ScriptMock", back.pool).script([], said, 0)

    with world.reverts("profit: below minimum"):
        world.execute(plan(world, (hop("uniswap_v3", world.weth, world.usdc), back)))
