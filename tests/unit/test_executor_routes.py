"""
What the executor does with a route that is right, and with one that is not.
"""

from itertools import permutations, product

import pytest

from keeper.plan import Funding, Guard
from tests.executor_revm import NOW
from tests.executor_world import ONE, V2_FEE, V3_FEE, World, cycle, lower, plan, pool_address

#: Those that the short entry points know.
DEXES = ("uniswap_v3", "sushi_v3", "pancake_v3", "camelot_v3", "uniswap_v2", "sushi_v2", "camelot_v2")
SHORT = (Funding.NONE, Funding.BALANCER_V2)


@pytest.mark.parametrize("funding", SHORT)
@pytest.mark.parametrize("dexes", list(permutations(DEXES, 2)))
def test_execute__two_hops__sweeps_the_gain(world: World, dexes: tuple[str, str], funding: Funding) -> None:
    world.pool(dexes[0], world.weth, world.usdc, (2, 1))
    world.pool(dexes[1], world.usdc, world.weth, (6, 10))

    world.execute(plan(world, cycle(dexes, (world.weth, world.usdc)), funding))

    assert ONE // 6 < world.gain(world.weth) <= ONE // 5
    assert world.weth.balanceOf(world.executor) == world.usdc.balanceOf(world.executor) == 0


@pytest.mark.parametrize("funding", SHORT)
@pytest.mark.parametrize("dexes", list(product(("uniswap_v3", "sushi_v2", "pancake_v3"), repeat=3)))
def test_execute__three_hops__sweeps_the_gain(world: World, dexes: tuple[str, ...], funding: Funding) -> None:
    tokens = (world.weth, world.usdc, world.dai)
    for dex, token_in, token_out in zip(dexes, tokens, (*tokens[1:], tokens[0]), strict=True):
        world.pool(dex, token_in, token_out, (11, 10))

    world.execute(plan(world, cycle(dexes, tokens), funding))

    assert 0.3 < world.gain(world.weth) / ONE < 0.34
    assert all(token.balanceOf(world.executor) == 0 for token in tokens)


@pytest.mark.parametrize("funding", SHORT)
def test_execute__four_hops__sweeps_the_gain(world: World, funding: Funding) -> None:
    tokens = (world.weth, world.usdc, world.dai, world.token())
    dexes = ("sushi_v2", "uniswap_v3", "uniswap_v2", "sushi_v3")
    for dex, token_in, token_out in zip(dexes, tokens, (*tokens[1:], tokens[0]), strict=True):
        world.pool(dex, token_in, token_out, (11, 10))

    world.execute(plan(world, cycle(dexes, tokens), funding))

    assert world.gain(world.weth) > ONE // 3


def test_execute__executor_holds_tokens__keeps_them(world: World) -> None:
    hops = _profitable(world)
    for token in (world.weth, world.usdc):
        token.mint(world.executor, 7 * ONE)

    world.execute(plan(world, hops))

    assert world.gain(world.weth) == ONE // 5
    assert world.weth.balanceOf(world.executor) == world.usdc.balanceOf(world.executor) == 7 * ONE


def test_execute__held_tokens__do_not_hide_a_loss(world: World) -> None:
    world.weth.mint(world.executor, 7 * ONE)
    hops = _route(world, (4, 10))

    with world.reverts("profit: below minimum"):
        world.execute(plan(world, hops, Funding.BALANCER_V2, min_profit=0))


