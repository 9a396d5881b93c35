"""
Lenders and pools that are hostile, and lenders that a stranger sends.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from keeper.plan import Funding, encode, pool_address
from tests.executor_revm import RevmChain
from tests.executor_routes import LENDERS, gainful, under
from tests.executor_venues import AAVE, MORPHO, VAULT_V3
from tests.executor_world import MANAGER, ONE, V3_FEE, VAULT, Reverted, World, build, call, lower, undone

SIMPLE = "flashLoanSimple(address,address,uint256,bytes,uint16)"
SEVERAL = "flashLoan(address,address[],uint256[],uint256[],address,bytes,uint16)"
#: What each lender calls.
CALLBACKS = {
    "aave": (AAVE, "executeOperation(address,uint256,uint256,address,bytes)"),
    "aave several": (AAVE, "executeOperation(address[],uint256[],uint256[],address,bytes)"),
    "morpho": (MORPHO, "onMorphoFlashLoan(uint256,bytes)"),
    "balancer": (VAULT, "receiveFlashLoan(address[],uint256[],uint256[],bytes)"),
    "balancer v3": (VAULT_V3, "onBalancerV3Unlock()"),
    "uniswap v4": (MANAGER, "unlockCallback(bytes)"),
}


@pytest.fixture(scope="module")
def made() -> World:
    return build(RevmChain())


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with undone(made) as world, world.unharmed():
        yield world


def arguments(world: World, name: str) -> tuple[Any, ...]:
    us, weth = world.executor.address, world.weth.address
    return {
        "aave": (weth, ONE, 0, us, b""),
        "aave several": ([weth], [ONE], [0], us, b""),
        "morpho": (ONE, b""),
        "balancer": ([weth], [ONE], [0], b""),
        "balancer v3": (),
        "uniswap v4": (b"",),
    }[name]


@pytest.mark.parametrize("name", list(CALLBACKS))
def test_lender__calls_back_unasked__is_refused(world: World, name: str) -> None:
    lender, signature = CALLBACKS[name]
    data = call(signature, *arguments(world, name))
    words = "executor: unknown function" if name == "aave several" else "callback: unexpected caller"

    for sender in (lender, world.stranger, world.operator):
        with world.reverts(words):
            world.send(data, sender)


@pytest.mark.parametrize("initiator", ["stranger", "executor"])
def test_aave__lends_to_the_executor_for_a_stranger__is_refused(world: World, initiator: str) -> None:
    """Even if the Pool said that the executor had asked."""
    us, weth = world.executor.address, world.weth.address
    with world.reverts("aave_v3: not our loan"):
        world.send(call(SIMPLE, us, weth, ONE, b"", 0), world.stranger, AAVE)
    if initiator == "executor":
        with world.reverts("callback: unexpected caller"):
            world.send(call(CALLBACKS["aave"][1], weth, ONE, 0, us, b""), AAVE)


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_aave__lends_several_or_makes_a_debt__is_refused(world: World, mode: int, count: int) -> None:
    us, tokens = world.executor.address, [world.weth.address, world.usdc.address][:count]
    data = call(SEVERAL, us, tokens, [ONE] * count, [mode] * count, us, b"", 0)

    with world.reverts("executor: unknown function"):
        world.send(data, world.stranger, AAVE)
    assert world.venues.lenders[Funding.AAVE_V3].debt(world.executor) == 0


def test_aave__finds_an_allowance__cannot_make_the_executor_pay_premiums(world: World) -> None:
    world.weth.mint(world.executor, ONE)
    world.weth.approve(AAVE, ONE, sender=world.executor.address)

    with pytest.raises(Reverted, match="aave_v3: not our loan"):
        world.send(call(SIMPLE, world.executor.address, world.weth.address, ONE, b"", 0), world.stranger, AAVE)

    assert world.weth.balanceOf(world.executor) == ONE
    world.weth.approve(AAVE, 0, sender=world.executor.address)


@pytest.mark.parametrize("funding", LENDERS)
def test_lender__returns_without_calling_back__is_refused(world: World, funding: Funding) -> None:
    route = replace(gainful(world, ("sushi_v2", "camelot_v2")), min_profit=0)
    if funding is Funding.UNISWAP_V3:
        lender = pool_address("uniswap_v3", lower(world.weth), lower(world.bank), V3_FEE)
    else:
        lender = world.venues.lenders[funding].address
    world.chain.place("mocks/ScriptMock", lender).script([], 0, 0)

    with world.reverts("callback: not delivered"):
        world.execute(under(world, funding, route))


@pytest.mark.parametrize("funding", [Funding.AAVE_V3, Funding.MORPHO])
@pytest.mark.parametrize("off", [-1, 1])
def test_lender_that_collects__names_another_amount__is_refused(world: World, funding: Funding, off: int) -> None:
    lent = under(world, funding, gainful(world, ("sushi_v2", "camelot_v2")))
    lender = world.chain.place("mocks/ScriptMock", world.venues.lenders[funding].address)
    us, weth = world.executor.address, world.weth.address
    told = (weth, ONE + off, 0, us, b"") if funding is Funding.AAVE_V3 else (ONE + off, b"")
    signature = CALLBACKS["aave" if funding is Funding.AAVE_V3 else "morpho"][1]
    lender.script([(us, call(signature, *told), False)], 0, 0)

    with world.reverts("callback: unexpected amount"):
        world.execute(lent)


@pytest.mark.parametrize("funding", [Funding.AAVE_V3, Funding.MORPHO])
def test_lender_that_collects__leaves_the_allowance__is_refused(world: World, funding: Funding) -> None:
    lent = under(world, funding, gainful(world, ("sushi_v2", "camelot_v2")))
    lender = world.chain.place("mocks/ScriptMock", world.venues.lenders[funding].address)
    us, weth = world.executor.address, world.weth.address
    told = (weth, ONE, 0, us, b"") if funding is Funding.AAVE_V3 else (ONE, b"")
    signature = CALLBACKS["aave" if funding is Funding.AAVE_V3 else "morpho"][1]
    sent = call("transfer(address,uint256)", us, ONE)
    lender.script([(weth, sent, False), (us, call(signature, *told), False)], 0, 0)

    with world.reverts("erc20: allowance is left"):
        world.execute(lent)


# Curve pools, which may be anybody's


def trapped(world: World, native: bool = False) -> tuple[Any, Any]:
    """
    Return a Curve pool that does what it is told, and a plan that goes through it second.
    """
    route = gainful(world, ("sushi_v3", "curve"), native=native)
    pool = world.chain.place("mocks/ScriptMock", route.hops[1].pool)
    return pool, under(world, Funding.MORPHO, route)


def taking(world: World, pool: Any, amount: int, token: Any = None) -> tuple[str, bytes, bool]:
    data = call("transferFrom(address,address,uint256)", world.executor.address, pool.address, amount)
    return (token or world.dai).address, data, False


@pytest.mark.parametrize(("taken", "words"), [(0, "allowance is left"), (-1, "allowance is left"), (1, None)])
def test_curve_pool__takes_more_or_less_than_the_hop_puts_in__reverts(
    world: World, taken: int, words: str | None
) -> None:
    pool, program = trapped(world)
    amount = 0 if taken == 0 else 2 * ONE + taken
    paid = (world.weth.address, call("mint(address,uint256)", world.executor.address, 2 * ONE), False)
    pool.script([taking(world, pool, amount), paid], 0, 0)

    with world.reverts(f"erc20: {words}" if words else ""):
        world.execute(program)


def test_curve_pool__takes_another_token_that_is_held__reverts(world: World) -> None:
    pool, program = trapped(world)
    world.usdc.mint(world.executor, ONE)
    pool.script([taking(world, pool, ONE, world.usdc)], 0, 0)

    with world.reverts(""):
        world.execute(program)


@pytest.mark.parametrize("claimed", [0, 2**200])
def test_curve_pool__pays_nothing_and_claims_much__reverts(world: World, claimed: int) -> None:
    pool, program = trapped(world)
    pool.script([taking(world, pool, 2 * ONE)], claimed, claimed)

    with pytest.raises(Reverted), world.unharmed(exactly=True):
        world.execute(program)


def test_curve_pool__pays_but_what_the_loan_needs__gains_nothing_of_the_held(world: World) -> None:
    """What the executor happens to hold does not make up for what the pool did not pay."""
    world.weth.mint(world.executor, 10 * ONE)
    pool, program = trapped(world)
    pool.script([taking(world, pool, 2 * ONE)], 0, 0)

    with world.reverts("profit: below minimum"):
        world.execute(program)


def test_curve_pool__reenters_by_every_door__achieves_nothing(world: World) -> None:
    pool, program = trapped(world)
    paid = (world.weth.address, call("mint(address,uint256)", world.executor.address, 2 * ONE), False)
    us = world.executor.address
    tried = [
        (us, encode(program)[:2_048], True),
        (us, call("swap_held(uint256,uint256,address)", 0, ONE, pool.address), True),
        (us, call("unlockCallback(bytes)", b""), True),
        (AAVE, call(SIMPLE, us, world.weth.address, ONE, b"", 0), True),
        (VAULT, call("flashLoan(address,address[],uint256[],bytes)", us, [world.weth.address], [ONE], b""), True),
    ]
    pool.script([*tried, taking(world, pool, 2 * ONE), paid], 0, 0)
    world.executor.add_operator(pool, sender=world.owner)
    roles = world.executor.operators()

    world.execute(program)

    assert world.gain(world.weth) == ONE
    world.executor.remove_operator(pool, sender=world.owner)
    assert pool.address in roles


def test_curve_pool_of_ether__pays_none__reverts(world: World) -> None:
    pool, program = trapped(world, native=True)
    pool.script([taking(world, pool, 2 * ONE)], 0, 0)
    world.chain.set_balance(world.executor.address, 10 * ONE)

    with pytest.raises(Reverted), world.unharmed(exactly=True):
        world.execute(program)


def test_ether__from_anybody_but_who_owes_it__is_refused(world: World) -> None:
    for sender in (world.stranger, world.operator, world.owner, MANAGER, VAULT):
        with pytest.raises(Reverted, match="weth: unexpected ether"):
            world.send(b"", sender, value=1)


def test_venues_ever_used__take_nothing_later(world: World) -> None:
    for funding in (Funding.AAVE_V3, Funding.MORPHO, Funding.UNISWAP_V4):
        world.execute(under(world, funding, gainful(world, ("curve", "balancer_v2"))))
    for token in (world.weth, world.usdc, world.dai):
        token.mint(world.executor, ONE)

    for spender in world.venues.spenders:
        for token in (world.weth, world.usdc, world.dai):
            with pytest.raises(Reverted):
                token.transferFrom(world.executor, spender, 1, sender=spender)


@pytest.mark.parametrize("dexes", [("uniswap_v3", "sushi_v3"), ("curve", "balancer_v3")])
def test_manager__is_unlocked_by_a_stranger__runs_nothing_of_ours(world: World, dexes: tuple[str, str]) -> None:
    """Both call their caller back, never us."""
    world.execute(under(world, Funding.UNISWAP_V4, gainful(world, dexes)))

    with world.unharmed(exactly=True):
        for lender in (MANAGER, VAULT_V3):
            with suppress(Reverted):
                world.send(call("unlock(bytes)", call("onBalancerV3Unlock()")), world.stranger, lender)
