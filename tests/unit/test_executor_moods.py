"""
Tokens that rebase, lie, refuse, burn gas, or are upgraded amid it all.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from keeper.plan import Funding, Plan, encode
from tests.executor_routes import LENDERS, gainful, under
from tests.executor_world import ONE, Reverted, World, cycle, plan, undone

#: Routes through a token, short programs first, that between them have every way in which a pool is paid.
WAYS = [
    (("uniswap_v3", "sushi_v3"), Funding.NONE),
    (("sushi_v2", "uniswap_v3"), Funding.NONE),
    (("uniswap_v3", "sushi_v3"), Funding.MORPHO),
    (("sushi_v2", "uniswap_v3"), Funding.MORPHO),
    (("balancer_v2", "sushi_v2"), Funding.AAVE_V3),
    (("balancer_v3", "uniswap_v4"), Funding.MORPHO),
    (("sushi_v3", "curve"), Funding.AAVE_V3),
    (("curve", "sushi_v3"), Funding.MORPHO),
    (("curve", "balancer_v2"), Funding.MORPHO),
]
#: What a Curve pool sent is asked of the token; what others sent they say themselves.
ASKED = WAYS[-2:]
#: How balances grow and shrink: the recipient's by ten-thousandths, or everybody's by a share.
SHRINKING = [
    ("set_rebase", (-1,)),
    ("set_rebase", (-100,)),
    ("set_share", (99, 100)),
    ("set_share", (9, 10)),
    ("set_share", (1, 2)),
]
GROWING = [("set_rebase", (100,)), ("set_share", (11, 10))]
#: Enough for any route, too little to burn.
BLOCK_GAS = 30_000_000

ways = pytest.mark.parametrize(("dexes", "funding"), WAYS)


@pytest.fixture
def world(made: World) -> Iterator[World]:
    """With an executor that could pay for a loss."""
    with undone(made) as world:
        world.weth.mint(world.executor, 10 * ONE)
        with world.unharmed():
            yield world


def moody(world: World, dexes: tuple[str, str], funding: Funding) -> tuple[Any, Plan, int]:
    """
    Return a token without a mood yet, a plan through it, and what the plan gains.
    """
    token = world.token("MoodyTokenMock")
    program = under(world, funding, gainful(world, dexes, middle=token))
    with undone(world) as inner:
        inner.execute(program)
        return token, program, inner.gain(inner.weth)


def demanding(program: Plan, minimum: int) -> Plan:
    return replace(program, routes=tuple(replace(route, min_profit=minimum) for route in program.routes))


def listed(world: World) -> tuple[World, Any]:
    """
    Return the same with another executor, which lists such a token first.
    """
    token = world.token("MoodyTokenMock")
    world.venues.fill(token)
    executor = world.chain.deploy(
        "Executor", world.owner, world.guardian, world.treasury, [token.address, world.usdc.address], [world.operator]
    )
    return replace(world, executor=executor, weth=token), token


# Balances that change by themselves


@pytest.mark.parametrize(("mood", "change"), SHRINKING)
@ways
def test_token__shrinks_on_its_way__reverts(
    world: World, dexes: tuple[str, str], funding: Funding, mood: str, change: tuple[int, ...]
) -> None:
    token, program, gain = moody(world, dexes, funding)
    getattr(token, mood)(*change)

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(demanding(program, gain))


@pytest.mark.parametrize(
    ("dexes", "mood", "change"),
    [
        (("curve", "balancer_v2"), "set_rebase", (-1,)),
        (("curve", "balancer_v2"), "set_rebase", (-100,)),
        (("curve", "sushi_v3"), "set_share", (99, 100)),
        (("curve", "sushi_v3"), "set_share", (9, 10)),
    ],
)
def test_token__shrinks_when_it_is_measured__route_goes_on_with_what_came(
    world: World, dexes: tuple[str, str], mood: str, change: tuple[int, ...]
) -> None:
    token, program, gain = moody(world, dexes, Funding.MORPHO)
    getattr(token, mood)(*change)

    world.execute(program)

    assert 0 < world.gain(world.weth) < gain


@pytest.mark.parametrize(("mood", "change"), GROWING)
@ways
def test_token__grows_on_its_way__leaves_what_is_swept_later(
    world: World, dexes: tuple[str, str], funding: Funding, mood: str, change: tuple[int, ...]
) -> None:
    token, program, gain = moody(world, dexes, funding)
    getattr(token, mood)(*change)

    if "uniswap_v4" in dexes and mood == "set_rebase":
        # The PoolManager finds more than it was told, and lends it to nobody.
        with world.reverts("CurrencyNotSettled"):
            world.execute(program)
        return
    world.execute(program)

    assert world.gain(world.weth) >= gain
    left = token.balanceOf(world.executor)
    world.executor.sweep(token, sender=world.owner)
    assert token.balanceOf(world.treasury) >= left


@pytest.mark.parametrize(("numerator", "denominator"), [(1, 10**12), (10**12, 1)])
@ways
def test_token__changes_its_decimals__gains_what_was_asked_or_reverts(
    world: World, dexes: tuple[str, str], funding: Funding, numerator: int, denominator: int
) -> None:
    """An upgrade amid plan and execution: all that the pools have of it is of other units. Nobody asks for decimals."""
    token, program, gain = moody(world, dexes, funding)
    hops = program.routes[0].hops
    holders = {*(hop.pool for hop in hops), *(lender.address for lender in world.venues.lenders.values())}
    token.redenominate(sorted(holders), numerator, denominator)

    # Pools miss what they should pay; a pair with more than its reserves has no room for it.
    if denominator > 1 or "sushi_v2" in dexes:
        with world.unharmed(exactly=True), pytest.raises(Reverted):
            world.execute(demanding(program, gain))
    else:
        world.execute(demanding(program, gain))
        assert world.gain(world.weth) == gain


# Lies


@pytest.mark.parametrize("lie", [0, ONE, 2**255])
@ways
def test_token__that_lies_about_our_balance__is_believed_by_nobody_who_pays(
    world: World, dexes: tuple[str, str], funding: Funding, lie: int
) -> None:
    token, program, gain = moody(world, dexes, funding)
    token.set_lie(world.executor, lie)

    if (dexes, funding) in ASKED:
        with world.unharmed(exactly=True), pytest.raises(Reverted):
            world.execute(program)
    else:
        world.execute(program)
        assert world.gain(world.weth) == gain


@pytest.mark.parametrize("lie", [-ONE, -1, 1, ONE, 2**128, 2**254])
@pytest.mark.parametrize("dexes", [dexes for dexes, _ in ASKED])
def test_token__lies_about_what_a_curve_pool_paid__reverts_or_gains_less(
    world: World, dexes: tuple[str, str], lie: int
) -> None:
    token, program, gain = moody(world, dexes, Funding.MORPHO)
    token.set_excess(world.executor, lie)

    if -ONE < lie < 0:
        world.execute(program)
        assert 0 < world.gain(world.weth) <= gain
    else:
        with world.unharmed(exactly=True), pytest.raises(Reverted):
            world.execute(program)


@pytest.mark.parametrize("lie", [0, ONE, 2**255])
def test_profit_token__that_lies_about_our_balance__sends_no_more_than_there_is(world: World, lie: int) -> None:
    """The same lie before and after is no gain."""
    other, token = listed(world)
    program = under(other, Funding.NONE, gainful(other, ("uniswap_v3", "sushi_v3")))
    token.set_lie(other.executor, lie)

    with other.reverts("profit: below minimum"):
        other.execute(program)


# Refusals


@pytest.mark.parametrize("mood", ["set_paused", "set_bomb", "set_burning"])
@ways
def test_token__does_not_move__reverts_whole_and_at_a_bounded_price(
    world: World, dexes: tuple[str, str], funding: Funding, mood: str
) -> None:
    """It was paused since the plan, throws 64 kilobytes, or burns all the gas that there is."""
    token, program, _ = moody(world, dexes, funding)
    getattr(token, mood)(True)

    with world.unharmed(exactly=True):
        outcome = world.chain.send(world.executor.address, world.operator, encode(program), gas=BLOCK_GAS)

    assert outcome.is_error
    assert 0 < outcome.gas_used < (BLOCK_GAS if mood == "set_burning" else 500_000)


@ways
def test_token__refuses_to_move_nothing__is_never_asked_to(
    world: World, dexes: tuple[str, str], funding: Funding
) -> None:
    token, program, gain = moody(world, dexes, funding)
    token.set_refusing_zero(True)

    world.execute(program)

    assert world.gain(world.weth) == gain > ONE // 6


@pytest.mark.parametrize("who", ["executor", "treasury", "everybody"])
@pytest.mark.parametrize("funding", [Funding.NONE, *LENDERS])
def test_profit_token__that_blacklists_us__reverts_and_holds_nothing(world: World, funding: Funding, who: str) -> None:
    other, token = listed(world)
    if funding is Funding.UNISWAP_V3:
        other.v3("uniswap_v3", token, other.bank, (1, 1))
    program = under(other, funding, gainful(other, ("uniswap_v3", "sushi_v3")))
    if who == "everybody":
        token.set_paused(True)
    else:
        token.set_blacklisted(getattr(other, who))

    with other.unharmed(exactly=True), pytest.raises(Reverted):
        other.execute(program)
    assert token.balanceOf(other.executor) == 0

    token.set_paused(False)
    token.set_blacklisted("0x" + "00" * 20)
    other.execute(program)
    assert other.gain(token) > ONE // 6


def test_profit_token__refuses_to_move_zero_and_nothing_is_gained__reverts(world: World) -> None:
    other, token = listed(world)
    other.v3("uniswap_v3", token, other.usdc, (2, 1))
    other.v3("sushi_v3", other.usdc, token, (1, 2))
    token.set_refusing_zero(True)

    with other.reverts("token: nothing"):
        other.execute(plan(other, cycle(("uniswap_v3", "sushi_v3"), (token, other.usdc)), min_profit=0))


# Allowances


@pytest.mark.parametrize("funding", [Funding.NONE, Funding.MORPHO])
@pytest.mark.parametrize("dex", ["curve", "balancer_v2"])
@pytest.mark.parametrize(("approval", "words"), [(0, None), (1, None), (2, "erc20: approval failed"), (3, None)])
def test_token__approves_in_its_own_way__is_accepted_unless_it_says_no(
    world: World, funding: Funding, dex: str, approval: int, words: str | None
) -> None:
    token, program, gain = moody(world, ("sushi_v3", dex), funding)
    token.set_approval(approval)

    if words:
        with world.reverts(words):
            world.execute(program)
    else:
        world.execute(program)
        world.execute(program)
        assert world.gain(world.weth) == 2 * gain == 2 * (ONE // 5)


def test_token__ignores_allowances__leaves_ours_and_reverts(world: World) -> None:
    token, program, _ = moody(world, ("sushi_v3", "curve"), Funding.MORPHO)
    token.set_ignoring_allowance(True)

    with world.reverts("erc20: allowance is left"):
        world.execute(program)
