"""
Pools and tokens that are not what they should be, through the real bytecode around them.
"""

from dataclasses import replace

import pytest
from eth_abi.abi import encode as encode_abi
from eth_utils.crypto import keccak

from keeper.errors import PlanError
from keeper.plan import BalancerV2Detail, Funding, Hop, encode
from keeper.types import Address
from localnet.abi import Function, function
from localnet.accounts import OWNER as LOCALNET_OWNER
from localnet.addresses import (
    AAVE_RESERVES,
    BALANCER_AUTHORIZER,
    BALANCER_V3_VAULT,
    BALANCER_VAULT,
    CURVE_WSTETH,
    MORPHO,
)
from tests.real_attacks import AMOUNT, HONEST, check_unharmed, employ, furnish, place, runtime, script
from tests.real_world import (
    FACTS,
    OPERATOR,
    STRANGER,
    TREASURY,
    Step,
    World,
    flash_pool,
    gained,
    need,
    plan,
    route,
)

WETH, USDC, USDT = (FACTS.token(symbol) for symbol in ("WETH", "USDC", "USDT"))
WEIGHTED = "balancer_v2 WBTC/WETH/USDC 2500"
BALANCER_V3 = "balancer_v3 WETH/USDC 3000"

_APPROVE = function("approve(address,uint256)")
_ALLOWANCE = function("allowance(address,address)", ["uint256"])
_JOIN = Function("joinPool", ("bytes32", "address", "address", "(address[],uint256[],bytes,bool)"), ())
_POOL_ID = function("pool_id()", ["bytes32"])
_GIVES = function("gives(uint256)")
_MEANWHILE = function("meanwhile(address,bytes)")
_REFUSED = function("refused()", ["uint256"])
_ACTION_ID = function("getActionId(bytes4)", ["bytes32"])
_GRANT = function("grantRoles(bytes32[],address)")
_PAUSE_POOL, _RECOVER = function("pausePool(address)"), function("enableRecoveryMode()")
_ADD = Function("add_liquidity", ("uint256[2]", "uint256"), ())
_REMOVE = Function("remove_liquidity", ("uint256", "uint256[2]"), ())


def hostile_pool(world: World) -> tuple[str, Hop]:
    """
    Return somebody's own pool at the real Vault, with 1,000 WETH and 3,000,000 USDC in it, and a hop through it.
    """
    pool = place(world, "BalancerPool", ["address", "address[]"], [BALANCER_VAULT, [WETH, USDC]])
    pool_id = world.ask(pool, _POOL_ID)
    amounts = [10**21, 3 * 10**12]
    for symbol, amount in zip(("WETH", "USDC"), amounts, strict=True):
        world.net.deal(symbol, STRANGER, amount)
        world.send(STRANGER, FACTS.token(symbol), _APPROVE.calldata(BALANCER_VAULT, amount))
    request = ([WETH, USDC], amounts, encode_abi(["uint256[2]"], [amounts]), False)
    assert world.send(STRANGER, BALANCER_VAULT, _JOIN.calldata(pool_id, STRANGER, STRANGER, request))["status"] == "0x1"
    detail = BalancerV2Detail(int.from_bytes(pool_id))
    return pool, Hop("balancer_v2", Address(pool.lower()), USDC, WETH, 0, zero_for_one=False, detail=detail)


@pytest.mark.parametrize("gives", [0, 1, AMOUNT - 1, 10**22])
def test_balancer_pool_of_an_attacker__gives_too_little_or_what_it_has_not__route_reverts(
    world: World, gives: int
) -> None:
    before = furnish(world)
    pool, hop = hostile_pool(world)
    world.send(STRANGER, pool, _GIVES.calldata(gives))
    through = replace(route(world, HONEST, AMOUNT), hops=(world.hop(*HONEST[0]), hop))

    reason = "BAL#" if gives == 10**22 else "profit: below minimum"
    # What comes out is not enough to pay the first pool, unless the executor has some by accident.
    assert reason in world.refusal(world.executor, encode(plan(through)), OPERATOR)
    assert world.send(OPERATOR, world.executor, encode(plan(through)))["status"] == "0x0"
    check_unharmed(world, before)


def test_balancer_pool_of_an_attacker__is_generous_and_calls_meanwhile__gain_is_taken(world: World) -> None:
    furnish(world)
    pool, hop = hostile_pool(world)
    honest = encode(plan(route(world, HONEST, AMOUNT)))
    world.send(STRANGER, pool, _GIVES.calldata(AMOUNT + 5))
    world.send(STRANGER, pool, _MEANWHILE.calldata(world.executor, honest))
    through = replace(route(world, HONEST, AMOUNT), hops=(world.hop(*HONEST[0]), hop))
    before = world.holdings()

    world.execute(plan(through))

    assert world.ask(pool, _REFUSED) == 1
    assert gained(before, world.holdings()) == {(TREASURY, "WETH"): 5}
    assert world.allowances() == []


