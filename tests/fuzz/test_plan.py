"""
The encoder, the contract and the Python model agree on what a program is and does, and no program does harm.
"""

from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keeper.plan import Funding, Plan, Program, Route, decode, encode
from keeper.plan.bundle import program_of
from tests.executor_model import Model, campaign, check
from tests.executor_revm import RevmChain
from tests.executor_world import FOREVER, ONE, World, build, cycle, undone

FAST = settings(max_examples=100, deadline=None)
PROGRAMS = 10_000


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def made() -> World:
    return build(RevmChain())


@FAST
@given(seed=st.integers(0, 2**64 - 1))
def test_encode__valid_plan__decodes_to_itself(model: Model, seed: int) -> None:
    plan = model.plan(Random(seed))
    calldata = encode(plan)

    read = decode(calldata, plan.profit_tokens)

    assert encode(read) == calldata
    if isinstance(read, Program):
        assert isinstance(plan, Plan)
        routes = [route for group in read.groups for route in group.routes]
        assert [route.hops for route in routes] == [route.hops for route in plan.routes]
        assert [len(group.loans) for group in read.groups] == [len(group.loans) for group in program_of(plan).groups]


@FAST
@given(data=st.binary(max_size=2_048), head=st.integers(0, 6))
def test_execute__random_bytes__do_no_harm(model: Model, data: bytes, head: int) -> None:
    selectors = encode(model.plan(Random(head)))

    assert not check(model, selectors[: 4 * (head % 3)] + data)


def test_execute__random_and_mutated_programs__do_what_the_model_says() -> None:
    valid, mutated = campaign(1, PROGRAMS)

    assert valid > PROGRAMS // 100
    assert mutated > PROGRAMS // 1_000


@FAST
@given(
    amount=st.integers(1, 10**5 * ONE),
    reserve_in=st.integers(10**3, 10**6 * ONE),
    reserve_out=st.integers(10**3, 10**6 * ONE),
)
def test_execute__swap_on_a_pair__takes_what_the_library_says(
    made: World, amount: int, reserve_in: int, reserve_out: int
) -> None:
    expected = amount * 997 * reserve_out // (reserve_in * 1_000 + amount * 997)
    assume(expected)
    with undone(made) as world:
        world.v2("uniswap_v2", world.weth, world.usdc, (reserve_in, reserve_out))
        pool = world.v3("uniswap_v3", world.usdc, world.weth, (2 * amount, expected))
        hops = cycle(("uniswap_v2", "uniswap_v3"), (world.weth, world.usdc))
        before = world.usdc.balanceOf(pool)

        world.execute(Plan((Route(hops, Funding.NONE, amount, amount),), FOREVER, world.profit_tokens))

        assert world.usdc.balanceOf(pool) - before == expected
