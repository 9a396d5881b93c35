"""
Lenders that are hostile or that a stranger sends, and what venues find later.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from keeper.plan import Funding, pool_address
from tests.executor_routes import LENDERS, can_open, gainful, under
from tests.executor_venues import AAVE, MORPHO, VAULT_V3
from tests.executor_world import MANAGER, ONE, V3_FEE, VAULT, Reverted, World, call, lower, undone

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


def test_ether__from_anybody_but_who_owes_it__is_refused(world: World) -> None:
    for sender in (world.stranger, world.operator, world.owner, MANAGER, VAULT):
        with pytest.raises(Reverted, match="weth: unexpected ether"):
            world.send(b"", sender, value=1)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("funding", LENDERS)
@pytest.mark.parametrize("dexes", [("curve", "balancer_v2"), ("uniswap_v4", "curve"), ("balancer_v3", "sushi_v2")])
def test_venues_ever_used__take_nothing_later(
    world: World, dexes: tuple[str, str], funding: Funding, fails: bool
) -> None:
    """Whether the route gained or failed, neither they nor an operator find an allowance."""
    if not can_open(funding, dexes):
        funding = Funding.MORPHO
    route = gainful(world, dexes)
    if fails:
        with world.reverts("profit: below minimum"):
            world.execute(under(world, funding, replace(route, min_profit=ONE)))
    else:
        world.execute(under(world, funding, route))
    tokens = world.weth, world.usdc, world.dai
    for token in tokens:
        token.mint(world.executor, ONE)

    pools = [single.pool for single in route.hops]
    with world.unharmed(exactly=True):
        for token, spender in product(tokens, {*world.venues.spenders, *pools, world.operator}):
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
