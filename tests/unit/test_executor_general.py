"""
General programs that are wrong.
"""

from dataclasses import replace

import pytest

from keeper.errors import PlanError
from keeper.plan import CurveDetail, Funding, Plan, Route, decode, encode
from tests.executor_routes import gainful, under
from tests.executor_world import FOREVER, Reverted, World, cycle, hop, undone, words, written

#: Places of the words in a program of one loan, one route, and two held pools.
HEADER, GROUP, LOAN, ROUTE, FIRST, POOL, LAST, SPACING = range(8)


def through_held_pools(world: World, funding: Funding = Funding.MORPHO) -> list[int]:
    """
    Return the words of a program that gains.
    """
    return words(encode(under(world, funding, gainful(world, ("curve", "uniswap_v4")))))


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        (HEADER, 1 << 232, "executor: unknown version"),
        (HEADER, 1 << 255, "executor: unknown version"),
        (HEADER, 1 << 8, ""),
        (HEADER, 1 << 191, ""),
        (HEADER, 1, "bundle: no route ran"),
        (HEADER, 3, ""),
        (HEADER, 8, ""),
        (GROUP, 1 << 208, ""),
        (GROUP, 1 << 216, ""),
        (GROUP, 1 << 255, ""),
        (GROUP, 6 << 208, ""),
        (GROUP, 1 << 200, ""),
        (GROUP, 4 << 200, ""),
        (GROUP, 1 << 192, "bundle: no route ran"),
        (GROUP, 3 << 192, ""),
        (GROUP, 8 << 192, ""),
        (GROUP, 1, ""),
        (GROUP, 1 << 191, ""),
        (LOAN, 1 << 88, ""),
        (LOAN, 2 << 88, "profit: token is not listed"),
        (LOAN, 8 << 88, "profit: token is not listed"),
        (LOAN, 1 << 255, "profit: token is not listed"),
        (ROUTE, 2 << 200, "profit: token is not listed"),
        (ROUTE, 8 << 200, "profit: token is not listed"),
        (ROUTE, 1 << 255, "profit: token is not listed"),
        (ROUTE, 3 << 192, ""),
        (ROUTE, 2 << 192, ""),
        (ROUTE, 8 << 192, ""),
        (ROUTE, 3 << 184, ""),
        (ROUTE, 2 << 176, ""),
        (ROUTE, 128 << 176, ""),
        (FIRST, 8 << 160, ""),
        (FIRST, 128 << 160, ""),
        (FIRST, 1 << 184, "route: unknown kind of hop"),
        (FIRST, 0x64 << 184, "derivation: unknown V2 fork"),
        (FIRST, 1 << 192, "route: unknown kind of hop"),
        (FIRST, 1 << 255, "route: unknown kind of hop"),
        (POOL, 1 << 160, ""),
        (POOL, 1 << 255, ""),
        (LAST, 1, ""),
        (LAST, 1 << 159, ""),
        (SPACING, 1 << 25, ""),
        (SPACING, 1 << 255, ""),
    ],
)
def test_general_program__with_a_wrong_field__reverts(world: World, place: int, change: int, message: str) -> None:
    program = through_held_pools(world)
    program[place] ^= change

    with world.reverts(message):
        world.send(written(program))
    if place not in (GROUP, LOAN, ROUTE):
        with pytest.raises(PlanError):
            decode(written(program), world.profit_tokens)


@pytest.mark.parametrize("dex", ["balancer_v2", "balancer_v3"])
@pytest.mark.parametrize("bit", range(16))
def test_general_program__with_an_unknown_parameter_of_balancer__reverts(world: World, dex: str, bit: int) -> None:
    program = words(encode(under(world, Funding.MORPHO, gainful(world, (dex, "uniswap_v4")))))
    world.send(written(program))
    program[FIRST] ^= 1 << 160 + bit

    with world.reverts(""):
        world.send(written(program))


def test_general_program__with_a_pool_of_balancer_v3_that_is_no_address__reverts(world: World) -> None:
    program = words(encode(under(world, Funding.MORPHO, gainful(world, ("balancer_v3", "uniswap_v4")))))
    program[POOL] ^= 1 << 160

    with world.reverts(""):
        world.send(written(program))


@pytest.mark.parametrize("funding", [funding for funding in Funding if funding is not Funding.NONE])
def test_general_program__tells_the_lender_what_it_does_not_know__reverts(world: World, funding: Funding) -> None:
    for told in (1, 1 << 24, 1 << 160, 1 << 184, 1 << 191):
        with undone(world) as again:
            program = through_held_pools(again, funding)
            program[GROUP] ^= told
            native = funding is Funding.UNISWAP_V4 and told == 1 << 24
            if native:
                again.send(written(program))
            else:
                no_pool = funding is Funding.UNISWAP_V3 and told == 1 << 191
                with again.reverts("derivation: unknown V2 fork" if no_pool else ""):
                    again.send(written(program))


@pytest.mark.parametrize("kind", [0x13, 0x20, 0x21, 0x22, 0x30, 0x40, 0x50, 0xFF])
def test_general_program__borrows_of_a_pool_that_does_not_lend__reverts(world: World, kind: int) -> None:
    program = through_held_pools(world, Funding.UNISWAP_V3)
    program[GROUP] ^= (0x10 ^ kind) << 184

    with pytest.raises(Reverted), world.unharmed(exactly=True):
        world.send(written(program))
    with pytest.raises(PlanError):
        decode(written(program), world.profit_tokens)


@pytest.mark.parametrize("funding", [Funding.AAVE_V3, Funding.MORPHO, Funding.UNISWAP_V3])
def test_lender_of_one_token__asked_for_two__reverts(world: World, funding: Funding) -> None:
    program = through_held_pools(world, funding)
    program[GROUP] += 1 << 200
    program.insert(LOAN, program[LOAN] ^ 1 << 88)

    with world.reverts(""):
        world.send(written(program))
    with pytest.raises(PlanError):
        decode(written(program), world.profit_tokens)