def test_balancer_v3_pool__paused__route_reverts(world: World) -> None:
    """Pools of V2 as old as those that count can no longer be paused."""
    steps = [HONEST[0], (BALANCER_V3, "USDC", "WETH")]
    need(steps)
    before = furnish(world)
    world.enrich(steps, AMOUNT)
    through = encode(plan(route(world, steps, AMOUNT)))
    pool = world.net.layout.pool(BALANCER_V3).address
    _privileged(world, BALANCER_V3_VAULT, _PAUSE_POOL, pool)

    assert keccak(text="PoolPaused(address)")[:4].hex() in world.refusal(world.executor, through, OPERATOR)
    assert world.send(OPERATOR, world.executor, through)["status"] == "0x0"
    check_unharmed(world, before)


@pytest.mark.parametrize(
    "step", [(WEIGHTED, "USDC", "WETH"), ("balancer_v2 wstETH/WETH 400", "wstETH", "WETH")], ids=lambda step: step[0]
)
def test_balancer_pool__in_recovery__gives_what_the_query_says(world: World, step: Step) -> None:
    first = HONEST[0] if step[1] == "USDC" else ("uniswap_v3 wstETH/WETH 100", "WETH", "wstETH")
    _privileged(world, world.net.layout.pool(step[0]).address, _RECOVER)
    world.enrich([first, step], AMOUNT)
    gain = world.outcome([first, step], AMOUNT) - AMOUNT
    before = world.holdings()

    world.execute(plan(route(world, [first, step], AMOUNT, min_profit=gain)))

    assert gained(before, world.holdings()) == {(TREASURY, "WETH"): gain}


def test_composable_pool__its_own_shares_are_sold__is_refused(world: World) -> None:
    """They are a token of it, too, which the Vault may take from anybody: an allowance that no hop may leave."""
    steps = [("uniswap_v3 wstETH/WETH 100", "WETH", "wstETH"), ("balancer_v2 wstETH/WETH 400", "wstETH", "WETH")]
    before = furnish(world)
    world.enrich(steps, AMOUNT, 0.05)
    single = world.hop(*steps[1])
    assert isinstance(single.detail, BalancerV2Detail)
    joins = replace(single, token_out=single.pool, zero_for_one=single.token_in < single.pool)
    exits = replace(single, token_in=single.pool, zero_for_one=single.pool < single.token_out)
    through = replace(route(world, steps, AMOUNT), hops=(world.hop(*steps[0]), joins, exits))
    with pytest.raises(PlanError, match="a pool occurs twice"):
        encode(plan(through))

    # The planner takes the second for another pool, and the program is changed behind its back.
    pool_id, mark = single.detail.pool_id, single.detail.pool_id ^ 1 << 200
    unknown = replace(exits, pool=Address("0x" + mark.to_bytes(32)[:20].hex()), detail=BalancerV2Detail(mark))
    data = encode(plan(replace(through, hops=(*through.hops[:2], unknown))))
    assert data.count(mark.to_bytes(32)) == 1
    data = data.replace(mark.to_bytes(32), pool_id.to_bytes(32))

    assert world.ask(single.pool, _ALLOWANCE, world.executor, BALANCER_VAULT) == 2**256 - 1
    assert "erc20: allowance is left" in world.refusal(world.executor, data, OPERATOR)
    assert world.send(OPERATOR, world.executor, data)["status"] == "0x0"
    check_unharmed(world, before)


def test_balancer_v2__hop_within_its_own_loan__is_refused_by_the_planner(world: World) -> None:
    steps = [HONEST[0], (WEIGHTED, "USDC", "WETH")]

    with pytest.raises(PlanError, match="Balancer's V2 Vault refuses swaps while it lends"):
        encode(plan(route(world, steps, AMOUNT, Funding.BALANCER_V2)))


def test_curve_pool__pays_somebody_ether_who_then_calls_the_executor__achieves_nothing(world: World) -> None:
    """He withdraws: the pool is locked, its balances are half written, and he has the floor."""
    furnish(world)
    steps = [("uniswap_v3 wstETH/WETH 100", "WETH", "wstETH"), ("curve ETH/wstETH 400", "wstETH", "WETH")]
    world.enrich(steps, AMOUNT)
    actor = employ(world)
    shares = _deposit(world, actor)
    through = encode(plan(route(world, steps, AMOUNT)))
    gain = world.outcome(HONEST, AMOUNT) - AMOUNT
    honest = encode(plan(route(world, HONEST, AMOUNT, min_profit=gain)))
    callback = function("uniswapV3SwapCallback(int256,int256,bytes)").calldata(10**15, -1, b"")
    script(world, actor, 0, [(CURVE_WSTETH, _REMOVE.calldata(shares, [0, 0]), False)])
    script(
        world,
        actor,
        1,
        [(world.executor, through, True), (world.executor, callback, True), (world.executor, honest, False)],
    )
    before = world.holdings()

    assert world.send(STRANGER, actor, b"")["status"] == "0x1"

    # Not through the locked pool, not by a callback; a route elsewhere is as good as ever.
    assert world.ask(actor, _REFUSED) == 2
    assert gained(before, world.holdings()) == {(TREASURY, "WETH"): gain}
    assert world.allowances() == []


