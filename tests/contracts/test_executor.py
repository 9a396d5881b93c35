"""
Routes and attacks on the real pools, pairs and Vault.
"""

from typing import Any

import ape
import pytest

from keeper.plan import FlashPool, Funding, Guard, Hop, encode
from localnet import addresses
from localnet.abi import Function, function
from tests.contracts.conftest import FACTS, VAULT, World, balance, exists, held_hop, hop, plan, price, reserves

#: Among WETH and USDC: a pool of every DEX.
FEES = {"uniswap_v3": 500, "sushi_v3": 500, "pancake_v3": 500, "uniswap_v2": 3_000, "sushi_v2": 3_000}
#: Fundings of the short programs.
SHORT = [Funding.NONE, Funding.BALANCER_V2]
#: Where the lenders stand.
LENDERS = {
    Funding.BALANCER_V2: addresses.BALANCER_VAULT,
    Funding.AAVE_V3: addresses.AAVE_POOL,
    Funding.UNISWAP_V3: hop("uniswap_v3", "WETH", "USDC", 3_000).pool,
    Funding.BALANCER_V3: addresses.BALANCER_V3_VAULT,
    Funding.UNISWAP_V4: addresses.UNISWAP_V4_POOL_MANAGER,
    Funding.MORPHO: addresses.MORPHO,
}
#: What follows a first hop from WETH through a pool of Uniswap V3, by that pool's other token and fee.
HELD = [
    ("USDC", 500, [("uniswap_v4 ETH/USDC 500", "USDC", "WETH")]),
    ("USDC", 500, [("balancer_v2 WBTC/WETH/USDC 2500", "USDC", "WETH")]),
    ("USDC", 500, [("balancer_v3 WETH/USDC 3000", "USDC", "WETH")]),
    ("wstETH", 100, [("curve ETH/wstETH 400", "wstETH", "WETH")]),
    ("USDC.e", 500, [("curve USDC.e/USDT 100", "USDC.e", "USDT"), ("curve USDT/WBTC/WETH 1000", "USDT", "WETH")]),
]
PAIRS = [
    ("uniswap_v3", "sushi_v2"),
    ("sushi_v2", "uniswap_v3"),
    ("uniswap_v3", "sushi_v3"),
    ("sushi_v3", "pancake_v3"),
    ("pancake_v3", "uniswap_v2"),
    ("uniswap_v2", "sushi_v2"),
]
LONGER = [
    (("sushi_v2", "WETH", "ARB", 3_000), ("uniswap_v2", "ARB", "USDC", 3_000), ("uniswap_v3", "USDC", "WETH", 500)),
    (("uniswap_v3", "WETH", "ARB", 500), ("uniswap_v2", "ARB", "USDC", 3_000), ("sushi_v3", "USDC", "WETH", 500)),
    (("pancake_v3", "WETH", "USDT", 100), ("uniswap_v3", "USDT", "USDC", 100), ("pancake_v3", "USDC", "WETH", 500)),
]


@pytest.mark.parametrize("funding", SHORT)
@pytest.mark.parametrize("dexes", PAIRS)
def test_execute__two_hops__sends_the_gain_to_the_treasury(
    world: World, dexes: tuple[str, str], funding: Funding
) -> None:
    hops = _cycle(world, dexes)
    before = world.holdings()

    world.execute(plan(hops, funding))

    after = world.holdings()
    assert {key for key in after if after[key] != before[key]} == {(world.roles.treasury, "WETH")}
    assert 2 * 10**15 < after[world.roles.treasury, "WETH"] - before[world.roles.treasury, "WETH"] < 10**16


@pytest.mark.parametrize("funding", SHORT)
@pytest.mark.parametrize("steps", LONGER, ids=["V2-V2-V3", "V3-V2-V3", "V3-V3-V3"])
def test_execute__three_hops__sends_the_gain_to_the_treasury(world: World, steps: Any, funding: Funding) -> None:
    hops = [hop(*step) for step in steps]
    world.cheapen(hops[-1], "WETH", 0.08)
    before = world.holdings()

    world.execute(plan(hops, funding))

    after = world.holdings()
    assert {key for key in after if after[key] != before[key]} == {(world.roles.treasury, "WETH")}


@pytest.mark.parametrize("funding", LENDERS)
def test_lender__of_every_kind__is_repaid(world: World, funding: Funding) -> None:
    if not exists(LENDERS[funding]):
        pytest.skip("the chain was built without it")
    lends = FlashPool("uniswap_v3", FACTS.token("USDC"), 3_000) if funding is Funding.UNISWAP_V3 else None
    hops = _cycle(world, ("uniswap_v3", "sushi_v2"))
    before = world.holdings()

    world.execute(plan(hops, funding, flash_pool=lends))

    after = world.holdings()
    assert {key for key in after if after[key] != before[key]} == {(world.roles.treasury, "WETH")}
    assert 10**15 < after[world.roles.treasury, "WETH"] - before[world.roles.treasury, "WETH"] < 10**16


