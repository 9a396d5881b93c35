"""
What only one check stands against: without it each of these would succeed, or fail for another reason.
"""

from dataclasses import replace

import pytest

from keeper.plan import CurveDetail, Funding, Guard, Plan, encode
from keeper.plan.bundle import program_of
from tests.executor_hostile import script, scripted_pool
from tests.executor_routes import LENDERS, LOST, SEVERAL, gainful, under
from tests.executor_venues import key
from tests.executor_world import FOREVER, MANAGER, ONE, V3_FEE, VAULT, World, call, cycle, plan, words, written

V4_KIND = 48


def test_accomplice__names_the_amount_in_the_pools_stead__is_refused(world: World) -> None:
    """The permission is the pool's; that the amount is right does not make a caller."""
    pool, hops = scripted_pool(world)
    accomplice = world.chain.place("mocks/ScriptMock", "0x" + "0a" * 20)
    accomplice.script([(world.executor.address, v3_callback(ONE, -2 * ONE), False)], 0, 0)
    pool.script([(accomplice.address, b"any", False)], ONE, -2 * ONE)
    world.usdc.mint(world.executor, 2 * ONE)

    with world.reverts("callback: unexpected caller"):
        world.execute(plan(world, hops))


def test_pool__tells_that_it_sent_nothing__is_owed_what_is_not_negative(world: World) -> None:
    pool, hops = scripted_pool(world)
    script(world, pool, [v3_callback(0, ONE)], delta_in=ONE, delta_out=0)
    world.weth.mint(world.executor, ONE)

    with world.reverts("callback: unexpected amount"):
        world.execute(plan(world, hops))


def test_first_group__whose_pool_does_not_exist__is_noticed_before_the_second(world: World) -> None:
    """The second group's permission would hide that the first one's was never used."""
    good = gainful(world, ("uniswap_v3", "sushi_v3"))
    absent = replace(good, hops=cycle(("pancake_v3", "sushi_v3"), (world.weth, world.dai)), min_profit=0)

    with world.reverts("callback: not delivered"):
        world.execute(Plan((absent, good), FOREVER, world.profit_tokens))


