"""
Amounts beyond those that a permission binds whole, and next to none.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from keeper.plan import Funding, encode
from tests.executor_hostile import deltas, on_v3_swap, scripted_pool
from tests.executor_routes import gainful, under
from tests.executor_world import ONE, World, call, cycle, plan, undone

#: So many units of a token for one of another: a swap of ONE gives more than the 88 bits that a permission has for it.
HUGE = 2**40


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with undone(made) as world, world.unharmed():
        yield world


@pytest.mark.parametrize("funding", [Funding.NONE, Funding.BALANCER_V2])
def test_execute__amounts_beyond_88_bits__sweeps_the_gain(world: World, funding: Funding) -> None:
    dexes = ("uniswap_v3", "sushi_v3", "pancake_v3")
    tokens = world.weth, world.usdc, world.dai
    pools = [
        world.pool(dex, token_in, token_out, rate)
        for dex, token_in, token_out, rate in zip(
            dexes, tokens, (*tokens[1:], tokens[0]), [(HUGE, 1), (1, 1), (11, 10 * HUGE)], strict=True
        )
    ]
    for token, pool in ((world.usdc, pools[0]), (world.dai, pools[1])):
        token.mint(pool, 10**3 * HUGE * ONE)

    world.execute(plan(world, cycle(dexes, tokens), funding))

    assert 0.09 < world.gain(world.weth) / ONE <= 0.1
    assert all(token.balanceOf(world.executor) == 0 for token in tokens)


@pytest.mark.parametrize("more", [2**88, 2**128, 2**254])
def test_pool__asks_for_more_than_the_permission_can_tell__reverts(world: World, more: int) -> None:
    """The permission knows 88 bits of the amount: the profit is checked all the same."""
    pool, hops = scripted_pool(world)
    world.usdc.mint(pool, 2 * ONE)
    world.weth.mint(world.executor, 2**255)
    sent = call("transfer(address,uint256)", world.executor.address, 2 * ONE)
    asked = on_v3_swap(pool, ONE + more, -2 * ONE)
    calls = [(world.usdc.address, sent, False), (world.executor.address, asked, False)]
    pool.script(calls, *deltas(pool, ONE, -2 * ONE))

    with world.reverts("profit: below minimum"):
        world.execute(plan(world, hops))


@pytest.mark.parametrize("amount", [0, 1])
@pytest.mark.parametrize(
    ("dexes", "funding"),
    [
        (("uniswap_v3", "sushi_v3"), Funding.NONE),
        (("sushi_v2", "uniswap_v3"), Funding.NONE),
        (("curve", "sushi_v3"), Funding.MORPHO),
        (("sushi_v3", "curve"), Funding.AAVE_V3),
        (("balancer_v2", "sushi_v2"), Funding.AAVE_V3),
    ],
)
def test_execute__next_to_nothing__does_no_harm(
    world: World, dexes: tuple[str, str], funding: Funding, amount: int
) -> None:
    world.weth.mint(world.executor, 10 * ONE)
    marker = 2**80 + 1
    route = replace(gainful(world, dexes), amount_in=marker, min_profit=0)
    data = encode(under(world, funding, route))
    # The encoder refuses to encode nothing.
    assert marker.to_bytes(11) in data
    data = data.replace(marker.to_bytes(11), amount.to_bytes(11))

    with world.unharmed():
        world.chain.send(world.executor.address, world.operator, data)