@pytest.mark.parametrize(
    ("symbol", "fee_pips", "steps"),
    HELD,
    ids=["V4", "Balancer V2", "Balancer V3", "Curve, ether", "Curve, both indices"],
)
def test_hop__of_every_family__sends_the_gain_to_the_treasury(
    world: World, symbol: str, fee_pips: int, steps: list[tuple[str, str, str]]
) -> None:
    hops = [hop("uniswap_v3", "WETH", symbol, fee_pips), *(held_hop(*step) for step in steps)]
    world.cheapen(hops[0], symbol, 0.08)
    before = world.holdings()

    world.execute(plan(hops))

    after = world.holdings()
    assert {key for key in after if after[key] != before[key]} == {(world.roles.treasury, "WETH")}
    assert 10**15 < after[world.roles.treasury, "WETH"] - before[world.roles.treasury, "WETH"] < 10**16


def test_execute__two_pairs__gains_what_the_library_says(world: World) -> None:
    hops = _cycle(world, ("uniswap_v2", "sushi_v2"))
    amount = 10**17
    for step in hops:
        reserve_in, reserve_out = reserves(step.pool) if step.zero_for_one else reserves(step.pool)[::-1]
        amount = amount * 997 * reserve_out // (reserve_in * 1_000 + amount * 997)
    before = balance("WETH", world.roles.treasury)

    world.execute(plan(hops, min_profit=amount - 10**17))

    assert balance("WETH", world.roles.treasury) - before == amount - 10**17


def test_execute__one_wei_more_than_the_gain_is_asked__reverts(world: World) -> None:
    hops = _cycle(world, ("uniswap_v3", "sushi_v2"))
    before = balance("WETH", world.roles.treasury)
    with ape.chain.isolate():
        world.execute(plan(hops))
        gain = balance("WETH", world.roles.treasury) - before

    with ape.reverts("profit: below minimum"):
        world.execute(plan(hops, min_profit=gain + 1))


def test_execute__somebody_was_faster__reverts_cheaply(world: World) -> None:
    hops = _cycle(world, ("uniswap_v3", "sushi_v2"))
    now = price(hops[0].pool)
    late = plan(hops, guard=Guard(now - now // 10_000, now + now // 10_000))
    world.cheapen(hops[0], "WETH", 0.01)

    receipt = world.operator.transfer(
        world.executor.address, 0, data=encode(late), gas_limit=200_000, raise_on_revert=False
    )

    assert receipt.failed
    assert receipt.gas_used < 33_000


def test_execute__guard_holds__succeeds(world: World) -> None:
    hops = _cycle(world, ("sushi_v2", "uniswap_v3"))
    reserve, _ = reserves(hops[0].pool)

    world.execute(plan(hops, guard=Guard(reserve, reserve)))


def test_execute__stranger__reverts(world: World) -> None:
    hops = _cycle(world, ("uniswap_v3", "sushi_v2"))

    with ape.reverts("roles: caller is not an operator"):
        world.execute(plan(hops), sender=world.stranger)


def test_vault__lends_to_the_executor_for_a_stranger__reverts(world: World) -> None:
    loan = Function("flashLoan", ("address", "address[]", "uint256[]", "bytes"), ())
    weth = FACTS.token("WETH")

    with ape.reverts("callback: unexpected caller"):
        data = loan.calldata(world.executor.address, [weth], [10**18], b"")
        world.stranger.transfer(VAULT, 0, data=data)


def test_pair__swaps_to_the_executor_for_a_stranger__reverts(world: World) -> None:
    pair = hop("sushi_v2", "WETH", "USDC", 3_000).pool
    swap = function("swap(uint256,uint256,address,bytes)")

    with ape.reverts("uniswap_v2: not our swap"):
        world.stranger.transfer(pair, 0, data=swap.calldata(10**15, 0, world.executor.address, b"\1"))


def test_pool__calls_back_unasked__reverts(world: World, accounts: Any) -> None:
    pool = accounts[hop("uniswap_v3", "WETH", "USDC", 500).pool]
    pool.balance += 10**18

    with ape.reverts("callback: unexpected caller"):
        world.executor.uniswapV3SwapCallback(10**18, -1, b"", sender=pool)


def test_guardian__pauses__operator_cannot_execute(world: World) -> None:
    hops = _cycle(world, ("uniswap_v3", "sushi_v2"))
    world.executor.pause(sender=world.guardian)

    with ape.reverts("roles: paused"):
        world.execute(plan(hops))


def _cycle(world: World, dexes: tuple[str, str]) -> list[Hop]:
    """
    Return a profitable cycle from WETH to USDC and back: WETH is cheap where it is bought.
    """
    first, second = dexes
    hops = [hop(first, "WETH", "USDC", FEES[first]), hop(second, "USDC", "WETH", FEES[second])]
    world.cheapen(hops[-1], "WETH", 0.05)
    return hops
