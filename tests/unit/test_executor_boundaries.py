"""
Fields at the edge of what they hold, and every bit of a program: nothing is read as its neighbour.
"""

from collections.abc import Sequence
from itertools import permutations

import pytest

from keeper.errors import PlanError
from keeper.plan import Guard, Hop, decode, encode
from tests.executor_revm import NOW
from tests.executor_world import Reverted, World, cycle, lower, plan

DEXES = ("sushi_v2", "uniswap_v3", "uniswap_v2", "sushi_v3")
#: The highest bit of each field.
DEADLINE_BIT = 2**39
AMOUNT_BIT = 2**87


def test_profit_tokens__are_those_of_the_deployment(world: World) -> None:
    assert tuple(map(lower, world.executor.profit_tokens())) == world.profit_tokens


def test_execute__deadline_with_only_its_highest_bit__is_far_away(world: World) -> None:
    world.execute(plan(world, gainful(world, 2), deadline=DEADLINE_BIT))

    assert world.gain(world.weth)


def test_execute__deadline_passed_and_second_profit_token__reverts(world: World) -> None:
    """The token's number stands above the deadline, and does not belong to it."""
    hops = gainful(world, 2, start=1)
    world.execute(plan(world, hops))

    with world.reverts("executor: deadline passed"):
        world.execute(plan(world, hops, deadline=NOW - 1))


def test_execute__minimum_with_only_its_highest_bit__reverts(world: World) -> None:
    hops = gainful(world, 2)

    with world.reverts("profit: below minimum"):
        world.execute(plan(world, hops, min_profit=AMOUNT_BIT))


@pytest.mark.parametrize("hops", [2, 3, 4])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_execute__first_pool_has_a_guard__is_bound_by_it(world: World, hops: int, off: int) -> None:
    route = gainful(world, hops)
    reserve = world.chain.at("mocks/UniswapV2PairMock", route[0].pool).getReserves()[0]
    bound = plan(world, route, guard=Guard(reserve + off, reserve + off))

    if off == 0:
        world.execute(bound)
    else:
        with world.reverts("derivation: state out of bounds"):
            world.execute(bound)


@pytest.mark.parametrize("dexes", [*permutations(DEXES[:3], 2), *permutations(DEXES[:3], 3)])
@pytest.mark.parametrize("start", [0, 1])
def test_execute__either_token_of_the_pools_first__gains(world: World, dexes: tuple[str, ...], start: int) -> None:
    """Which token of a pool is its first depends on the addresses: both ways are gone."""
    hops = gainful(world, len(dexes), start, dexes)

    world.execute(plan(world, hops))

    assert world.gain(world.usdc if start else world.weth)


def test_program__with_any_bit_flipped__reverts_or_is_another_program(world: World) -> None:
    program = encode(plan(world, gainful(world, 2), min_profit=0))
    world.send(program)
    succeeded = 0

    for bit in range(32, 8 * len(program)):
        flipped = bytearray(program)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        with world.chain.anchor():
            try:
                world.send(bytes(flipped))
            except Reverted:
                continue
        succeeded += 1
        assert_is_a_program(world, bytes(flipped))
    assert succeeded > 30, "amounts and deadlines may differ a little"


def assert_is_a_program(world: World, data: bytes) -> None:
    try:
        decoded = decode(data, world.profit_tokens)
    except PlanError as error:
        raise AssertionError(f"was executed, but is no program: {error}") from None
    assert encode(decoded) == data
    for hop in decoded.routes[0].hops:
        assert world.chain.evm.get_code(hop.pool), "ran through another pool than the program names"


def gainful(world: World, hops: int, start: int = 0, dexes: Sequence[str] = DEXES) -> tuple[Hop, ...]:
    """
    Return a route that gains, its pools in place.
    """
    tokens = [world.weth, world.usdc] if hops == 2 else [world.weth, world.usdc, world.dai, world.token()][:hops]
    tokens = tokens[start:] + tokens[:start]
    for dex, token_in, token_out in zip(dexes, tokens, [*tokens[1:], tokens[0]], strict=False):
        world.pool(dex, token_in, token_out, (12, 10))
    return cycle(dexes[:hops], tokens)
