"""
Operators that are contracts: several programs in one transaction.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from keeper.plan import Funding, encode
from tests.executor_routes import gainful, under
from tests.executor_world import ONE, VAULT, World, call, undone

#: Short programs, general ones, and every way in which a permission is given.
WAYS = [
    (("uniswap_v3", "sushi_v3"), Funding.NONE),
    (("sushi_v2", "uniswap_v3"), Funding.NONE),
    (("uniswap_v3", "sushi_v2"), Funding.BALANCER_V2),
    (("curve", "sushi_v3"), Funding.MORPHO),
    (("sushi_v3", "curve"), Funding.AAVE_V3),
    (("balancer_v2", "sushi_v2"), Funding.AAVE_V3),
]


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with undone(made) as world:
        world.weth.mint(world.executor, 10 * ONE)
        yield world


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("dexes", "funding"), WAYS)
def test_operator__batches_two_programs__vault_finds_no_permission_between(
    world: World, dexes: tuple[str, str], funding: Funding, fails: bool
) -> None:
    """Whether or not the first succeeds, neither a lender nor the second program finds anything of it."""
    route = replace(gainful(world, dexes), amount_in=ONE // 1_000)
    good = encode(under(world, funding, route))
    first = encode(under(world, funding, replace(route, min_profit=2**88 - 1))) if fails else good
    with undone(world) as inner:
        for _ in range(1 if fails else 2):
            inner.send(good)
        expected = inner.gain(inner.weth)
    us, weth = world.executor.address, world.weth.address
    lend = call("flashLoan(address,address[],uint256[],bytes)", us, [weth], [ONE], b"")
    operator = world.chain.place("mocks/ScriptMock", "0x" + "0e" * 20)
    world.executor.add_operator(operator, sender=world.owner)
    batch = [(us, first, True), (VAULT, lend, False), (us, good, False)]

    operator.script(batch, 0, 0)
    with world.reverts("callback: unexpected caller"):
        world.send(b"any", sender=world.stranger, to=operator)
    operator.script([batch[0], (VAULT, lend, True), batch[2]], 0, 0)
    with world.unharmed():
        world.send(b"any", sender=world.stranger, to=operator)

    assert world.gain(world.weth) == expected > 0
