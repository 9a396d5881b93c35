"""
Every kind of hop on real bytecode: in whatever place, the treasury gains what the pools' own quoters say, to the wei.
"""

import pytest

from keeper.plan import Funding, Guard, Plan, encode
from localnet.universe import token
from tests.real_world import OPERATOR, TREASURY, Step, World, gained, need, plan, route

V4 = "uniswap_v4 WETH/USDC 500"
V4_ETHER = "uniswap_v4 ETH/USDC 500"
V4_STAKED = "uniswap_v4 ETH/wstETH 100"
CURVE_2 = "curve USDC.e/USDT 100"
CURVE_3 = "curve DAI/USDC/USDT 400"
CURVE_ETHER = "curve ETH/wstETH 400"
CURVE_CRYPTO = "curve USDT/WBTC/WETH 1000"
WEIGHTED = "balancer_v2 WBTC/WETH/USDC 2500"
STABLE = "balancer_v2 USDC/DAI/USDT 100"
STABLE_RATED = "balancer_v2 wstETH/WETH 400"
BALANCER_V3 = "balancer_v3 WETH/USDC 3000"

V3_USDC = "uniswap_v3 WETH/USDC 500"
V3_STAKED = "uniswap_v3 wstETH/WETH 100"

#: Hops whose pool takes from the executor, each with a V3 pool of the same tokens.
HELD: list[tuple[Step, str]] = [
    ((V4, "WETH", "USDC"), V3_USDC),
    ((V4, "USDC", "WETH"), V3_USDC),
    ((V4_ETHER, "WETH", "USDC"), V3_USDC),
    ((V4_ETHER, "USDC", "WETH"), V3_USDC),
    ((V4_STAKED, "WETH", "wstETH"), V3_STAKED),
    ((V4_STAKED, "wstETH", "WETH"), V3_STAKED),
    ((CURVE_3, "USDC", "USDT"), "uniswap_v3 USDC/USDT 100"),
    ((CURVE_3, "USDT", "USDC"), "sushi_v3 USDC/USDT 100"),
    ((CURVE_3, "DAI", "USDC"), "uniswap_v3 USDC/DAI 100"),
    ((CURVE_ETHER, "WETH", "wstETH"), V3_STAKED),
    ((CURVE_ETHER, "wstETH", "WETH"), V3_STAKED),
    ((CURVE_CRYPTO, "USDT", "WETH"), "pancake_v3 WETH/USDT 100"),
    ((CURVE_CRYPTO, "WETH", "WBTC"), "sushi_v3 WBTC/WETH 500"),
    ((WEIGHTED, "WETH", "USDC"), V3_USDC),
    ((WEIGHTED, "USDC", "WETH"), V3_USDC),
    ((WEIGHTED, "WBTC", "WETH"), "uniswap_v3 WBTC/WETH 500"),
    ((STABLE, "USDC", "USDT"), "uniswap_v3 USDC/USDT 100"),
    ((STABLE, "DAI", "USDC"), "uniswap_v3 USDC/DAI 100"),
    ((STABLE_RATED, "WETH", "wstETH"), V3_STAKED),
    ((STABLE_RATED, "wstETH", "WETH"), V3_STAKED),
    ((BALANCER_V3, "WETH", "USDC"), V3_USDC),
    ((BALANCER_V3, "USDC", "WETH"), V3_USDC),
]

#: Such hops between a pool that opens the route and one that ends it.
AMID: list[list[Step]] = [
    [("uniswap_v3 WETH/ARB 500", "ARB", "WETH"), (pool, "WETH", "USDC"), ("uniswap_v2 ARB/USDC 3000", "USDC", "ARB")]
    for pool in (V4, V4_ETHER, WEIGHTED, BALANCER_V3)
] + [
    [("uniswap_v2 ARB/USDC 3000", "ARB", "USDC"), (pool, "USDC", "WETH"), ("uniswap_v3 WETH/ARB 500", "WETH", "ARB")]
    for pool in (V4, V4_ETHER, WEIGHTED, BALANCER_V3)
]
AMID += [
    [
        ("uniswap_v3 WETH/USDC.e 500", "WETH", "USDC.e"),
        (CURVE_2, "USDC.e", "USDT"),
        ("sushi_v2 WETH/USDT 3000", "USDT", "WETH"),
    ],
    [
        ("sushi_v2 WETH/USDT 3000", "WETH", "USDT"),
        (CURVE_2, "USDT", "USDC.e"),
        ("sushi_v2 WETH/USDC.e 3000", "USDC.e", "WETH"),
    ],
    [
        ("uniswap_v3 WETH/DAI 3000", "WETH", "DAI"),
        (CURVE_3, "DAI", "USDT"),
        ("uniswap_v3 WETH/USDT 500", "USDT", "WETH"),
    ],
    [("sushi_v2 WETH/USDT 3000", "WETH", "USDT"), (STABLE, "USDT", "DAI"), ("sushi_v2 WETH/DAI 3000", "DAI", "WETH")],
    [
        ("uniswap_v3 USDC/USDT 100", "USDC", "USDT"),
        (CURVE_CRYPTO, "USDT", "WETH"),
        ("sushi_v2 WETH/USDC 3000", "WETH", "USDC"),
    ],
    [
        ("uniswap_v3 WETH/USDC 3000", "USDC", "WETH"),
        (CURVE_ETHER, "WETH", "wstETH"),
        (V3_STAKED, "wstETH", "WETH"),
        ("uniswap_v2 WETH/USDC 3000", "WETH", "USDC"),
    ],
    [
        ("uniswap_v2 WETH/USDC 3000", "USDC", "WETH"),
        (V3_STAKED, "WETH", "wstETH"),
        (CURVE_ETHER, "wstETH", "WETH"),
        ("sushi_v2 WETH/USDC 3000", "WETH", "USDC"),
    ],
    [
        ("uniswap_v2 WETH/USDC 3000", "USDC", "WETH"),
        (V4_STAKED, "WETH", "wstETH"),
        (STABLE_RATED, "wstETH", "WETH"),
        ("sushi_v2 WETH/USDC 3000", "WETH", "USDC"),
    ],
    [
        ("uniswap_v3 WETH/USDC 3000", "USDC", "WETH"),
        (STABLE_RATED, "WETH", "wstETH"),
        (V4_STAKED, "wstETH", "WETH"),
        ("pancake_v3 WETH/USDT 100", "WETH", "USDT"),
        (CURVE_3, "USDT", "USDC"),
    ],
    [
        ("sushi_v2 WETH/USDC 3000", "WETH", "USDC"),
        (V4, "USDC", "WETH"),
        (CURVE_CRYPTO, "WETH", "USDT"),
        (CURVE_2, "USDT", "USDC.e"),
        ("uniswap_v3 USDC/USDC.e 100", "USDC.e", "USDC"),
        (BALANCER_V3, "USDC", "WETH"),
    ],
]