@pytest.mark.parametrize("change", [1, 1 << 191, 1 << 200, 2 << 192, 3 << 192])
def test_group_without_a_lender__of_more_than_a_route__reverts(world: World, change: int) -> None:
    program = words(encode(under(world, Funding.NONE, replace(gainful(world, ("uniswap_v3", "curve"))))))
    world.send(written(program))
    program[GROUP] ^= change

    with world.reverts(""):
        world.send(written(program))
    with pytest.raises(PlanError):
        decode(written(program), world.profit_tokens)


def test_group_without_a_lender__opened_by_a_pool_that_does_not_send_first__reverts(world: World) -> None:
    program = through_held_pools(world)
    del program[LOAN]
    program[GROUP] = 1 << 192

    with world.reverts("route: its first pool does not send first"):
        world.send(written(program))
    with pytest.raises(PlanError, match="does not send first"):
        encode(decode(written(program), world.profit_tokens))


@pytest.mark.parametrize("way", ["ether_in", "ether_out"])
def test_curve_pool__of_ether_for_another_token_than_weth__reverts(world: World, way: str) -> None:
    route = gainful(world, ("curve", "uniswap_v4"), start=world.usdc)
    detail = route.hops[0].detail
    assert isinstance(detail, CurveDetail)
    wrong = replace(route, hops=(replace(route.hops[0], detail=replace(detail, **{way: True})), route.hops[1]))

    with world.reverts(""):
        world.execute(under(world, Funding.MORPHO, wrong))


def test_general_program__truncated_anywhere__reverts(world: World) -> None:
    program = through_held_pools(world)
    data = written(program)

    for length in range(4, len(data)):
        with world.unharmed(exactly=True), pytest.raises(Reverted):
            world.send(data[:length])


@pytest.mark.parametrize("trailing", range(1, 65))
def test_general_calldata__with_trailing_bytes__reverts(world: World, trailing: int) -> None:
    with world.reverts("bundle: calldata is not the program alone"):
        world.send(written(through_held_pools(world)) + bytes(trailing))


@pytest.mark.parametrize("word", [0, 1, 1 << 192])
def test_general_program__with_a_word_left_over__reverts(world: World, word: int) -> None:
    with world.reverts("bundle: calldata is not the program alone"):
        world.send(written([*through_held_pools(world), word]))


def test_general_program__of_eight_groups__is_the_most(world: World) -> None:
    route = replace(gainful(world, ("uniswap_v3", "sushi_v2")), min_profit=0, amount_in=1_000)
    most = Plan((route,) * 8, FOREVER, world.profit_tokens)
    world.execute(most)
    program = words(encode(most))
    ninth = [program[0] + 1, *program[1:], *program[1:5]]

    with world.reverts(""):
        world.send(written(ninth))
    with pytest.raises(PlanError, match="there are 1 to 8 groups, not 9"):
        encode(Plan((route,) * 9, FOREVER, world.profit_tokens))


def test_group__of_more_places_than_there_are__reverts(world: World) -> None:
    dexes, tokens = ("uniswap_v3", "sushi_v3", "pancake_v3"), (world.weth, world.usdc, world.dai)
    for dex, token_in, token_out in zip(dexes, tokens, (*tokens[1:], tokens[0]), strict=True):
        world.pool(dex, token_in, token_out, (11, 10))
    route = Route(cycle(dexes, tokens), Funding.NONE, 10**6, 0)
    world.execute(under(world, Funding.MORPHO, *[route] * 6))
    program = words(encode(under(world, Funding.MORPHO, *[route] * 6)))
    seventh = [program[0], program[1] + (1 << 192), *program[2:], *program[3:7]]

    with world.reverts(""):
        world.send(written(seventh))
    with pytest.raises(PlanError, match="too many hops together"):
        decode(written(seventh), world.profit_tokens)


def test_general_program__swaps_on_the_vault_that_lends__reverts(world: World) -> None:
    program = words(encode(under(world, Funding.MORPHO, gainful(world, ("balancer_v2", "uniswap_v4")))))
    program[GROUP] ^= (6 ^ 1) << 208

    with world.reverts("BAL#400"):
        world.send(written(program))
    with pytest.raises(PlanError, match="refuses swaps while it lends"):
        encode(decode(written(program), world.profit_tokens))


def test_general_program__deadline_passed__reverts(world: World) -> None:
    route = gainful(world, ("curve", "uniswap_v4"))
    late = replace(under(world, Funding.AAVE_V3, route), deadline=1_799_999_999)

    with world.reverts("executor: deadline passed"):
        world.execute(late)
    world.execute(replace(late, deadline=1_800_000_000))


@pytest.mark.parametrize("role", ["stranger", "owner", "guardian"])
def test_general_program__of_nobody_who_may__reverts(world: World, role: str) -> None:
    route = gainful(world, ("curve", "uniswap_v4"))

    with world.reverts("roles: caller is not an operator"):
        world.execute(under(world, Funding.AAVE_V3, route), sender=getattr(world, role))


def test_general_program__through_an_unfinished_v4_swap__reverts(world: World) -> None:
    """The PoolManager took less than all of the input, and says so in the end."""
    route = gainful(world, ("curve", "uniswap_v4"))
    manager = world.venues.lenders[Funding.UNISWAP_V4]
    from tests.executor_venues import key

    manager.set_depth(key(hop("uniswap_v4", world.dai, world.weth)), 10**18)

    with world.reverts("CurrencyNotSettled"):
        world.execute(under(world, Funding.AAVE_V3, route))