def test_ether_forced_upon_the_executor__before_a_route_with_ether__stays(world: World) -> None:
    steps = [("uniswap_v3 wstETH/WETH 100", "WETH", "wstETH"), ("curve ETH/wstETH 400", "wstETH", "WETH")]
    world.enrich(steps, AMOUNT)
    world.net.rpc("anvil_setBalance", world.executor, hex(10**18))
    gain = world.outcome(steps, AMOUNT) - AMOUNT
    before = world.holdings()

    world.execute(plan(route(world, steps, AMOUNT, min_profit=gain)))

    assert gained(before, world.holdings()) == {(TREASURY, "WETH"): gain}


@pytest.mark.parametrize(
    "funding", [Funding.NONE, Funding.BALANCER_V2, Funding.AAVE_V3, Funding.UNISWAP_V3, Funding.MORPHO]
)
def test_token__returns_nothing_and_wants_zero_before_it_allows__is_traded_and_repaid(
    world: World, funding: Funding
) -> None:
    """As Ethereum's Tether, at the address of Arbitrum's; the route and the loan are of it."""
    steps = [("uniswap_v3 WETH/USDT 500", "USDT", "WETH"), HONEST[0], ("curve DAI/USDC/USDT 400", "USDC", "USDT")]
    need([], funding)
    _become_tether(world)
    amount = 10**8
    lender = None
    fee = {Funding.AAVE_V3: 50_000, Funding.UNISWAP_V3: 10_000}.get(funding, 0)
    if funding is Funding.UNISWAP_V3:
        lender = flash_pool(world, "uniswap_v3 USDC/USDT 100", "USDC")
    world.cheapen(steps[1], 0.05)
    gain = world.outcome(steps, amount) - amount - fee
    before = world.holdings()

    for _ in range(2):
        with world.undone():
            world.execute(plan(route(world, steps, amount, funding, gain, flash_pool=lender)))
            assert gained(before, world.holdings()) == {(TREASURY, "USDT"): gain}
            assert world.allowances() == []


def _become_tether(world: World) -> None:
    """
    Change USDT's code and let everybody who matters keep what he has.
    """
    names = ("uniswap_v3 WETH/USDT 500", "uniswap_v3 USDC/USDT 100", "curve DAI/USDC/USDT 400")
    pools = [world.net.layout.pool(name).address for name in names]
    holders = [*pools, BALANCER_VAULT, AAVE_RESERVES["USDT"][0], MORPHO]
    held = {holder: world.balance("USDT", holder) for holder in holders}
    world.net.rpc("anvil_setCode", USDT, "0x" + runtime("Tether").hex())
    for holder, amount in held.items():
        world.net.deal("USDT", holder, amount)


def _privileged(world: World, to: str, action: Function, *arguments: str) -> None:
    """
    Do at Balancer what only governance may.
    """
    role = world.ask(to, _ACTION_ID, action.selector)
    world.net.rpc("anvil_setBalance", LOCALNET_OWNER, hex(10**19))
    calls = (BALANCER_AUTHORIZER, _GRANT.calldata([role], LOCALNET_OWNER)), (to, action.calldata(*arguments))
    for target, data in calls:
        assert world.send(LOCALNET_OWNER, target, data)["status"] == "0x1"


def _deposit(world: World, actor: str) -> int:
    """
    Give the actor a share in the pool of ether and wstETH; return how much.
    """
    amounts = [10**18, 10**18]
    world.net.deal("wstETH", STRANGER, amounts[1])
    world.send(STRANGER, FACTS.token("wstETH"), _APPROVE.calldata(CURVE_WSTETH, amounts[1]))
    assert world.send(STRANGER, CURVE_WSTETH, _ADD.calldata(amounts, 0), amounts[0])["status"] == "0x1"
    shares = int(world.ask(CURVE_WSTETH, function("balanceOf(address)", ["uint256"]), STRANGER))
    data = function("transfer(address,uint256)").calldata(actor, shares)
    assert world.send(STRANGER, CURVE_WSTETH, data)["status"] == "0x1"
    return shares
