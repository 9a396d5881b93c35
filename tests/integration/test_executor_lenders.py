"""
Every lender on real bytecode: the treasury gains what the pools' quoters say less the lender's fee, to the wei.
"""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from eth_utils.crypto import keccak

from keeper.plan import Funding, Group, Guard, Loan, Program, encode
from localnet.universe import token
from tests.real_world import (
    FACTS,
    FOREVER,
    OPERATOR,
    PROFIT_TOKENS,
    TREASURY,
    Step,
    World,
    flash_pool,
    gained,
    need,
    plan,
    route,
)

V3, SUSHI_V3, PANCAKE = "uniswap_v3 WETH/USDC 500", "sushi_v3 WETH/USDC 500", "pancake_v3 WETH/USDC 500"
V2, SUSHI_V2 = "uniswap_v2 WETH/USDC 3000", "sushi_v2 WETH/USDC 3000"

SHAPES: dict[str, list[Step]] = {
    "V3 V2": [(V3, "WETH", "USDC"), (V2, "USDC", "WETH")],
    "V2 V3": [(V2, "USDC", "WETH"), (V3, "WETH", "USDC")],
    "V2 V2": [(V2, "WETH", "USDC"), (SUSHI_V2, "USDC", "WETH")],
    "V3 V2 V3": [
        ("uniswap_v3 WETH/ARB 500", "WETH", "ARB"),
        ("uniswap_v2 ARB/USDC 3000", "ARB", "USDC"),
        (PANCAKE, "USDC", "WETH"),
    ],
    "V3 Curve V3": [
        ("uniswap_v3 WETH/USDT 500", "WETH", "USDT"),
        ("curve DAI/USDC/USDT 400", "USDT", "USDC"),
        (SUSHI_V3, "USDC", "WETH"),
    ],
    "V4 V3": [("uniswap_v4 WETH/USDC 500", "WETH", "USDC"), (V3, "USDC", "WETH")],
    "V3 V4 of ether V3 V2": [
        ("uniswap_v3 WETH/USDC 3000", "USDC", "WETH"),
        ("uniswap_v4 ETH/wstETH 100", "WETH", "wstETH"),
        ("uniswap_v3 wstETH/WETH 100", "wstETH", "WETH"),
        (V2, "WETH", "USDC"),
    ],
    "V4 V4": [("uniswap_v4 ETH/USDC 500", "WETH", "USDC"), ("uniswap_v4 WETH/USDC 3000", "USDC", "WETH")],
    "Balancer V3 V3": [("balancer_v3 WETH/USDC 3000", "USDC", "WETH"), (V3, "WETH", "USDC")],
    "V2 Balancer V2": [(SUSHI_V2, "WETH", "USDC"), ("balancer_v2 WBTC/WETH/USDC 2500", "USDC", "WETH")],
}

#: Balancer's V2 Vault refuses swaps while it lends; V3 pools lend below.
LOANS = [
    (funding, shape)
    for funding, shape in product(Funding, SHAPES)
    if funding not in (Funding.NONE, Funding.UNISWAP_V3) and (funding, shape) != (Funding.BALANCER_V2, "V2 Balancer V2")
]

#: Pools that lend, what they lend, and their other token.
FLASH = [
    ("uniswap_v3 WETH/USDC 3000", "WETH", "USDC"),
    ("uniswap_v3 WETH/USDC 3000", "USDC", "WETH"),
    ("uniswap_v3 WETH/USDC.e 500", "WETH", "USDC.e"),
    ("sushi_v3 WETH/USDC 500", "WETH", "USDC"),
    ("sushi_v3 USDC/USDT 100", "USDC", "USDT"),
    ("pancake_v3 WETH/USDC 100", "WETH", "USDC"),
    ("pancake_v3 USDC/USDT 100", "USDC", "USDT"),
]

SEVERAL = [Funding.BALANCER_V2, Funding.BALANCER_V3, Funding.UNISWAP_V4]


@pytest.mark.parametrize(("funding", "shape"), LOANS)
def test_loan__of_every_lender_for_every_shape__is_repaid(world: World, funding: Funding, shape: str) -> None:
    pips = 500 if funding is Funding.AAVE_V3 else 0

    _check(world, SHAPES[shape], funding, pips)


@pytest.mark.parametrize("shape", ["V2 V2", "V4 V4", "V3 V2 V3"])
def test_loan_of_ether__for_routes_of_weth__is_repaid(world: World, shape: str) -> None:
    _check(world, SHAPES[shape], Funding.UNISWAP_V4, native=True)


