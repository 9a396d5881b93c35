"""
What the executor does with bundles of routes, their loans, minima, guards and tolerance.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from keeper.plan import DEXES, FlashPool, Funding, Group, Guard, Loan, Plan, Program, Route, encode
from tests.executor_routes import BACK, LENDERS, LOST, SEVERAL, THERE, gainful, given, state_of, under
from tests.executor_world import (
    FOREVER,
    ONE,
    PLENTY,
    World,
    cycle,
    fee_of,
    lower,
    undone,
)


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with undone(made) as world, world.unharmed():
        yield world


def test_aave__premium__is_rounded_up(world: World) -> None:
    route = replace(gainful(world, ("uniswap_v3", "sushi_v3")), amount_in=10**4 + 10)

    world.execute(under(world, Funding.AAVE_V3, route))

    assert world.gain(world.weth) == (10**4 + 10) // 5 - 6


@pytest.mark.parametrize("dex", ["uniswap_v3", "sushi_v3", "pancake_v3"])
def test_v3_pool_that_lends__of_any_fork__is_paid_its_fee_rounded_up(world: World, dex: str) -> None:
    world.v3(dex, world.weth, world.bank, (1, 1))
    route = replace(gainful(world, ("uniswap_v2", "camelot_v3")), amount_in=10**6 + 1, funding=Funding.UNISWAP_V3)
    route = replace(route, flash_pool=FlashPool(dex, lower(world.bank), 500))
    expected = given("camelot_v3", given("uniswap_v2", 10**6 + 1, THERE), BACK)

    world.execute(Plan((route,), FOREVER, world.profit_tokens))

    assert world.gain(world.weth) == expected - (10**6 + 1) - 501


def test_v3_pool_that_lends__is_in_the_route__is_locked(world: World) -> None:
    route = gainful(world, ("uniswap_v3", "sushi_v3"), middle=world.bank)

    with world.reverts("LOK"):
        world.execute(under(world, Funding.UNISWAP_V3, route))


def test_v3_pool_that_lends__is_camelots__cannot_be_named(world: World) -> None:
    """Its callback has a name that the executor does not know."""
    from keeper.errors import PlanError

    route = replace(gainful(world, ("uniswap_v3", "sushi_v3")), funding=Funding.UNISWAP_V3)
    route = replace(route, flash_pool=FlashPool("camelot_v3", lower(world.bank), 500))

    with pytest.raises(PlanError, match="pools of camelot_v3 do not lend"):
        encode(Plan((route,), FOREVER, world.profit_tokens))


@pytest.mark.parametrize("funding", LENDERS)
def test_routes_under_one_loan__of_what_the_neediest_takes__all_run(world: World, funding: Funding) -> None:
    first = gainful(world, ("uniswap_v3", "sushi_v2"))
    second = replace(gainful(world, ("pancake_v3", "curve")), amount_in=ONE // 2)
    third = replace(gainful(world, ("balancer_v3", "uniswap_v4")), amount_in=ONE // 4)

    world.execute(under(world, funding, first, second, third))

    expected = given("sushi_v2", 2 * ONE, BACK) - ONE + ONE // 10 + ONE // 20
    assert world.gain(world.weth) == expected - fee_of(funding, ONE)


@pytest.mark.parametrize("funding", SEVERAL)
def test_loan_of_several_tokens__is_repaid_in_all_of_them(world: World, funding: Funding) -> None:
    first = gainful(world, ("uniswap_v3", "sushi_v3"))
    second = gainful(world, ("uniswap_v3", "sushi_v3"), start=world.usdc)

    world.execute(under(world, funding, first, second))

    assert world.gain(world.weth) == world.gain(world.usdc) == ONE // 5


def test_groups__under_every_lender__run_one_after_the_other(world: World) -> None:
    route = gainful(world, ("camelot_v3", "sushi_v3"))
    routes = [under(world, funding, replace(route, amount_in=10**6)).routes[0] for funding in Funding]

    world.execute(Plan(tuple(routes), FOREVER, world.profit_tokens))

    fees = sum(fee_of(funding, 10**6) for funding in Funding)
    assert len(routes) == 7
    assert world.gain(world.weth) == 7 * 10**6 // 5 - fees


@pytest.mark.parametrize("short", [0, 1])
def test_minima__are_summed_over_the_routes(world: World, short: int) -> None:
    first = replace(gainful(world, ("uniswap_v3", "sushi_v3")), min_profit=ONE // 5 + ONE // 7)
    second = replace(gainful(world, ("pancake_v3", "camelot_v3")), min_profit=ONE // 5 - ONE // 7 + short)
    bundle = under(world, Funding.BALANCER_V3, first, second)

    if short:
        with world.reverts("profit: below minimum"):
            world.execute(bundle)
    else:
        world.execute(bundle)
        assert world.gain(world.weth) == 2 * (ONE // 5)


def test_minima__of_two_tokens__are_not_mixed(world: World) -> None:
    first = gainful(world, ("uniswap_v3", "sushi_v3"))
    second = replace(gainful(world, ("uniswap_v3", "sushi_v3"), start=world.usdc), min_profit=ONE // 5 + 1)

    with world.reverts("profit: below minimum"):
        world.execute(under(world, Funding.UNISWAP_V4, first, second))


def test_lent_token__that_no_route_starts_from__must_not_decrease(world: World) -> None:
    """What is lent beside the routes is a profit token, too: its fee is a loss."""
    route = replace(gainful(world, ("uniswap_v3", "sushi_v3")), funding=Funding.BALANCER_V2)
    loans = sorted([Loan(lower(world.weth), ONE), Loan(lower(world.usdc), ONE)], key=lambda loan: loan.token)
    program = Program((Group((route,), tuple(loans)),), FOREVER, world.profit_tokens)
    world.execute(program)
    world.vault.set_fee_pips(1)
    world.usdc.mint(world.executor, ONE)

    with world.reverts("profit: below minimum"):
        world.execute(program)


# Guards and tolerance


@pytest.mark.parametrize("funding", [Funding.NONE, Funding.MORPHO])
@pytest.mark.parametrize("dex", list(DEXES))
def test_guard__of_every_kind_of_pool__binds_its_state(made: World, dex: str, funding: Funding) -> None:
    derived = DEXES[dex].is_v2 or DEXES[dex].is_v3
    for off in (-1, 0, 1):
        with undone(made) as world, world.unharmed():
            route = gainful(world, ("pancake_v3" if dex != "pancake_v3" else "sushi_v3", dex))
            state = state_of(world, route.hops[1])
            step = 2**32 if DEXES[dex].is_v3 or dex == "uniswap_v4" else 1
            at = state + off * step
            bound = replace(route, second_guard=Guard(at, at))
            if off == 0:
                world.execute(under(world, funding, bound))
                assert world.gain(world.weth)
            else:
                with world.reverts(f"{'derivation' if derived else 'route'}: state out of bounds"):
                    world.execute(under(world, funding, bound))


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_guard__of_the_last_of_four_pools__binds_it(world: World, off: int) -> None:
    dexes, tokens = ("uniswap_v3", "sushi_v2", "curve", "balancer_v3"), (world.weth, world.usdc, world.dai, world.bank)
    for dex, token_in, token_out in zip(dexes, tokens, (*tokens[1:], tokens[0]), strict=True):
        world.pool(dex, token_in, token_out, (11, 10))
    guards = (Guard(PLENTY, PLENTY), Guard(PLENTY + off, PLENTY + off))
    bound = Route(cycle(dexes, tokens), Funding.NONE, ONE, 1, more_guards=guards)

    if off == 0:
        world.execute(under(world, Funding.AAVE_V3, bound))
        assert world.gain(world.weth)
    else:
        with world.reverts("route: state out of bounds"):
            world.execute(under(world, Funding.AAVE_V3, bound))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("funding", list(Funding))
def test_tolerant_route__lost_its_race__is_left_out(world: World, funding: Funding, place: int) -> None:
    routes = [
        replace(gainful(world, dexes), amount_in=amount, tolerant=True, min_profit=amount // 6)
        for dexes, amount in ((("uniswap_v3", "sushi_v3"), ONE), (("pancake_v3", "camelot_v3"), ONE // 2))
    ]
    routes.append(replace(gainful(world, ("sushi_v2", "uniswap_v2")), amount_in=ONE // 4, tolerant=True, min_profit=0))
    gains = [ONE // 5, ONE // 10, given("uniswap_v2", given("sushi_v2", ONE // 4, THERE), BACK) - ONE // 4]
    # A minimum that is out of reach does not count either.
    routes[place] = replace(routes[place], guard=LOST, min_profit=ONE)

    world.execute(under(world, funding, *routes))

    fee = fee_of(funding, ONE)
    assert world.gain(world.weth) == sum(gains) - gains[place] - fee


@pytest.mark.parametrize("funding", list(Funding))
def test_tolerant_routes__all_lost_theirs__revert(world: World, funding: Funding) -> None:
    lost = replace(gainful(world, ("uniswap_v3", "sushi_v3")), tolerant=True, guard=LOST)
    also = replace(gainful(world, ("pancake_v3", "camelot_v3")), tolerant=True, second_guard=LOST)

    with world.reverts("bundle: no route ran"):
        world.execute(under(world, funding, lost, also))


def test_intolerant_route__lost_its_race__reverts_the_bundle(world: World) -> None:
    won = replace(gainful(world, ("uniswap_v3", "sushi_v3")), tolerant=True)
    lost = replace(gainful(world, ("pancake_v3", "camelot_v3")), guard=LOST)

    for routes in ((won, lost), (lost, won)):
        with world.reverts("derivation: state out of bounds"):
            world.execute(under(world, Funding.BALANCER_V2, *routes))


def test_lost_race__of_a_stranger__ends_with_the_guard(world: World) -> None:
    """Who may not execute learns it behind the guards: a lost race costs nothing more."""
    lost = replace(gainful(world, ("uniswap_v3", "curve")), guard=LOST)

    with world.reverts("derivation: state out of bounds"):
        world.execute(under(world, Funding.AAVE_V3, lost), sender=world.stranger)
