"""
What the executor does with every kind of pool, in every place of a route, under every lender.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import pytest

from keeper.plan import DEXES, Funding, Plan, Route, encode
from tests.executor_routes import BACK, LENDERS, THERE, can_open, gainful, given, under
from tests.executor_world import (
    FOREVER,
    ONE,
    World,
    cycle,
    fee_of,
    hop,
    lower,
    plan,
    undone,
)


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with undone(made) as world, world.unharmed():
        yield world


@pytest.mark.parametrize("funding", list(Funding))
@pytest.mark.parametrize("first", list(DEXES))
def test_two_hops__of_every_kind__sweep_the_gain_to_the_wei(made: World, first: str, funding: Funding) -> None:
    seconds = [dex for dex in DEXES if dex != first and can_open(funding, (first, dex))]
    for second in seconds:
        with undone(made) as world, world.unharmed():
            route = gainful(world, (first, second))

            world.execute(under(world, funding, route))

            out = given(second, given(first, ONE, THERE), BACK)
            assert world.gain(world.weth) == out - ONE - fee_of(funding, ONE) > ONE // 6
            assert not any(token.balanceOf(world.executor) for token in world.tokens)
    assert seconds or not can_open(funding, (first, "uniswap_v3"))


@pytest.mark.parametrize("funding", list(Funding))
@pytest.mark.parametrize("dex", list(DEXES))
def test_hop__amid_a_route__passes_on_all_that_it_gets(made: World, dex: str, funding: Funding) -> None:
    others = [("pancake_v3", "sushi_v2"), ("sushi_v2", "pancake_v3"), ("sushi_v2", "camelot_v2")]
    for first, last in [pair for pair in others if dex not in pair and can_open(funding, (pair[0], dex))]:
        with undone(made) as world, world.unharmed():
            dexes, tokens = (first, dex, last), (world.weth, world.usdc, world.dai)
            amount = ONE
            for name, token_in, token_out in zip(dexes, tokens, (*tokens[1:], tokens[0]), strict=True):
                world.pool(name, token_in, token_out, (11, 10))
                amount = given(name, amount, (11, 10))

            world.execute(under(world, funding, Route(cycle(dexes, tokens), Funding.NONE, ONE, 1)))

            assert world.gain(world.weth) == amount - ONE - fee_of(funding, ONE) > ONE // 4


@pytest.mark.parametrize("funding", list(Funding))
def test_eight_hops__are_the_most(world: World, funding: Funding) -> None:
    dexes = ("uniswap_v3", "sushi_v2", "curve", "uniswap_v2", "balancer_v3", "uniswap_v4", "sushi_v3", "camelot_v2")
    tokens = (world.weth, world.usdc, world.dai, *(world.token() for _ in range(5)))
    amount = ONE
    for dex, token_in, token_out in zip(dexes, tokens, (*tokens[1:], tokens[0]), strict=True):
        world.pool(dex, token_in, token_out, (11, 10))
        amount = given(dex, amount, (11, 10))

    world.execute(under(world, funding, Route(cycle(dexes, tokens), Funding.NONE, ONE, 1)))

    assert world.gain(world.weth) == amount - ONE - fee_of(funding, ONE) > ONE


# Ether, Curve's kinds


@pytest.mark.parametrize("funding", LENDERS)
@pytest.mark.parametrize("dexes", [*permutations(("uniswap_v4", "curve"), 2), ("curve", "sushi_v2")])
def test_pools_of_ether__are_paid_with_unwrapped_and_pay_to_be_wrapped(
    world: World, dexes: tuple[str, str], funding: Funding
) -> None:
    route = gainful(world, dexes, native=True)

    world.execute(under(world, funding, route))

    expected = given(dexes[1], given(dexes[0], ONE, THERE), BACK)
    assert world.gain(world.weth) == expected - ONE - fee_of(funding, ONE)
    assert world.chain.balance(world.executor.address) == 0


@pytest.mark.parametrize("following", ["sushi_v2", "pancake_v3", "curve"])
@pytest.mark.parametrize("dex", ["uniswap_v4", "curve"])
def test_pool_that_pays_ether__amid_a_route__pays_the_following_pool(world: World, dex: str, following: str) -> None:
    if dex == following:
        dex = "uniswap_v4"
    world.pool("uniswap_v3", world.usdc, world.dai, (11, 10))
    world.pool(dex, world.dai, world.weth, (11, 10), native=True)
    world.pool(following, world.weth, world.usdc, (11, 10))
    hops = (
        hop("uniswap_v3", world.usdc, world.dai),
        hop(dex, world.dai, world.weth, native=True),
        hop(following, world.weth, world.usdc),
    )

    world.execute(plan(world, hops))

    assert world.gain(world.usdc) == given(following, ONE * 121 // 100, (11, 10)) - ONE


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("funding", LENDERS)
def test_curve_pool_of_unlike_coins__is_called_with_unsigned_places(
    world: World, funding: Funding, native: bool
) -> None:
    how = {"unsigned": True, "native": native}
    world.pool("curve", world.weth, world.dai, THERE, **how)
    world.pool("sushi_v3", world.dai, world.weth, BACK)
    hops = hop("curve", world.weth, world.dai, **how), hop("sushi_v3", world.dai, world.weth)

    world.execute(under(world, funding, Route(hops, Funding.NONE, ONE, 1)))

    assert world.gain(world.weth) == ONE // 5 - fee_of(funding, ONE)


@pytest.mark.parametrize("unsigned", [False, True])
def test_curve_pool__called_with_places_of_the_other_sign__reverts(world: World, unsigned: bool) -> None:
    world.pool("curve", world.weth, world.dai, THERE, unsigned=unsigned)
    world.pool("sushi_v3", world.dai, world.weth, BACK)
    there = hop("curve", world.weth, world.dai, unsigned=unsigned)
    wrong = replace(there, detail=replace(there.detail, unsigned=not unsigned))
    route = Route((wrong, hop("sushi_v3", world.dai, world.weth)), Funding.NONE, ONE, 1)

    with world.reverts(""):
        world.execute(under(world, Funding.MORPHO, route))


@pytest.mark.parametrize("native", [False, True])
def test_unlocked_manager__owes_and_is_owed_ether_and_weth_apart(world: World, native: bool) -> None:
    """A loan of one, a hop of the other: both are settled."""
    route = gainful(world, ("uniswap_v4", "sushi_v3"), native=not native)
    lent = replace(route, funding=Funding.UNISWAP_V4, native=native)

    world.execute(Plan((lent,), FOREVER, world.profit_tokens))

    assert world.gain(world.weth) == ONE // 5


# Camelot's pairs, and a held pool that is nobody's


@pytest.mark.parametrize("funding", list(Funding))
@pytest.mark.parametrize("is_stable", [False, True])
@pytest.mark.parametrize("fees", [(100, 900), (900, 100)])
def test_camelot_pair__with_a_fee_for_each_direction__gives_what_it_tells(
    world: World, fees: tuple[int, int], is_stable: bool, funding: Funding
) -> None:
    tokens = world.weth, world.dai
    for dexes in (("camelot_v2", "sushi_v3"), ("sushi_v3", "camelot_v2")):
        for dex, step in zip(dexes, (tokens, tokens[::-1]), strict=True):
            pool = world.pool(dex, *step, (1, 1) if dex == "camelot_v2" else (12, 10))
            if dex == "camelot_v2":
                pair = pool
        pair.set_fees(*fees)
        pair.set_stable(is_stable)
        if dexes[0] == "camelot_v2":
            expected = pair.getAmountOut(ONE, world.weth) * 12 // 10
        else:
            expected = pair.getAmountOut(ONE * 12 // 10, world.dai)
        before = world.gain(world.weth)

        world.execute(under(world, funding, Route(cycle(dexes, tokens), Funding.NONE, ONE, 1)))

        assert world.gain(world.weth) - before == expected - ONE - fee_of(funding, ONE) > ONE // 6


def test_balancer_v2_pool__that_is_hostile__gives_nothing_and_reverts(world: World) -> None:
    """Such a pool says itself what it gives; the Vault collects what was allowed, and the minimum decides."""
    route = gainful(world, ("sushi_v3", "balancer_v2"))
    pool_id = route.hops[1].detail.pool_id.to_bytes(32)
    world.vault.set_pool(pool_id, world.dai, world.weth, 1, 10**30)
    world.weth.mint(world.executor, 10 * ONE)

    with world.reverts("profit: below minimum"):
        world.execute(under(world, Funding.MORPHO, route))


def test_profit_token__in_every_place_of_the_list__is_started_from_and_gained(world: World) -> None:
    tokens = [world.token() for _ in range(8)]
    executor = world.chain.deploy(
        "Executor", world.owner, world.guardian, world.treasury, [t.address for t in tokens], [world.operator]
    )
    listed = tuple(lower(token) for token in tokens)
    routes = [gainful(world, ("uniswap_v3", "sushi_v3"), start=token) for token in tokens]
    for route, token in zip(routes, tokens, strict=True):
        short = encode(Plan((route,), FOREVER, listed))
        world.send(short, to=executor)
        assert world.gain(token) == ONE // 5
    minimal = [replace(route, min_profit=ONE // 5) for route in routes]
    world.send(encode(Plan(tuple(minimal), FOREVER, listed)), to=executor)

    assert [world.gain(token) for token in tokens] == [2 * (ONE // 5)] * 8
    for place in range(8):
        beyond = [replace(route, min_profit=ONE // 5 + (i == place)) for i, route in enumerate(routes)]
        with world.reverts("profit: below minimum"):
            world.send(encode(Plan(tuple(beyond), FOREVER, listed)), to=executor)
