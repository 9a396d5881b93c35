"""
Curve pools, which may be anybody's: nothing tells the executor whether one is true.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from keeper.plan import CurveDetail, Funding, Hop, Plan, Route, encode
from tests.executor_hostile import profitable
from tests.executor_routes import gainful, under
from tests.executor_venues import AAVE, MORPHO
from tests.executor_world import ONE, PLENTY, VAULT, Reverted, World, call, hop, lower, plan, undone

#: What the executor holds, and what no attack may take.
HELD = 10 * ONE

SIMPLE = "flashLoanSimple(address,address,uint256,bytes,uint16)"
LEND = "flashLoan(address,address[],uint256[],bytes)"


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with undone(made) as world, world.unharmed():
        yield world


def onward(world: World, single: Hop) -> Route:
    """
    Return a route into DAI through any Curve pool, and back.
    """
    world.v3("sushi_v3", world.dai, world.weth, (6, 10))
    world.venues.spenders.append(single.pool)
    return Route((single, hop("sushi_v3", world.dai, world.weth)), Funding.NONE, ONE, 1)


def opening(world: World, paid: int, *calls: tuple[Any, bytes, bool], claimed: int = 10 * ONE, **how: bool) -> Plan:
    """
    Place a Curve pool that takes what it may, calls whom it likes and pays this, and go through it first.
    """
    single = hop("curve", world.weth, world.dai, **how)
    pool = world.chain.place("mocks/ScriptMock", single.pool)
    world.dai.mint(pool, PLENTY)
    give = call("transfer(address,uint256)", world.executor.address, paid)
    taken = [] if how.get("native") else [taking(world, pool, ONE, world.weth)]
    pool.script([*taken, *calls, (world.dai.address, give, False)], claimed, claimed)
    return under(world, Funding.MORPHO, onward(world, single))


def closing(world: World, native: bool = False) -> tuple[Any, Plan]:
    """
    Return a Curve pool that does what it is told, and a plan that goes through it second.
    """
    route = gainful(world, ("sushi_v3", "curve"), native=native)
    pool = world.chain.place("mocks/ScriptMock", route.hops[1].pool)
    return pool, under(world, Funding.MORPHO, route)


def taking(world: World, pool: Any, amount: int, token: Any = None) -> tuple[str, bytes, bool]:
    data = call("transferFrom(address,address,uint256)", world.executor.address, pool.address, amount)
    return (token or world.dai).address, data, False


def paying(world: World, amount: int) -> tuple[str, bytes, bool]:
    return world.weth.address, call("mint(address,uint256)", world.executor.address, amount), False


# What it pays


@pytest.mark.parametrize("claimed", [0, 10 * ONE, 2**200])
@pytest.mark.parametrize("paid", [0, 1, ONE])
def test_curve_pool__pays_less_than_it_says__reverts(world: World, paid: int, claimed: int) -> None:
    world.weth.mint(world.executor, HELD)
    trade = opening(world, paid, claimed=claimed)

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(trade)


def test_curve_pool__pays_more_than_it_says__all_is_taken(world: World) -> None:
    world.execute(opening(world, 100 * ONE))

    assert world.gain(world.weth) == 59 * ONE


@pytest.mark.parametrize("claimed", [0, 2**200])
@pytest.mark.parametrize("held", [0, HELD])
def test_curve_pool__pays_nothing_and_claims_much__reverts(world: World, held: int, claimed: int) -> None:
    """What the executor happens to hold does not make up for what the pool did not pay."""
    world.weth.mint(world.executor, held)
    pool, program = closing(world)
    pool.script([taking(world, pool, 2 * ONE)], claimed, claimed)

    with world.reverts("profit: below minimum" if held else ""):
        world.execute(program)


def test_curve_pool_of_ether__pays_none__reverts(world: World) -> None:
    pool, program = closing(world, native=True)
    pool.script([taking(world, pool, 2 * ONE)], 0, 0)
    world.chain.set_balance(world.executor.address, 10 * ONE)

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(program)


# What it takes


@pytest.mark.parametrize(("taken", "words"), [(0, "allowance is left"), (-1, "allowance is left"), (1, None)])
def test_curve_pool__takes_more_or_less_than_the_hop_puts_in__reverts(
    world: World, taken: int, words: str | None
) -> None:
    pool, program = closing(world)
    amount = 0 if taken == 0 else 2 * ONE + taken
    pool.script([taking(world, pool, amount), paying(world, 2 * ONE)], 0, 0)

    with world.reverts(f"erc20: {words}" if words else ""):
        world.execute(program)


def test_curve_pool__takes_another_token_that_is_held__reverts(world: World) -> None:
    pool, program = closing(world)
    world.usdc.mint(world.executor, ONE)
    pool.script([taking(world, pool, ONE, world.usdc)], 0, 0)

    with world.reverts(""):
        world.execute(program)


# What it is


@pytest.mark.parametrize(("i", "j"), [(0, 0), (1, 1), (None, None), (2, 0), (0, 2), (255, 0), (0, 255)])
@pytest.mark.parametrize("unsigned", [False, True])
def test_curve_pool__has_other_coins_in_these_places__reverts(
    world: World, i: int | None, j: int | None, unsigned: bool
) -> None:
    single = hop("curve", world.weth, world.dai, unsigned=unsigned)
    world.pool("curve", world.weth, world.dai, (2, 1), unsigned=unsigned)
    assert isinstance(single.detail, CurveDetail)
    places = (single.detail.j, single.detail.i) if i is None or j is None else (i, j)
    wrong = replace(single, detail=replace(single.detail, i=places[0], j=places[1]))
    for token in (world.weth, world.dai):
        token.mint(world.executor, HELD)

    with world.reverts(""):
        world.execute(under(world, Funding.MORPHO, onward(world, wrong)))


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    "who", ["nobody", "weth", "dai", "executor", "treasury", "stranger", VAULT, MORPHO, *map(str, (1, 2, 4, 9))]
)
def test_curve_hop__names_what_is_no_pool__reverts(world: World, who: str, place: int, native: bool) -> None:
    """Nor a lender, nor a precompile."""
    dexes = ("sushi_v3", "curve") if place else ("curve", "sushi_v3")
    route = gainful(world, dexes, native=native)
    named = getattr(world, who) if hasattr(world, who) else {"nobody": "0x" + "77" * 20}.get(who, who)
    if str(named).isdecimal():
        named = "0x" + int(named).to_bytes(20).hex()
    hops = list(route.hops)
    hops[place] = replace(hops[place], pool=lower(named))
    world.weth.mint(world.executor, HELD)

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(under(world, Funding.MORPHO, replace(route, hops=tuple(hops))))


# Whom it calls


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("is_operator", [False, True])
def test_curve_pool__calls_the_executor__is_refused(world: World, native: bool, is_operator: bool) -> None:
    recorded = encode(plan(world, profitable(world)))
    entries = {
        recorded: "callback: executor is running" if is_operator else "roles: caller is not an operator",
        call("swap_held(uint256,uint256,address)", 0, ONE, world.stranger): "executor: only for itself",
        call("uniswapV3SwapCallback(int256,int256,bytes)", ONE, -1, b""): "callback: unexpected caller",
        call("unlockCallback(bytes)", b""): "callback: unexpected caller",
        call("onMorphoFlashLoan(uint256,bytes)", ONE, b""): "callback: unexpected caller",
        call("sweep(address)", world.weth.address): "roles: caller is not the owner",
    }
    pool = hop("curve", world.weth, world.dai, native=native).pool
    for data, words in entries.items():
        with undone(world) as inner:
            if is_operator:
                inner.executor.add_operator(pool, sender=inner.owner)
            program = opening(inner, 2 * ONE, (inner.executor, data, False), native=native)
            with inner.reverts(words):
                inner.execute(program)


def test_curve_pool__reenters_by_every_door__achieves_nothing(world: World) -> None:
    pool, program = closing(world)
    us = world.executor.address
    tried = [
        (us, encode(program)[:2_048], True),
        (us, call("swap_held(uint256,uint256,address)", 0, ONE, pool.address), True),
        (us, call("unlockCallback(bytes)", b""), True),
        (AAVE, call(SIMPLE, us, world.weth.address, ONE, b"", 0), True),
        (VAULT, call(LEND, us, [world.weth.address], [ONE], b""), True),
    ]
    pool.script([*tried, taking(world, pool, 2 * ONE), paying(world, 2 * ONE)], 0, 0)
    world.executor.add_operator(pool, sender=world.owner)
    roles = world.executor.operators()

    world.execute(program)

    assert world.gain(world.weth) == ONE
    world.executor.remove_operator(pool, sender=world.owner)
    assert pool.address in roles


# Pools whose lock does not hold


def old_pool(world: World, dexes: tuple[str, str], min_profit: int) -> tuple[Any, Plan]:
    """
    Return a pool of ether that can be entered while it pays somebody, and a plan through it.
    """
    route = replace(gainful(world, dexes, native=True), min_profit=min_profit)
    single = route.hops[dexes.index("curve")]
    assert isinstance(single.detail, CurveDetail)
    ether = single.detail.i if single.detail.ether_in else single.detail.j
    pool = world.chain.place("mocks/CurveOldPoolMock", single.pool)
    held = [10**3 * ONE, 10**3 * ONE]
    # Twice as much of what it is asked for.
    held[single.detail.j] *= 2
    pool.initialize(world.dai, ether, held)
    return pool, under(world, Funding.MORPHO, route)


@pytest.mark.parametrize("dexes", [("curve", "sushi_v3"), ("sushi_v3", "curve")])
def test_old_curve_pool__entered_while_it_pays_a_withdrawal__gains_the_minimum_or_reverts(
    world: World, dexes: tuple[str, str]
) -> None:
    """Where it believes to have too much of one coin, it pays too much or too little: never is that our loss."""
    world.weth.mint(world.executor, HELD)
    pool, program = old_pool(world, dexes, min_profit=ONE // 10)
    if dexes[1] == "curve":
        world.v3("sushi_v3", world.weth, world.dai, (6, 10))
    with undone(world) as inner:
        inner.execute(program)
        usual = inner.gain(inner.weth)
    # An operator who is a contract: nobody else could run a route from within.
    operator = world.chain.place("mocks/ScriptMock", "0x" + "0e" * 20)
    world.executor.add_operator(operator, sender=world.owner)
    roles = world.executor.operators()
    operator.script([(world.executor.address, encode(program), True)], 0, 0)

    pool.remove_liquidity(ONE, 900 * ONE, operator, sender=world.stranger)

    assert (world.gain(world.weth) > usual) is (dexes[1] == "curve")
    assert (world.gain(world.weth) == 0) is (dexes[0] == "curve")
    assert world.executor.operators() == roles
    world.executor.remove_operator(operator, sender=world.owner)