def test_operator__batches_two_bundles__each_has_its_own_minimum(world: World) -> None:
    route = replace(gainful(world, ("uniswap_v3", "sushi_v3")), min_profit=ONE // 5)
    bundle = encode(Plan((route, replace(route, min_profit=0)), FOREVER, world.profit_tokens))
    operator = world.chain.place("mocks/ScriptMock", "0x" + "0e" * 20)
    world.executor.add_operator(operator, sender=world.owner)
    operator.script([(world.executor.address, bundle, False)] * 3, 0, 0)

    world.send(b"any", sender=world.stranger, to=operator)

    assert world.gain(world.weth) == 3 * 2 * (ONE // 5)


@pytest.mark.parametrize("funding", [Funding.BALANCER_V3, Funding.UNISWAP_V4])
def test_lender__that_is_asked_for_nothing__is_refused(world: World, funding: Funding) -> None:
    """Else the routes would run with what happens to lie in the executor."""
    header, group, _, *routes = general(under(world, funding, gainful(world, ("uniswap_v3", "sushi_v3"))))
    program = [header, group - (1 << 200), *routes]
    world.weth.mint(world.executor, ONE)

    with world.reverts(""):
        world.send(written(program))


def test_route__of_one_hop__is_refused(world: World) -> None:
    """A pool of a token with itself does not exist; if one did, it would have to be no cycle's."""
    world.v3("sushi_v3", world.weth, world.weth, (1, 2))
    route = gainful(world, ("uniswap_v3", "sushi_v3"))
    *front, head, _, last = general(under(world, Funding.BALANCER_V3, route))
    program = [*front, head - (1 << 192), last]

    with world.reverts(""):
        world.send(written(program))


@pytest.mark.parametrize("funding", [Funding.UNISWAP_V3, Funding.AAVE_V3, Funding.MORPHO])
def test_lender_of_one_token__two_loans__is_refused(world: World, funding: Funding) -> None:
    """Routes of the other would run with what happens to lie in the executor."""
    header, group, loan, *routes = general(under(world, funding, gainful(world, ("pancake_v3", "sushi_v3"))))
    program = [header, group + (1 << 200), loan, loan + (1 << 88), *routes]

    with world.reverts(""):
        world.send(written(program))


def test_manager__that_has_no_weth__lends_ether(world: World) -> None:
    route = gainful(world, ("uniswap_v3", "sushi_v3"))
    world.weth.transfer(world.stranger, world.weth.balanceOf(MANAGER), sender=MANAGER)

    world.execute(under(world, Funding.UNISWAP_V4, replace(route, native=True)))

    assert world.gain(world.weth) == ONE // 5


def test_vault__that_lends_and_swaps__is_unlocked_once(world: World) -> None:
    route = gainful(world, ("balancer_v3", "sushi_v3"))

    world.execute(under(world, Funding.BALANCER_V3, route))

    assert world.gain(world.weth) > 0
    assert world.venues.lenders[Funding.BALANCER_V3].unlocks() == 1


def test_vault__takes_less_than_it_is_allowed__is_refused(world: World) -> None:
    route = gainful(world, ("sushi_v3", "balancer_v2"))
    vault = world.chain.place("mocks/ScriptMock", VAULT)
    vault.script([], 2 * ONE, 0)
    world.weth.mint(world.executor, 2 * ONE)

    with world.reverts("erc20: allowance is left"):
        world.execute(under(world, Funding.AAVE_V3, route))


def test_curve_pool_of_ether__for_another_token__is_refused(world: World) -> None:
    """Else it would be paid with WETH that happens to lie in the executor, and the token would stay there."""
    route = gainful(world, ("sushi_v3", "curve"))
    last = route.hops[-1]
    assert isinstance(last.detail, CurveDetail)
    odd = replace(route, hops=(route.hops[0], replace(last, detail=replace(last.detail, ether_in=True))))
    world.chain.place("mocks/ScriptMock", last.pool).script([], 0, 0)
    world.weth.mint(world.executor, 10 * ONE)

    with world.reverts(""):
        world.execute(under(world, Funding.AAVE_V3, odd))


def test_group__of_five_loans_whose_routes_are_left_out__is_refused(world: World) -> None:
    good = gainful(world, ("pancake_v3", "sushi_v3"))
    lost = replace(good, guard=LOST, tolerant=True)
    both = Plan(
        (*under(world, Funding.BALANCER_V2, lost).routes, *under(world, Funding.MORPHO, good).routes),
        FOREVER,
        world.profit_tokens,
    )
    world.execute(both)
    header, group, loan, *rest = general(both)

    with world.reverts(""):
        world.send(written([header, group + (4 << 200), *[loan] * 5, *rest]))


@pytest.mark.parametrize("bit", [0, 191])
@pytest.mark.parametrize(
    ("funding", "loans"),
    [(one, 1) for one in LENDERS if one is not Funding.UNISWAP_V3] + [(one, 2) for one in SEVERAL],
)
def test_lender__is_told_what_it_does_not_know__is_refused(
    world: World, funding: Funding, loans: int, bit: int
) -> None:
    first = gainful(world, ("pancake_v3", "sushi_v3"))
    other = gainful(world, ("pancake_v3", "sushi_v3"), start=world.usdc)
    both = under(world, funding, *[first, other][:loans])
    world.execute(both)
    header, group, *rest = general(both)
    assert group >> 200 & 255 == loans
    told = 1 << (bit or 1 if funding is Funding.UNISWAP_V4 else bit)

    with world.reverts(""):
        world.send(written([header, group | told, *rest]))


def test_pool__names_an_amount_that_differs_in_its_highest_bit__is_refused(world: World) -> None:
    pool, hops = scripted_pool(world)
    script(world, pool, [v3_callback(ONE + 2**87, -2 * ONE)], delta_in=ONE, delta_out=-2 * ONE)

    with world.reverts("callback: unexpected amount"):
        world.execute(plan(world, hops))


@pytest.mark.parametrize(("dex", "highest"), [("uniswap_v3", 2**159), ("uniswap_v4", 2**159), ("curve", 2**127)])
def test_guard__whose_upper_bound_is_only_its_highest_bit__holds(world: World, dex: str, highest: int) -> None:
    route = replace(gainful(world, (dex, "sushi_v3")), guard=Guard(1, highest))

    world.execute(under(world, Funding.MORPHO, route))

    assert world.gain(world.weth) > 0


def test_v4_pool__whose_fee_is_dynamic__is_found(world: World) -> None:
    """The flag is the highest bit of the fee; nobody but a hook sets such a pool's fee, so here it is zero."""
    route = gainful(world, ("uniswap_v4", "sushi_v3"))
    dynamic = replace(route.hops[0], fee_pips=2**23)
    manager = world.venues.lenders[Funding.UNISWAP_V4]
    manager.initialize(key(dynamic), *((2, 1) if dynamic.zero_for_one else (1, 2)))

    program = general(under(world, Funding.MORPHO, route))
    (place,) = (i for i, word in enumerate(program) if word >> 184 == V4_KIND)
    program[place] += 2**23 - V3_FEE << 160

    world.send(written(program))

    assert world.gain(world.weth) == ONE // 5


def test_route__whose_last_pool_does_not_exist__is_noticed_before_the_next_route(world: World) -> None:
    """The next route's gain would pay for what the first one took."""
    good = gainful(world, ("uniswap_v3", "sushi_v3"))
    hops = cycle(("uniswap_v3", "pancake_v3"), (world.weth, world.dai))
    absent = replace(good, hops=hops, amount_in=10**6, min_profit=0)

    with world.reverts("callback: not delivered"):
        world.execute(under(world, Funding.BALANCER_V3, absent, good))


def test_curve_pool__that_was_to_send_ether_once__sends_none_later(world: World) -> None:
    route = gainful(world, ("sushi_v3", "curve"), native=True)
    first, last = route.hops
    assert isinstance(last.detail, CurveDetail) and last.detail.ether_out
    again = replace(route, hops=(first, replace(last, detail=replace(last.detail, ether_out=False))))

    with world.reverts("weth: unexpected ether"):
        world.execute(under(world, Funding.BALANCER_V3, route, again))


def v3_callback(delta0: int, delta1: int) -> bytes:
    return call("uniswapV3SwapCallback(int256,int256,bytes)", delta0, delta1, b"")


def general(plan: Plan) -> list[int]:
    """Return the plan as a general program, even if a short one does the same."""
    return words(encode(program_of(plan)))