def test_execute__gain_equals_the_minimum__succeeds(world: World) -> None:
    world.execute(plan(world, _profitable(world), min_profit=ONE // 5))

    assert world.gain(world.weth) == ONE // 5


def test_execute__gain_one_short_of_the_minimum__reverts(world: World) -> None:
    hops = _profitable(world)

    with world.reverts("profit: below minimum"):
        world.execute(plan(world, hops, min_profit=ONE // 5 + 1))


def test_execute__largest_minimum__reverts(world: World) -> None:
    hops = _profitable(world)

    with world.reverts("profit: below minimum"):
        world.execute(plan(world, hops, min_profit=2**88 - 1))


def test_execute__break_even_and_no_minimum__succeeds(world: World) -> None:
    world.execute(plan(world, _route(world, (5, 10)), min_profit=0))

    assert world.gain(world.weth) == 0


def test_execute__loan_with_a_fee__is_repaid_with_it(world: World) -> None:
    world.vault.set_fee_pips(1_000)
    hops = _profitable(world)

    world.execute(plan(world, hops, Funding.BALANCER_V2))

    assert world.gain(world.weth) == ONE // 5 - ONE // 1_000


def test_execute__deadline_is_now__succeeds(world: World) -> None:
    hops = _profitable(world)

    world.execute(plan(world, hops, deadline=NOW))

    assert world.gain(world.weth)


def test_execute__deadline_passed__reverts(world: World) -> None:
    hops = _profitable(world)

    with world.reverts("executor: deadline passed"):
        world.execute(plan(world, hops, deadline=NOW - 1))


def test_execute__price_within_its_bounds__succeeds(world: World) -> None:
    hops = _profitable(world)
    price = _pool(world, "uniswap_v3").slot0()[0]

    world.execute(plan(world, hops, guard=Guard(price, price)))

    assert world.gain(world.weth)


def test_execute__price_below_its_bound__reverts(world: World) -> None:
    hops = _profitable(world)
    price = _pool(world, "uniswap_v3").slot0()[0]

    with world.reverts("derivation: state out of bounds"):
        world.execute(plan(world, hops, guard=Guard(price + 2**32, 2**160 - 1)))


def test_execute__price_above_its_bound__reverts(world: World) -> None:
    hops = _profitable(world)
    price = _pool(world, "uniswap_v3").slot0()[0]

    with world.reverts("derivation: state out of bounds"):
        world.execute(plan(world, hops, guard=Guard(0, price - 2**32)))


def test_execute__reserve_within_its_bounds__succeeds(world: World) -> None:
    hops = _profitable_v2(world)
    reserve = _pool(world, "sushi_v2").getReserves()[0]

    world.execute(plan(world, hops, guard=Guard(reserve, reserve)))

    assert world.gain(world.weth)


@pytest.mark.parametrize("off", [1, -1])
def test_execute__reserve_outside_its_bounds__reverts(world: World, off: int) -> None:
    hops = _profitable_v2(world)
    reserve = _pool(world, "sushi_v2").getReserves()[0]

    with world.reverts("derivation: state out of bounds"):
        world.execute(plan(world, hops, guard=Guard(reserve + off, reserve + off)))


@pytest.mark.parametrize("hops", [2, 3, 4])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_execute__second_pool_has_a_guard__is_bound_by_it(world: World, hops: int, off: int) -> None:
    dexes = ("uniswap_v3", "sushi_v2", "sushi_v3", "pancake_v3")[:hops]
    tokens = (world.weth, world.usdc, world.dai, world.token())[:hops]
    for dex, token_in, token_out in zip(dexes, tokens, (*tokens[1:], tokens[0]), strict=True):
        world.pool(dex, token_in, token_out, (12, 10))
    route = cycle(dexes, tokens)
    reserve = world.chain.at("mocks/UniswapV2PairMock", route[1].pool).getReserves()[0]
    bound = plan(world, route, second_guard=Guard(reserve + off, reserve + off))

    if off == 0:
        world.execute(bound)
    else:
        with world.reverts("derivation: state out of bounds"):
            world.execute(bound)


def test_execute__liquidity_ends_early__reverts(world: World) -> None:
    for token_in, token_out, pool in ((world.weth, world.usdc, "uniswap_v3"), (world.usdc, world.weth, "sushi_v3")):
        world.v3(pool, token_in, token_out, (11, 10)).set_depth(ONE - 1)
    hops = cycle(("uniswap_v3", "sushi_v3"), (world.weth, world.usdc))

    with world.reverts("callback: unexpected amount"):
        world.execute(plan(world, hops))


def _route(world: World, back: tuple[int, int]) -> tuple:
    world.v3("uniswap_v3", world.weth, world.usdc, (2, 1))
    world.v3("sushi_v3", world.usdc, world.weth, back)
    return cycle(("uniswap_v3", "sushi_v3"), (world.weth, world.usdc))


def _profitable(world: World) -> tuple:
    return _route(world, (6, 10))


def _profitable_v2(world: World) -> tuple:
    world.pool("sushi_v2", world.weth, world.usdc, (2, 1))
    world.v3("sushi_v3", world.usdc, world.weth, (6, 10))
    return cycle(("sushi_v2", "sushi_v3"), (world.weth, world.usdc))


def _pool(world: World, dex: str):
    v3 = dex.endswith("v3")
    address = pool_address(dex, lower(world.weth), lower(world.usdc), V3_FEE if v3 else V2_FEE)
    return world.chain.at("mocks/UniswapV3PoolMock" if v3 else "mocks/UniswapV2PairMock", address)
