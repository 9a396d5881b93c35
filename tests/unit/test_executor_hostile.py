"""
Pools that nobody vouches for, tokens with whims, and what is left of a route for others to take.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from keeper.plan import CurveDetail, Funding, Guard, Hop, Route, encode
from tests.executor_hostile import deltas, on_v3_swap, profitable, scripted_pool, through, through_a_hook
from tests.executor_routes import LENDERS, can_open, gainful, under
from tests.executor_world import (
    ONE,
    PLENTY,
    VAULT,
    WETH,
    Reverted,
    World,
    build,
    call,
    cycle,
    hop,
    lower,
    number,
    place,
    plan,
    undone,
)

#: What the executor holds, and what no attack may take.
HELD = 10 * ONE

#: Ways through a token: into it and out of it, under whom.
WAYS = [
    (("uniswap_v3", "sushi_v3"), Funding.NONE),
    (("sushi_v2", "uniswap_v3"), Funding.NONE),
    (("curve", "sushi_v3"), Funding.MORPHO),
    (("sushi_v3", "curve"), Funding.AAVE_V3),
    (("balancer_v2", "sushi_v2"), Funding.AAVE_V3),
]


@pytest.fixture(scope="module")
def made() -> World:
    return build()


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with undone(made) as world:
        world.weth.mint(world.executor, HELD)
        yield world


def curve_route(world: World, single: Hop) -> Route:
    """
    Return a route into DAI through any Curve pool, and back.
    """
    world.v3("sushi_v3", world.dai, world.weth, (6, 10))
    world.venues.spenders.append(single.pool)
    return Route((single, hop("sushi_v3", world.dai, world.weth)), Funding.NONE, ONE, 1)


def fake_curve(world: World, paid: int, *calls: tuple[Any, bytes, bool], **how: bool) -> Route:
    """
    Place a Curve pool that takes what it may, calls whom it likes and pays this; return a route through it.
    """
    single = hop("curve", world.weth, world.dai, **how)
    pool = place("ScriptMock", single.pool)
    world.dai.mint(pool, PLENTY)
    take = call("transferFrom(address,address,uint256)", world.executor.address, single.pool, ONE)
    give = call("transfer(address,uint256)", world.executor.address, paid)
    taken = [] if how.get("native") else [(world.weth.address, take, False)]
    pool.script([*taken, *calls, (world.dai.address, give, False)], 10 * ONE, 10 * ONE)
    return curve_route(world, single)


def in_place_of_weth(world: World) -> tuple[World, Any]:
    """
    Return the world with an executor whose first profit token has whims.
    """
    token = world.token("UnrulyTokenMock")
    roles = world.owner, world.guardian, world.treasury
    executor = world.chain.deploy("Executor", *roles, [token.address, world.usdc.address], [world.operator])
    return replace(world, weth=token, executor=executor), token


# Two programs in one transaction


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("dexes", "funding"), WAYS)
def test_operator__batches_two_programs__vault_finds_no_permission_between(
    world: World, dexes: tuple[str, str], funding: Funding, fails: bool
) -> None:
    """As an account with delegated code would; titanoboa has none, a contract stands in."""
    route = gainful(world, dexes)
    good = encode(under(world, funding, route))
    first = encode(under(world, funding, replace(route, min_profit=ONE))) if fails else good
    lend = call("flashLoan(address,address[],uint256[],bytes)", world.executor.address, [WETH], [ONE], b"")
    operator = place("ScriptMock", "0x" + "0e" * 20)
    world.executor.add_operator(operator, sender=world.owner)
    batch = [(world.executor, first, True), (VAULT, lend, False), (world.executor, good, False)]

    operator.script(batch, 0, 0)
    with world.reverts("callback: unexpected caller"):
        world.send(b"any", sender=world.stranger, to=operator)
    operator.script([batch[0], (VAULT, lend, True), batch[2]], 0, 0)
    with world.unharmed():
        world.send(b"any", sender=world.stranger, to=operator)
    assert world.gain(world.weth) > ONE // 6
    assert (world.gain(world.weth) > ONE // 3) is not fails


# Curve pools: any address may be named


@pytest.mark.parametrize("paid", [0, 1, ONE])
def test_curve_pool__pays_less_than_it_says__reverts(world: World, paid: int) -> None:
    trade = under(world, Funding.MORPHO, fake_curve(world, paid))

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(trade)


def test_curve_pool__pays_more_than_it_says__all_is_taken(world: World) -> None:
    with world.unharmed():
        world.execute(under(world, Funding.MORPHO, fake_curve(world, 100 * ONE)))

    assert world.gain(world.weth) == 59 * ONE


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
    world.dai.mint(world.executor, HELD)

    with world.reverts(""):
        world.execute(under(world, Funding.MORPHO, curve_route(world, wrong)))


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("which", ["nothing", "weth", "dai", "executor", "vault", 1, 2, 4, 9])
def test_curve_pool__is_no_pool__reverts(world: World, which: str | int, native: bool) -> None:
    addresses = {"nothing": "0x" + "77" * 20, "weth": WETH, "dai": world.dai.address, "vault": VAULT}
    address = addresses.get(str(which), world.executor.address)
    if isinstance(which, int):
        address = "0x" + which.to_bytes(20).hex()
    single = replace(hop("curve", world.weth, world.dai, native=native), pool=lower(address))

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(under(world, Funding.MORPHO, curve_route(world, single)))


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
        call("sweep(address)", WETH): "roles: caller is not the owner",
    }
    pool = hop("curve", world.weth, world.dai, native=native).pool
    if is_operator:
        world.executor.add_operator(pool, sender=world.owner)
    for data, words in entries.items():
        with undone(world) as inner:
            route = fake_curve(inner, 2 * ONE, (inner.executor, data, False), native=native)
            with inner.reverts(words):
                inner.execute(under(inner, Funding.MORPHO, route))


# Views that lie, prices that move


@pytest.mark.parametrize("said", [0, ONE, 3 * ONE, PLENTY, 2**127])
def test_pair__says_that_it_gives_what_it_does_not__reverts(world: World, said: int) -> None:
    world.v3("uniswap_v3", world.weth, world.usdc, (2, 1))
    back = hop("camelot_v2", world.usdc, world.weth)
    place("ScriptMock", back.pool).script([], said, 0)

    with world.reverts("profit: below minimum"):
        world.execute(plan(world, (hop("uniswap_v3", world.weth, world.usdc), back)))


@pytest.mark.parametrize("funding", [Funding.NONE, Funding.BALANCER_V2])
def test_token__moves_the_next_price_after_the_guard__reverts(world: World, funding: Funding) -> None:
    token, hops = through_a_hook(world)
    pool = world.chain.at("mocks/UniswapV3PoolMock", hops[1].pool)
    ordered = sorted((token, world.weth), key=number)
    rate = (1, 10) if ordered[0] is token else (10, 1)
    signature = "initialize(address,address,uint256,uint256,uint256)"
    worse = call(signature, ordered[0].address, ordered[1].address, *rate, 0)
    price = int(pool.slot0()[0])
    guarded = plan(world, hops, funding, second_guard=Guard(price - 2**33, price + 2**33))
    with undone(world) as inner:
        inner.execute(guarded)
    token.set_hook(pool, worse)

    with world.reverts("profit: below minimum"):
        world.execute(guarded)


# Allowances


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("funding", LENDERS)
@pytest.mark.parametrize("dexes", [("curve", "balancer_v2"), ("uniswap_v4", "curve"), ("balancer_v3", "sushi_v2")])
def test_allowances__after_a_route_that_gains_or_fails__nobody_takes_anything(
    world: World, dexes: tuple[str, str], funding: Funding, fails: bool
) -> None:
    if not can_open(funding, dexes):
        funding = Funding.MORPHO
    route = gainful(world, dexes)
    if fails:
        with world.reverts("profit: below minimum"):
            world.execute(under(world, funding, replace(route, min_profit=ONE)))
    else:
        world.execute(under(world, funding, route))
    world.dai.mint(world.executor, HELD)

    pools = [single.pool for single in route.hops]
    with world.unharmed(exactly=True):
        for token, spender in product((world.weth, world.dai), {*world.venues.spenders, *pools, world.operator}):
            data = call("transferFrom(address,address,uint256)", world.executor.address, spender, 1)
            with pytest.raises(Reverted):
                world.send(data, sender=spender, to=token)


# Tokens with whims


@pytest.mark.parametrize(("dexes", "funding"), WAYS)
def test_token__refuses_to_move_zero__is_traded(world: World, dexes: tuple[str, str], funding: Funding) -> None:
    token, hops = through(world, "UnrulyTokenMock", dexes)
    token.set_refuses_zero(True)

    with world.unharmed():
        world.execute(under(world, funding, Route(hops, Funding.NONE, ONE, 1)))

    assert world.gain(world.weth) > ONE // 6


@pytest.mark.parametrize("whim", ["paused", "gas", "shout"])
@pytest.mark.parametrize(("dexes", "funding"), WAYS)
def test_token__does_not_move__reverts_at_a_bounded_price(
    world: World, dexes: tuple[str, str], funding: Funding, whim: str
) -> None:
    token, hops = through(world, "UnrulyTokenMock", dexes)
    data = encode(under(world, funding, Route(hops, Funding.NONE, ONE, 1)))
    {
        "paused": lambda: token.set_paused(True),
        "gas": lambda: token.set_burns_gas(True),
        "shout": lambda: token.set_words(b"!" * 65_536),
    }[whim]()

    with world.unharmed(exactly=True):
        outcome = world.chain.send(world.executor.address, world.operator, data)

    assert outcome.is_error
    # Who burns gas can burn all that there is; whoever shouts is paid for by the byte, once per frame it passes.
    assert whim == "gas" or outcome.gas_used < 6_000_000


@pytest.mark.parametrize("rate", [(9, 10), (99, 100), (1, 2)])
@pytest.mark.parametrize(("dexes", "funding"), WAYS[:4])
def test_token__shrinks_amid_a_route__reverts(
    world: World, dexes: tuple[str, str], funding: Funding, rate: tuple[int, int]
) -> None:
    token, hops = through(world, "UnrulyTokenMock", dexes)
    token.set_rebase(*rate)

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(under(world, funding, Route(hops, Funding.NONE, ONE, ONE // 5)))


@pytest.mark.parametrize(("dexes", "funding"), WAYS)
def test_token__grows_amid_a_route__does_no_harm(world: World, dexes: tuple[str, str], funding: Funding) -> None:
    token, hops = through(world, "UnrulyTokenMock", dexes)
    token.set_rebase(11, 10)

    with world.unharmed():
        world.execute(under(world, funding, Route(hops, Funding.NONE, ONE, 1)))


@pytest.mark.parametrize("lie", [-ONE, -1, 1, ONE, 2**128, 2**254])
def test_token__lies_about_what_a_curve_pool_paid__reverts_or_does_no_harm(world: World, lie: int) -> None:
    token, hops = through(world, "UnrulyTokenMock", ("curve", "sushi_v3"))
    token.set_lie(world.executor, lie)
    trade = under(world, Funding.MORPHO, Route(hops, Funding.NONE, ONE, 1))

    if -ONE < lie < 0:
        with world.unharmed():
            world.execute(trade)
    else:
        with world.unharmed(exactly=True), pytest.raises(Reverted):
            world.execute(trade)


@pytest.mark.parametrize("who", ["executor", "treasury", "all"])
def test_profit_token__bans_or_pauses__reverts_and_nothing_is_stuck(world: World, who: str) -> None:
    other, token = in_place_of_weth(world)
    hops = profitable(other)
    trade = plan(other, hops)
    if who == "all":
        token.set_paused(True)
    else:
        token.set_banned({"executor": other.executor.address, "treasury": other.treasury}[who])

    with other.unharmed(exactly=True), pytest.raises(Reverted):
        other.execute(trade)
    token.set_paused(False)
    token.set_banned("0x" + "00" * 20)
    other.execute(trade)
    assert other.gain(token) == ONE // 5


def test_profit_token__refuses_to_move_zero_and_nothing_is_gained__reverts(world: World) -> None:
    other, token = in_place_of_weth(world)
    other.v3("uniswap_v3", token, other.usdc, (2, 1))
    other.v3("sushi_v3", other.usdc, token, (1, 2))
    token.set_refuses_zero(True)

    with other.reverts("token: zero"):
        other.execute(plan(other, cycle(("uniswap_v3", "sushi_v3"), (token, other.usdc)), min_profit=0))


# Amounts


@pytest.mark.parametrize("amount", [0, 1])
@pytest.mark.parametrize(("dexes", "funding"), WAYS)
def test_execute__next_to_nothing__does_no_harm(
    world: World, dexes: tuple[str, str], funding: Funding, amount: int
) -> None:
    marker = 2**80 + 1
    route = replace(gainful(world, dexes), amount_in=marker, min_profit=0)
    data = encode(under(world, funding, route))
    # The encoder refuses to encode nothing.
    assert marker.to_bytes(11) in data
    data = data.replace(marker.to_bytes(11), amount.to_bytes(11))

    with world.unharmed():
        world.chain.send(world.executor.address, world.operator, data)


@pytest.mark.parametrize("more", [2**88, 2**128, 2**254])
def test_pool__asks_for_more_than_the_permission_can_tell__reverts(world: World, more: int) -> None:
    """The permission knows 88 bits of the amount: the profit is checked all the same."""
    pool, hops = scripted_pool(world)
    world.usdc.mint(pool, 2 * ONE)
    world.weth.mint(world.executor, 2**255)
    sent = call("transfer(address,uint256)", world.executor.address, 2 * ONE)
    asked = on_v3_swap(pool, ONE + more, -2 * ONE)
    calls = [(world.usdc.address, sent, False), (world.executor.address, asked, False)]
    pool.script(calls, *deltas(pool, ONE, -2 * ONE))

    with world.reverts("profit: below minimum"):
        world.execute(plan(world, hops))
