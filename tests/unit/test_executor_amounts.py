"""
Amounts beyond those that a permission binds whole.
"""

from collections.abc import Iterator

import boa
import pytest

from keeper.plan import Funding
from tests.executor_world import ONE, World, build, cycle, plan

#: So many units of a token for one of another: a swap of ONE gives more than the 88 bits that a permission has for it.
HUGE = 2**40


@pytest.fixture
def world() -> Iterator[World]:
    with boa.env.anchor():
        yield build()


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
