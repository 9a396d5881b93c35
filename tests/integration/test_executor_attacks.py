"""
Attacks on the executor through the real bytecode of pools and lenders.

Each is tried by a stranger, and by a contract that is an operator and goes on with an honest route in the same
transaction: whatever the attack left behind would be in its way.
"""

from collections.abc import Callable

import pytest

from keeper.plan import Funding, encode
from localnet.abi import Function, function
from localnet.addresses import (
    AAVE_POOL,
    BALANCER_V3_VAULT,
    BALANCER_VAULT,
    CURVE_WSTETH,
    MORPHO,
    UNISWAP_V4_POOL_MANAGER,
)
from tests.real_attacks import (
    AMOUNT,
    HONEST,
    Call,
    check_refused,
    check_unharmed,
    employ,
    executor_calls,
    furnish,
    script,
)
from tests.real_world import (
    FACTS,
    OPERATOR,
    PROFIT_TOKENS,
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

WETH, USDC = FACTS.token("WETH"), FACTS.token("USDC")
LIMIT = 4_295_128_740

_APPROVE = function("approve(address,uint256)")
_PAIR_SWAP = function("swap(uint256,uint256,address,bytes)")
_POOL_SWAP = function("swap(address,bool,int256,uint160,bytes)")
_POOL_FLASH = function("flash(address,uint256,uint256,bytes)")
_VAULT_LOAN = function("flashLoan(address,address[],uint256[],bytes)")
_AAVE_SIMPLE = function("flashLoanSimple(address,address,uint256,bytes,uint16)")
_AAVE_LOAN = function("flashLoan(address,address[],uint256[],uint256[],address,bytes,uint16)")
_VAULT_SWAP = Function(
    "swap",
    ("(bytes32,uint8,address,address,uint256,bytes)", "(address,bool,address,bool)", "uint256", "uint256"),
    (),
)
_UNLOCK = function("unlock(bytes)")
_MORPHO_LOAN = function("flashLoan(address,uint256,bytes)")

#: Every callback, as its venue would make it.
CALLBACKS = {
    "uniswapV2Call": ("uniswapV2Call(address,uint256,uint256,bytes)", (10**15, 0, b"\1")),
    "uniswapV3SwapCallback": ("uniswapV3SwapCallback(int256,int256,bytes)", (10**15, -1, b"")),
    "pancakeV3SwapCallback": ("pancakeV3SwapCallback(int256,int256,bytes)", (10**15, -1, b"")),
    "algebraSwapCallback": ("algebraSwapCallback(int256,int256,bytes)", (10**15, -1, b"")),
    "uniswapV3FlashCallback": ("uniswapV3FlashCallback(uint256,uint256,bytes)", (10**15, 0, b"")),
    "pancakeV3FlashCallback": ("pancakeV3FlashCallback(uint256,uint256,bytes)", (10**15, 0, b"")),
    "executeOperation": ("executeOperation(address,uint256,uint256,address,bytes)", (WETH, 10**18, 10**15)),
    "receiveFlashLoan": ("receiveFlashLoan(address[],uint256[],uint256[],bytes)", ([WETH], [10**18], [0], b"")),
    "onBalancerV3Unlock": ("onBalancerV3Unlock()", ()),
    "unlockCallback": ("unlockCallback(bytes)", (b"",)),
    "onMorphoFlashLoan": ("onMorphoFlashLoan(uint256,bytes)", (10**18, b"")),
}
#: Who may make them.
VENUES = {
    "uniswapV2Call": "uniswap_v2 WETH/USDC 3000",
    "uniswapV3SwapCallback": "uniswap_v3 WETH/USDC 500",
    "pancakeV3SwapCallback": "pancake_v3 WETH/USDC 500",
    # Camelot is not on the localnet.
    "algebraSwapCallback": "sushi_v3 WETH/USDC 500",
    "uniswapV3FlashCallback": "sushi_v3 WETH/USDC 500",
    "pancakeV3FlashCallback": "pancake_v3 WETH/USDC 500",
    "executeOperation": AAVE_POOL,
    "receiveFlashLoan": BALANCER_VAULT,
    "onBalancerV3Unlock": BALANCER_V3_VAULT,
    "unlockCallback": UNISWAP_V4_POOL_MANAGER,
    "onMorphoFlashLoan": MORPHO,
}


def callback(world: World, name: str) -> bytes:
    """Return a callback that would be due in a route or loan of the executor's own."""
    signature, arguments = CALLBACKS[name]
    if name == "uniswapV2Call":
        arguments = (world.executor, *arguments)
    elif name == "executeOperation":
        arguments = (*arguments, world.executor, b"")
    return function(signature).calldata(*arguments)


def pool(world: World, name: str) -> str:
    return name if name.startswith("0x") else world.net.layout.pool(name).address


@pytest.mark.parametrize("name", CALLBACKS)
def test_callback__nobody_asked_for_it__is_refused(world: World, name: str) -> None:
    before = furnish(world)
    data, venue = callback(world, name), pool(world, VENUES[name])
    world.net.rpc("anvil_setBalance", venue, hex(10**19))

    check_refused(world, before, (world.executor, data), "callback: unexpected caller")
    assert "callback: unexpected caller" in world.refusal(world.executor, data, venue)


FOREIGN: dict[str, tuple[Callable[[World], Call], str]] = {
    "Uniswap V2 pair swaps to it": (
        lambda w: (
            pool(w, "uniswap_v2 WETH/USDC 3000"),
            _PAIR_SWAP.calldata(10**15, 0, w.executor, b"\1"),
        ),
        "uniswap_v2: not our swap",
    ),
    "SushiSwap pair swaps to it": (
        lambda w: (pool(w, "sushi_v2 WETH/USDC 3000"), _PAIR_SWAP.calldata(0, 10**6, w.executor, b"\2")),
        "uniswap_v2: not our swap",
    ),
    "SushiSwap pair swaps to it with data": (
        lambda w: (pool(w, "sushi_v2 WETH/USDC 3000"), _PAIR_SWAP.calldata(0, 10**6, w.executor, bytes(64))),
        "revert",
    ),
    "Balancer V2 lends to it": (
        lambda w: (BALANCER_VAULT, _VAULT_LOAN.calldata(w.executor, [WETH], [10**18], b"")),
        "callback: unexpected caller",
    ),
    "Balancer V2 lends it two tokens": (
        lambda w: (BALANCER_VAULT, _VAULT_LOAN.calldata(w.executor, [WETH, USDC], [10**18, 10**9], b"\1")),
        "callback: unexpected caller",
    ),
    "Balancer V2 lends it nothing": (
        lambda w: (BALANCER_VAULT, _VAULT_LOAN.calldata(w.executor, [], [], b"")),
        "revert",
    ),
    "Balancer V2 sells what it has": (
        lambda w: (
            BALANCER_VAULT,
            _VAULT_SWAP.calldata(
                (
                    bytes.fromhex((w.net.layout.pool("balancer_v2 WBTC/WETH/USDC 2500").pool_id or "")[2:]),
                    0,
                    WETH,
                    USDC,
                    10**18,
                    b"",
                ),
                (w.executor, False, STRANGER, False),
                0,
                2**40,
            ),
        ),
        "BAL#401",
    ),
    "Aave lends to it": (
        lambda w: (AAVE_POOL, _AAVE_SIMPLE.calldata(w.executor, WETH, 10**18, b"", 0)),
        "aave_v3: not our loan",
    ),
    "Aave lends to it with data": (
        lambda w: (AAVE_POOL, _AAVE_SIMPLE.calldata(w.executor, USDC, 10**9, b"\1", 0)),
        "aave_v3: not our loan",
    ),
    "Aave lends to it by its other function": (
        lambda w: (AAVE_POOL, _AAVE_LOAN.calldata(w.executor, [WETH], [10**18], [0], STRANGER, b"", 0)),
        "executor: unknown function",
    ),
    "Aave lends it nothing": (
        lambda w: (AAVE_POOL, _AAVE_LOAN.calldata(w.executor, [], [], [], w.executor, b"", 0)),
        "executor: unknown function",
    ),
    "Aave leaves it a debt at a stable rate": (
        lambda w: (AAVE_POOL, _AAVE_LOAN.calldata(w.executor, [WETH], [10**18], [1], w.executor, b"", 0)),
        "executor: unknown function",
    ),
    "Aave leaves it a debt": (
        lambda w: (AAVE_POOL, _AAVE_LOAN.calldata(w.executor, [WETH], [10**18], [2], w.executor, b"", 0)),
        "executor: unknown function",
    ),
    "Uniswap V3 pool swaps to it": (
        lambda w: (
            pool(w, "uniswap_v3 WETH/USDC 500"),
            _POOL_SWAP.calldata(w.executor, True, 10**18, LIMIT, b""),
        ),
        "revert",
    ),
    "Uniswap V3 pool lends to it": (
        lambda w: (pool(w, "uniswap_v3 WETH/USDC 500"), _POOL_FLASH.calldata(w.executor, 10**18, 0, b"")),
        "revert",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_venue__is_sent_to_the_executor_by_a_stranger__is_refused(world: World, name: str) -> None:
    attack, reason = FOREIGN[name]
    before = furnish(world)

    check_refused(world, before, attack(world), reason)


@pytest.mark.parametrize("venue", ["Balancer V2 lends to it", "Aave lends to it", "Aave leaves it a debt"])
def test_lender__may_take_what_it_likes_from_the_executor__takes_nothing(world: World, venue: str) -> None:
    """Even if an allowance had been left."""
    before = furnish(world)
    attack, reason = FOREIGN[venue]
    to, data = attack(world)
    world.net.rpc("anvil_setBalance", world.executor, hex(10**18))
    for token in PROFIT_TOKENS:
        world.send(world.executor, token, _APPROVE.calldata(to, 2**256 - 1))
    world.net.rpc("anvil_setBalance", world.executor, hex(0))

    assert reason in world.refusal(to, data, STRANGER)
    assert world.send(STRANGER, to, data)["status"] == "0x0"
    assert world.holdings() == before.holdings


RECORDED: dict[str, tuple[list[Step], Funding]] = {
    "V3 V2": (HONEST, Funding.NONE),
    "V2 V2": ([HONEST[1], ("sushi_v2 WETH/USDC 3000", "WETH", "USDC")], Funding.NONE),
    "V2 Curve V3": (
        [
            ("sushi_v2 WETH/USDT 3000", "WETH", "USDT"),
            ("curve DAI/USDC/USDT 400", "USDT", "USDC"),
            ("pancake_v3 WETH/USDC 500", "USDC", "WETH"),
        ],
        Funding.NONE,
    ),
    "V3 Balancer V2": (
        [HONEST[0], ("balancer_v2 WBTC/WETH/USDC 2500", "USDC", "WETH")],
        Funding.NONE,
    ),
    "V3 ether": (
        [("uniswap_v3 wstETH/WETH 100", "WETH", "wstETH"), ("curve ETH/wstETH 400", "wstETH", "WETH")],
        Funding.NONE,
    ),
    "V3 V4": ([HONEST[0], ("uniswap_v4 ETH/USDC 500", "USDC", "WETH")], Funding.NONE),
    "V3 Balancer V3": ([HONEST[0], ("balancer_v3 WETH/USDC 3000", "USDC", "WETH")], Funding.NONE),
} | {f"V3 V2, {funding}": (HONEST, funding) for funding in Funding if funding is not Funding.NONE}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_program__every_call_of_it_repeated__achieves_nothing(world: World, name: str) -> None:
    """The program itself, what the executor asked of venues, and how they called back, byte for byte."""
    steps, funding = RECORDED[name]
    need(steps, funding)
    furnish(world)
    world.enrich(steps, AMOUNT if steps[0][1] == "WETH" else 10**8, 0.05)
    lender = flash_pool(world, "uniswap_v3 WETH/USDC 3000", "USDC") if funding is Funding.UNISWAP_V3 else None
    amount = AMOUNT if steps[0][1] == "WETH" else 10**8
    program = plan(route(world, steps, amount, funding, flash_pool=lender))
    with world.undone():
        made, got = executor_calls(world, world.execute(program)["transactionHash"])
    before = furnish(world)

    assert "roles: caller is not an operator" in world.refusal(world.executor, encode(program), STRANGER)
    assert made
    assert got
    for call in got:
        data = bytes.fromhex(call["input"][2:])
        if not data:
            assert "weth: unexpected ether" in world.refusal(world.executor, b"", STRANGER, int(call["value"], 16))
            continue
        if call["from"].lower() == world.executor.lower():
            assert "executor: only for itself" in world.refusal(world.executor, data, STRANGER)
            continue
        world.net.rpc("anvil_setBalance", call["from"], hex(10**19))
        for sender in (call["from"], STRANGER):
            assert "callback: unexpected caller" in world.refusal(world.executor, data, sender)
    for call in made:
        world.send(STRANGER, call["to"], bytes.fromhex(call["input"][2:]), int(call.get("value", "0x0"), 16))
    check_unharmed(world, before)


INSIDE: dict[str, Callable[[str], Call]] = {
    "Balancer V2 loan": lambda actor: (BALANCER_VAULT, _VAULT_LOAN.calldata(actor, [], [], b"")),
    "Uniswap V4 session": lambda actor: (UNISWAP_V4_POOL_MANAGER, _UNLOCK.calldata(b"")),
    "Balancer V3 session": lambda actor: (BALANCER_V3_VAULT, _UNLOCK.calldata(b"\x12\x34\x56\x78")),
}


@pytest.mark.parametrize("session", INSIDE)
def test_stranger__holds_a_venue_open__callbacks_are_refused_and_routes_gain_as_ever(
    world: World, session: str
) -> None:
    """While he is lent to, or has unlocked the venue himself: what its views say then binds nobody."""
    need([], {"U": Funding.UNISWAP_V4, "B": Funding.BALANCER_V3}[session[0]])
    furnish(world)
    actor = employ(world)
    # How Uniswap V4 wants to be answered: with no bytes.
    world.send(STRANGER, actor, function("answer(bytes)").calldata((32).to_bytes(32) + bytes(32)))
    gain = world.outcome(HONEST, AMOUNT) - AMOUNT
    honest = encode(plan(route(world, HONEST, AMOUNT, min_profit=gain)))
    tried = [(world.executor, callback(world, name), True) for name in (*list(CALLBACKS)[-4:], "uniswapV2Call")]
    script(world, actor, 0, [(*INSIDE[session](actor), False)])
    script(world, actor, 1, [*tried, (world.executor, honest, False)])
    before = world.holdings()

    assert world.send(STRANGER, actor, b"")["status"] == "0x1"

    assert world.ask(actor, function("refused()", ["uint256"])) == len(tried)
    assert gained(before, world.holdings()) == {(TREASURY, "WETH"): gain}
    assert world.allowances() == []


def test_operator__unlocks_the_manager_himself__route_through_it_reverts(world: World) -> None:
    steps = RECORDED["V3 V4"][0]
    need(steps)
    before = furnish(world)
    world.enrich(steps, AMOUNT)
    actor = employ(world)
    program = encode(plan(route(world, steps, AMOUNT)))
    world.send(STRANGER, actor, function("answer(bytes)").calldata((32).to_bytes(32) + bytes(32)))
    script(world, actor, 0, [(UNISWAP_V4_POOL_MANAGER, _UNLOCK.calldata(b""), False)])
    script(world, actor, 1, [(world.executor, program, True)])

    assert world.send(STRANGER, actor, b"")["status"] == "0x1"

    assert world.ask(actor, function("refused()", ["uint256"])) == 1
    assert world.holdings() == before.holdings
    assert world.execute(plan(route(world, steps, AMOUNT)), OPERATOR)


@pytest.mark.parametrize(
    "sender", [STRANGER, BALANCER_VAULT, UNISWAP_V4_POOL_MANAGER, CURVE_WSTETH], ids=lambda who: who[:8]
)
def test_ether__from_others_than_weth__is_refused(world: World, sender: str) -> None:
    world.net.rpc("anvil_setBalance", sender, hex(10**19))

    assert "weth: unexpected ether" in world.refusal(world.executor, b"", sender, 10**18)