#: Whose guards read what only their own module knows.
GUARDED: list[tuple[Step, str]] = [
    ((V4, "WETH", "USDC"), V3_USDC),
    ((V4_ETHER, "USDC", "WETH"), V3_USDC),
    ((CURVE_3, "USDC", "USDT"), "uniswap_v3 USDC/USDT 100"),
    ((CURVE_CRYPTO, "USDT", "WETH"), "pancake_v3 WETH/USDT 100"),
    ((WEIGHTED, "USDC", "WETH"), V3_USDC),
    ((STABLE, "USDC", "USDT"), "uniswap_v3 USDC/USDT 100"),
    ((BALANCER_V3, "WETH", "USDC"), V3_USDC),
    ((BALANCER_V3, "USDC", "WETH"), V3_USDC),
]


def _name(value: Step | str) -> str:
    return value if isinstance(value, str) else " ".join(value)


@pytest.mark.parametrize(("step", "back"), [pair for pair in HELD if pair[0][1] != "wstETH"], ids=_name)
def test_held_hop__first__gains_what_its_quoter_says(world: World, step: Step, back: str) -> None:
    _check(world, [step, (back, step[2], step[1])], Funding.AAVE_V3)


@pytest.mark.parametrize(("step", "back"), [pair for pair in HELD if pair[0][2] != "wstETH"], ids=_name)
def test_held_hop__last__gains_what_its_quoter_says(world: World, step: Step, back: str) -> None:
    _check(world, [(back, step[2], step[1]), step])


@pytest.mark.parametrize("steps", AMID, ids=lambda steps: " > ".join(step[0] for step in steps))
def test_held_hop__amid_a_route__gains_what_its_quoter_says(world: World, steps: list[Step]) -> None:
    _check(world, steps)


@pytest.mark.parametrize(("step", "back"), GUARDED, ids=_name)
@pytest.mark.parametrize("place", [0, 1])
def test_guard__of_a_hop__binds_the_pools_own_state(world: World, step: Step, back: str, place: int) -> None:
    need([step])
    steps = [step, (back, step[2], step[1])] if place == 0 else [(back, step[2], step[1]), step]
    amount = token(steps[0][1]).units(300)
    world.enrich(steps, amount)
    # Of a price the low bits do not count.
    state, unit = world.state(step), 1 << 32 if step[0].startswith("uniswap_v4") else 1
    state -= state % unit

    def guarded(lower: int, upper: int) -> Plan:
        guards = [*[None] * place, Guard(lower, upper)]
        return plan(route(world, steps, amount, Funding.AAVE_V3, guards=guards))

    for missed in (guarded(state + unit, state + 2 * unit), guarded(0, state - 1)):
        assert "state out of bounds" in world.refusal(world.executor, encode(missed), OPERATOR)
    world.execute(guarded(state, state))


def _check(world: World, steps: list[Step], funding: Funding = Funding.NONE) -> None:
    """
    Run the route with the minimum that is foretold, then see that it was foretold exactly.
    """
    need(steps)
    symbol = steps[0][1]
    # Not round: what is lost to rounding shows.
    amount = token(symbol).units(300) + 7
    world.enrich(steps, amount)
    fee = -(-amount * 5 // 10_000) if funding is Funding.AAVE_V3 else 0
    gain = world.outcome(steps, amount) - amount - fee
    before = world.holdings()

    world.execute(plan(route(world, steps, amount, funding, min_profit=gain)))

    assert gain > 0
    assert gained(before, world.holdings()) == {(TREASURY, symbol): gain}
    assert world.allowances() == []
