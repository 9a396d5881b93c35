"""
The encoder and the contract agree on what a program is, and no program does harm.
"""

from collections.abc import Iterator
from dataclasses import replace

import boa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keeper.errors import PlanError
from keeper.plan import DEXES, Funding, Guard, Plan, Route, decode, encode
from tests.executor_world import FOREVER, ONE, Reverted, World, build, calldata, cycle, lower, words

FAST = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A pool of every DEX between any two of three tokens; about half of all cycles gain."""
    with boa.env.anchor():
        world = build()
        tokens = world.weth, world.usdc, world.dai
        rates = iter([(11, 10), (9, 10), (10, 11), (12, 10), (8, 10)] * 3)
        for token_in, token_out in ((0, 1), (1, 2), (2, 0)):
            for dex in DEXES:
                world.pool(dex, tokens[token_in], tokens[token_out], next(rates))
        yield world


@st.composite
def plans(draw: st.DrawFn, world: World) -> Plan:
    """Valid plans through the pools of the world, gainful or not."""
    count = draw(st.sampled_from([2, 3]))
    start = draw(st.sampled_from([0, 1]))
    all_tokens = [world.weth, world.usdc, world.dai]
    tokens = (all_tokens[start:] + all_tokens[:start])[:count]
    dexes = draw(st.permutations(list(DEXES)))[:count]
    route = Route(
        hops=cycle(dexes, tokens),
        funding=draw(st.sampled_from(list(Funding))),
        amount_in=draw(st.integers(1, 10 * ONE)),
        min_profit=draw(st.sampled_from([0, 1, ONE])),
        guard=draw(st.one_of(st.none(), st.builds(Guard, st.just(0), st.integers(1, 2**112 - 1)))),
    )
    return Plan((route,), FOREVER, world.profit_tokens)


@FAST
@given(data=st.data())
def test_encode__valid_plan__decodes_to_itself(world: World, data: st.DataObject) -> None:
    plan = data.draw(plans(world))

    calldata = encode(plan)

    assert encode(decode(calldata, plan.profit_tokens)) == calldata
    assert replace(decode(calldata, plan.profit_tokens).routes[0], guard=None) == replace(plan.routes[0], guard=None)


@FAST
@given(data=st.data())
def test_execute__valid_plan__gains_the_minimum_or_changes_nothing(world: World, data: st.DataObject) -> None:
    plan = data.draw(plans(world))
    (route,) = plan.routes
    token = world.weth if route.profit_token == lower(world.weth) else world.usdc

    with boa.env.anchor():
        before = world.gain(token)
        try:
            with world.unharmed():
                world.execute(plan)
        except Reverted:
            assert world.gain(token) == before
        else:
            assert world.gain(token) - before >= route.min_profit
            assert all(held.balanceOf(world.executor) == 0 for held in world.tokens)


@FAST
@given(data=st.data())
def test_execute__mutated_program__is_refused_or_is_what_the_decoder_says(world: World, data: st.DataObject) -> None:
    plan = data.draw(plans(world))
    program = words(encode(plan))
    index = data.draw(st.integers(0, len(program) - 1))
    program[index] ^= 1 << data.draw(st.integers(0, 255))

    with boa.env.anchor(), world.unharmed():
        _send_and_compare(world, calldata(program))


@FAST
@given(data=st.data())
def test_execute__random_words__do_no_harm(world: World, data: st.DataObject) -> None:
    program = data.draw(st.lists(st.integers(0, 2**256 - 1), max_size=8))

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.send(calldata(program))


@FAST
@given(data=st.binary(max_size=2_048))
def test_execute__random_bytes__do_no_harm(world: World, data: bytes) -> None:
    for head in (b"", encode_head()):
        with world.unharmed(exactly=True), pytest.raises(Reverted):
            world.send(head + data)


@FAST
@given(
    amount=st.integers(1, 10**5 * ONE),
    reserve_in=st.integers(10**3, 10**6 * ONE),
    reserve_out=st.integers(10**3, 10**6 * ONE),
)
def test_execute__swap_on_a_pair__takes_what_the_library_says(amount: int, reserve_in: int, reserve_out: int) -> None:
    expected = amount * 997 * reserve_out // (reserve_in * 1_000 + amount * 997)
    assume(expected)
    with boa.env.anchor():
        world = build()
        world.v2("uniswap_v2", world.weth, world.usdc, (reserve_in, reserve_out))
        pool = world.v3("uniswap_v3", world.usdc, world.weth, (2 * amount, expected))
        hops = cycle(("uniswap_v2", "uniswap_v3"), (world.weth, world.usdc))
        before = world.usdc.balanceOf(pool)

        world.execute(Plan((Route(hops, Funding.NONE, amount, amount),), FOREVER, world.profit_tokens))

        assert world.usdc.balanceOf(pool) - before == expected


def encode_head() -> bytes:
    """
    Return the selector of ``execute`` and the offset of its argument.
    """
    return calldata([])[:36]


def _send_and_compare(world: World, data: bytes) -> None:
    try:
        decode(data, world.profit_tokens)
    except PlanError:
        with pytest.raises(Reverted):
            world.send(data)
        return
    try:
        world.send(data)
    except Reverted:
        return
    assert encode(decode(data, world.profit_tokens)) == data