@pytest.mark.parametrize(("pool", "lent", "other"), FLASH, ids=lambda value: value)
def test_flash__of_every_v3_fork__costs_its_fee_rounded_up(world: World, pool: str, lent: str, other: str) -> None:
    back = {"WETH": "USDC", "USDC": "WETH"}[lent]
    steps = [(V3, lent, back), (V2, back, lent)]
    fee_pips = world.net.layout.pool(pool).fee_pips

    _check(
        world,
        steps,
        Funding.UNISWAP_V3,
        fee_pips,
        flash_pool=flash_pool(world, pool, other),
    )


@pytest.mark.parametrize("pips_over", [0, 1, -1])
def test_fee__whole_or_not__is_paid_to_the_unit(world: World, pips_over: int) -> None:
    """Of Aave and of a V3 pool: an amount whose fee is whole, one more and one less."""
    pool = "uniswap_v3 WETH/USDC 3000"
    steps = [(V3, "USDC", "WETH"), (V2, "WETH", "USDC")]
    amount = 300 * 10**6 + pips_over
    world.enrich(steps, amount, 0.02)
    before = world.holdings()
    gain = world.outcome(steps, amount) - amount
    fees = {Funding.AAVE_V3: 150_000 + (pips_over > 0), Funding.UNISWAP_V3: 900_000 + (pips_over > 0)}

    for funding, fee in fees.items():
        lender = flash_pool(world, pool, "WETH") if funding is Funding.UNISWAP_V3 else None
        with world.undone():
            world.execute(plan(route(world, steps, amount, funding, gain - fee, flash_pool=lender)))
            assert gained(before, world.holdings()) == {(TREASURY, "USDC"): gain - fee}


@pytest.mark.parametrize("funding", SEVERAL)
def test_loan__of_two_tokens_for_two_routes__is_repaid(world: World, funding: Funding) -> None:
    first = [(V3, "WETH", "USDC"), (V2, "USDC", "WETH")]
    second = [("uniswap_v3 USDC/USDT 100", "USDC", "USDT"), ("curve DAI/USDC/USDT 400", "USDT", "USDC")]
    need([], funding)
    world.enrich(first, 10**17)
    world.enrich(second, 10**9)
    gains = world.outcome(first, 10**17) - 10**17, world.outcome(second, 10**9) - 10**9
    routes = route(world, first, 10**17, funding, gains[0]), route(world, second, 10**9, funding, gains[1])
    before = world.holdings()

    world.execute(plan(*routes))

    assert gained(before, world.holdings()) == {(TREASURY, "WETH"): gains[0], (TREASURY, "USDC"): gains[1]}
    assert world.allowances() == []


@pytest.mark.parametrize("funding", list(Funding))
def test_loan__of_one_token_for_two_routes__covers_the_needier(world: World, funding: Funding) -> None:
    need([], funding)
    routes_steps = [
        ([(V3, "WETH", "USDC"), (V2, "USDC", "WETH")], 10**17),
        ([(SUSHI_V3, "WETH", "USDC"), (SUSHI_V2, "USDC", "WETH")], 3 * 10**17),
    ]
    fee, more = 0, {}
    if funding is Funding.AAVE_V3:
        fee = 3 * 10**17 * 5 // 10_000
    elif funding is Funding.UNISWAP_V3:
        fee = 3 * 10**17 * 500 // 1_000_000
        more["flash_pool"] = flash_pool(world, PANCAKE, "USDC")
    for steps, amount in routes_steps:
        world.enrich(steps, amount)
    gain = sum(world.outcome(steps, amount) - amount for steps, amount in routes_steps) - fee
    before = world.holdings()

    world.execute(plan(*(route(world, steps, amount, funding, 1, **more) for steps, amount in routes_steps)))

    assert gained(before, world.holdings()) == {(TREASURY, "WETH"): gain}
    assert world.allowances() == []


