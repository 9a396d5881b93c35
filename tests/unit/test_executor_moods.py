"""
Tokens that rebase, lie, refuse, and burn gas; and prices that lie or move.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from keeper.plan import Funding, Guard, Route, encode
from tests.executor_revm import RevmChain
from tests.executor_routes import BACK, LENDERS, THERE, gainful, under
from tests.executor_world import ONE, Reverted, World, build, call, cycle, undone

#: Pairs that between them have every way in which a pool is paid.
WAYS = [("uniswap_v3", "sushi_v3"), ("sushi_v2", "uniswap_v3"), ("curve", "balancer_v2"), ("balancer_v3", "uniswap_v4")]
#: Enough for any route, too little to burn.
BLOCK_GAS = 30_000_000


@pytest.fixture(scope="module")
def made() -> World:
    return build(RevmChain())


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with undone(made) as world, world.unharmed():
        yield world


def moody(world: World, dexes: tuple[str, str], funding: Funding = Funding.MORPHO) -> tuple[Any, Any]:
    """
    Return a token without a mood yet, and a plan through it that gains.
    """
    token = world.token("MoodyTokenMock")
    return token, under(world, funding, gainful(world, dexes, middle=token))


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


@pytest.mark.parametrize("dexes", WAYS)
@pytest.mark.parametrize("rebase", [-1, -100])
def test_token__shrinks_on_its_way__reverts(world: World, dexes: tuple[str, str], rebase: int) -> None:
    token, program = moody(world, dexes)
    world.execute(program)
    gain = world.gain(world.weth)
    token.set_rebase(rebase)

    if dexes[0] == "curve":
        # What a Curve pool sent is measured, so that the rest of the route goes on with what came.
        world.execute(program)
        assert 0 < world.gain(world.weth) - gain < gain
    else:
        with pytest.raises(Reverted), world.unharmed(exactly=True):
            world.execute(program)


@pytest.mark.parametrize("dexes", WAYS)
def test_token__grows_on_its_way__leaves_what_is_swept_later(world: World, dexes: tuple[str, str]) -> None:
    token, program = moody(world, dexes)
    token.set_rebase(100)

    try:
        world.execute(program)
    except Reverted:
        return
    assert world.gain(world.weth) >= 1


@pytest.mark.parametrize("dexes", WAYS)
def test_token__was_paused_since_the_plan__reverts(world: World, dexes: tuple[str, str]) -> None:
    token, program = moody(world, dexes)
    token.set_paused(True)

    with pytest.raises(Reverted), world.unharmed(exactly=True):
        world.execute(program)


@pytest.mark.parametrize("who", ["executor", "treasury"])
@pytest.mark.parametrize("funding", [Funding.NONE, *LENDERS])
def test_profit_token__that_blacklists_us__reverts_and_holds_nothing(world: World, funding: Funding, who: str) -> None:
    other, token = listed(world)
    if funding is Funding.UNISWAP_V3:
        other.v3("uniswap_v3", token, other.bank, (1, 1))
    program = under(other, funding, gainful(other, ("uniswap_v3", "sushi_v3")))
    token.set_blacklisted(getattr(other, who))

    with pytest.raises(Reverted), other.unharmed(exactly=True):
        other.execute(program)
    assert token.balanceOf(other.executor) == 0


@pytest.mark.parametrize("lie", [0, ONE, 2**255])
def test_profit_token__that_lies_about_our_balance__sends_no_more_than_there_is(world: World, lie: int) -> None:
    """The same lie before and after is no gain."""
    other, token = listed(world)
    program = under(other, Funding.NONE, gainful(other, ("uniswap_v3", "sushi_v3")))
    token.set_lie(other.executor, lie)

    with other.reverts("profit: below minimum"):
        other.execute(program)


@pytest.mark.parametrize("dexes", WAYS)
def test_token__that_lies_about_our_balance__gains_nothing_by_it(world: World, dexes: tuple[str, str]) -> None:
    token, program = moody(world, dexes)
    token.set_lie(world.executor, 2**255)

    try:
        world.execute(program)
    except Reverted:
        return
    assert world.gain(world.weth) > ONE // 6


@pytest.mark.parametrize("dexes", WAYS)
@pytest.mark.parametrize("mood", ["set_burning", "set_bomb"])
def test_token__burns_gas_or_throws_64_kilobytes__reverts_whole(
    world: World, dexes: tuple[str, str], mood: str
) -> None:
    token, program = moody(world, dexes)
    getattr(token, mood)(True)

    with pytest.raises((RuntimeError, Reverted)), world.unharmed(exactly=True):
        try:
            world.chain.evm.message_call(world.operator, world.executor.address, encode(program), gas=BLOCK_GAS)
        finally:
            world.chain.evm.reset_transient_storage()


@pytest.mark.parametrize("dexes", WAYS)
def test_token__refuses_to_move_nothing__is_never_asked_to(world: World, dexes: tuple[str, str]) -> None:
    token, program = moody(world, dexes)
    token.set_refusing_zero(True)

    world.execute(program)

    assert world.gain(world.weth) > ONE // 6


@pytest.mark.parametrize("dex", ["curve", "balancer_v2"])
@pytest.mark.parametrize(("approval", "words"), [(0, None), (1, None), (2, "erc20: approval failed"), (3, None)])
def test_token__approves_in_its_own_way__is_accepted_unless_it_says_no(
    world: World, dex: str, approval: int, words: str | None
) -> None:
    token, program = moody(world, ("sushi_v3", dex))
    token.set_approval(approval)

    if words:
        with world.reverts(words):
            world.execute(program)
    else:
        world.execute(program)
        world.execute(program)
        assert world.gain(world.weth) == 2 * (ONE // 5)


def test_token__ignores_allowances__leaves_ours_and_reverts(world: World) -> None:
    token, program = moody(world, ("sushi_v3", "curve"))
    token.set_ignoring_allowance(True)

    with world.reverts("erc20: allowance is left"):
        world.execute(program)


@pytest.mark.parametrize("moved", [1, 5, 50, 500])
@pytest.mark.parametrize("dex", ["uniswap_v3", "curve"])
def test_price__moved_before_us_by_basis_points__is_seen_by_the_guard_or_the_minimum(
    world: World, dex: str, moved: int
) -> None:
    route = replace(gainful(world, ("sushi_v3", dex)), min_profit=ONE // 5)
    world.execute(under(world, Funding.MORPHO, route))
    world.pool(dex, world.dai, world.weth, (BACK[0] * (10_000 - moved), BACK[1] * 10_000))

    with world.reverts("profit: below minimum"):
        world.execute(under(world, Funding.MORPHO, route))
    if dex == "uniswap_v3":
        price = world.chain.at("mocks/UniswapV3PoolMock", route.hops[1].pool).slot0()[0]
        with world.reverts("derivation: state out of bounds"):
            world.execute(under(world, Funding.MORPHO, replace(route, second_guard=Guard(price + 2**40, 2**160 - 1))))


def test_pool__moved_by_a_token_between_guard_and_swap__does_not_pass_the_minimum(world: World) -> None:
    """The token's hook makes the last pool worse when the guards have held."""
    token = world.token("HookTokenMock")
    world.pool("sushi_v3", world.weth, token, THERE)
    world.pool("uniswap_v3", token, world.dai, (1, 1))
    pool = world.pool("pancake_v3", world.dai, world.weth, BACK)
    hops = cycle(("sushi_v3", "uniswap_v3", "pancake_v3"), (world.weth, token, world.dai))
    guard = Guard(pool.slot0()[0], pool.slot0()[0])
    program = under(world, Funding.MORPHO, Route(hops, Funding.NONE, ONE, ONE // 5, more_guards=(guard,)))
    world.execute(program)
    worse = (599, 1_000) if int(world.dai.address, 16) < int(world.weth.address, 16) else (1_000, 599)
    tokens = pool.token0(), pool.token1()
    token.set_hook(pool, call("initialize(address,address,uint256,uint256,uint256)", *tokens, *worse, 1))

    with world.reverts("profit: below minimum"):
        world.execute(program)