def test_bundle__of_three_with_one_tolerant_lost_race__gains_by_the_others(world: World) -> None:
    """Three fundings, three tokens; the sum of the minima is what those bring that run."""
    first = [(V3, "WETH", "USDC"), (V2, "USDC", "WETH")]
    lost = [(SUSHI_V3, "USDC", "WETH"), (SUSHI_V2, "WETH", "USDC")]
    third = [("uniswap_v3 WETH/USDT 500", "USDT", "WETH"), ("curve USDT/WBTC/WETH 1000", "WETH", "USDT")]
    for steps, amount in ((first, 10**17), (third, 10**8)):
        world.enrich(steps, amount)
    gains = world.outcome(first, 10**17) - 10**17, world.outcome(third, 10**8) - 10**8 - 5 * 10**4
    state = world.state(lost[0])
    routes = (
        route(world, first, 10**17, min_profit=gains[0]),
        route(world, lost, 10**8, Funding.BALANCER_V2, 10**20, [Guard(state + 2**32, state * 2)], tolerant=True),
        route(world, third, 10**8, Funding.AAVE_V3, gains[1]),
    )
    before = world.holdings()

    world.execute(plan(*routes))

    assert gained(before, world.holdings()) == {(TREASURY, "WETH"): gains[0], (TREASURY, "USDT"): gains[1]}
    assert world.allowances() == []
    strict = replace(routes[1], tolerant=False)
    assert "state out of bounds" in _refusal(world, plan(routes[0], strict, routes[2]))
    assert "bundle: no route ran" in _refusal(world, plan(routes[1]))


def test_bundle__one_group_with_a_tolerant_lost_race__repays_all_that_was_lent(world: World) -> None:
    need([], Funding.UNISWAP_V4)
    won = [(V3, "WETH", "USDC"), ("uniswap_v4 WETH/USDC 500", "USDC", "WETH")]
    lost = [("uniswap_v4 ETH/USDC 500", "USDC", "WETH"), (V2, "WETH", "USDC")]
    world.enrich(won, 10**17)
    gain = world.outcome(won, 10**17) - 10**17
    routes = (
        route(world, lost, 10**9, Funding.UNISWAP_V4, 10**9, [Guard(1, 2**40)], tolerant=True),
        route(world, won, 10**17, Funding.UNISWAP_V4, gain),
    )
    before = world.holdings()

    world.execute(plan(*routes))

    assert gained(before, world.holdings()) == {(TREASURY, "WETH"): gain}


def test_bundle__of_routes_through_the_same_pools__is_as_one_after_the_other(world: World) -> None:
    first = [(V3, "WETH", "USDC"), (V2, "USDC", "WETH")]
    second = [("uniswap_v4 ETH/USDC 500", "WETH", "USDC"), (V2, "USDC", "WETH")]
    need(second, Funding.MORPHO)
    world.enrich(first, 10**18, 0.05)
    routes = route(world, first, 10**18), route(world, second, 5 * 10**17, Funding.MORPHO)
    start = world.holdings()
    with world.undone():
        for each in routes:
            world.execute(plan(each))
        alone = gained(start, world.holdings())

    world.execute(plan(*routes))

    assert gained(start, world.holdings()) == alone
    assert alone.keys() == {(TREASURY, "WETH")}


@pytest.mark.parametrize(
    ("funding", "reason"),
    [
        (Funding.BALANCER_V2, "BAL#528"),
        (Funding.AAVE_V3, keccak(text="InvalidAmount()")[:4].hex()),
        (Funding.BALANCER_V3, "underflow"),
        (Funding.UNISWAP_V4, b"transfer amount exceeds balance".hex()),
        (Funding.MORPHO, "transfer reverted"),
    ],
)
def test_loan__larger_than_what_the_lender_has__reverts(world: World, funding: Funding, reason: str) -> None:
    need([], funding)
    loan = Loan(FACTS.token("WETH"), 10**26)
    group = Group((route(world, SHAPES["V2 V2"], 10**17, funding),), (loan,))

    assert reason in _refusal(world, Program((group,), FOREVER, PROFIT_TOKENS))


def test_vault__swaps_while_it_lends__reverts_with_its_lock(world: World) -> None:
    """The plan cannot be encoded; a program that says so all the same gets nowhere."""
    steps = SHAPES["V2 Balancer V2"]
    world.enrich(steps, 10**17)
    calldata = bytearray(encode(plan(route(world, steps, 10**17, Funding.BALANCER_V3))))
    lender = 4 + 32 + 5
    assert calldata[lender] == 4

    calldata[lender] = 1

    assert "BAL#400" in world.refusal(world.executor, bytes(calldata), OPERATOR)


def _refusal(world: World, refused: Any) -> str:
    return world.refusal(world.executor, encode(refused), OPERATOR)


def _check(world: World, steps: list[Step], funding: Funding, fee_pips: int = 0, **more: Any) -> None:
    need(steps, funding)
    symbol = steps[0][1]
    amount = token(symbol).units(300) + 7
    world.enrich(steps, amount)
    gain = world.outcome(steps, amount) - amount - -(-amount * fee_pips // 1_000_000)
    before = world.holdings()

    world.execute(plan(route(world, steps, amount, funding, gain, **more)))

    assert gain > 0
    assert gained(before, world.holdings()) == {(TREASURY, symbol): gain}
    assert world.allowances() == []
