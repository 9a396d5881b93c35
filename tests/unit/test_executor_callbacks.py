"""
Callbacks that nobody permitted, and venues that call back wrongly.
"""

import pytest
from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak

from keeper.plan import Funding, Guard, encode, pool_address
from tests.executor_hostile import (
    deltas,
    on_loan,
    on_v2_swap,
    on_v3_swap,
    profitable,
    script,
    scripted_pool,
)
from tests.executor_world import (
    ONE,
    V3_FEE,
    VAULT,
    Reverted,
    World,
    call,
    calldata,
    cycle,
    lower,
    number,
    plan,
)

#: Callbacks that other bots have or had; the executor must not even know them.
FOREIGN_SELECTORS = (
    "callFunction(address,(address,uint256),bytes)",
    "DPPFlashLoanCall(address,uint256,uint256,bytes)",
    "DSPFlashLoanCall(address,uint256,uint256,bytes)",
    "DVMFlashLoanCall(address,uint256,uint256,bytes)",
    "executeOperation(address[],uint256[],uint256[],address,bytes)",
    "onERC1155Received(address,address,uint256,uint256,bytes)",
    "onERC721Received(address,address,uint256,bytes)",
    "onFlashLoan(address,address,uint256,uint256,bytes)",
    "onTransferReceived(address,address,uint256,bytes)",
    "pancakeCall(address,uint256,uint256,bytes)",
    "tokensReceived(address,address,address,uint256,bytes,bytes)",
    "algebraFlashCallback(uint256,uint256,bytes)",
    "hook(address,uint256,uint256,bytes)",
    "initialize()",
    "multicall(bytes[])",
    "withdraw(address,uint256)",
)


def test_vault__lends_to_the_executor_for_a_stranger__is_refused(world: World) -> None:
    with world.reverts("callback: unexpected caller"):
        world.vault.flashLoan(world.executor, [world.weth], [ONE], b"", sender=world.stranger)


def test_vault__passes_a_strangers_data_on__is_refused(world: World) -> None:
    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.vault.flashLoan(world.executor, [world.weth], [ONE], b"attack", sender=world.stranger)


def test_vault__lends_several_tokens_to_the_executor__is_refused(world: World) -> None:
    data = call("receiveFlashLoan(address[],uint256[],uint256[],bytes)", [world.weth.address] * 2, [1, 2], [0, 0], b"")

    with world.reverts("callback: unexpected caller"):
        world.send(data, sender=VAULT)


def test_pair__swaps_to_the_executor_for_a_stranger__is_refused(world: World) -> None:
    pair = world.pool("sushi_v2", world.weth, world.usdc, (2, 1))

    with world.reverts("uniswap_v2: not our swap"):
        pair.swap(ONE, 0, world.executor, b"\1", sender=world.stranger)


def test_pair__passes_a_strangers_data_on__is_refused(world: World) -> None:
    pair = world.pool("sushi_v2", world.weth, world.usdc, (2, 1))

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        pair.swap(ONE, 0, world.executor, b"attack", sender=world.stranger)


def test_pair__claims_that_the_executor_called_it__is_refused(world: World) -> None:
    pair = world.pool("sushi_v2", world.weth, world.usdc, (2, 1))

    with world.reverts("callback: unexpected caller"):
        world.send(on_v2_swap(world, ONE), sender=pair.address)


@pytest.mark.parametrize("name", ["uniswapV3SwapCallback", "pancakeV3SwapCallback"])
def test_genuine_pool__calls_back_unasked__is_refused(world: World, name: str) -> None:
    pool = world.pool("uniswap_v3", world.weth, world.usdc, (2, 1))
    world.weth.mint(world.executor, ONE)

    with world.reverts("callback: unexpected caller"):
        world.send(call(f"{name}(int256,int256,bytes)", ONE, -1, b""), sender=pool.address)


@pytest.mark.parametrize("signature", FOREIGN_SELECTORS)
def test_foreign_callback__does_not_exist(world: World, signature: str) -> None:
    with world.reverts("executor: unknown function"):
        world.send(keccak(text=signature)[:4] + bytes(32 * 8), sender=world.stranger)


@pytest.mark.parametrize("length", range(4))
def test_calldata__without_a_selector__reverts(world: World, length: int) -> None:
    with world.reverts("executor: unknown function" if length else "weth: unexpected ether"):
        world.send(calldata([])[:length], sender=world.operator)


def test_recorded_calldata__sent_by_a_stranger__is_refused(world: World) -> None:
    hops = profitable(world)
    recorded = encode(plan(world, hops))
    world.execute(plan(world, hops))

    with world.reverts("roles: caller is not an operator"):
        world.send(recorded, sender=world.stranger)


def test_pool__calls_back_twice__is_refused(world: World) -> None:
    pool, hops = scripted_pool(world)
    once = on_v3_swap(pool, ONE, -1)
    script(world, pool, [once, once], delta_in=ONE, delta_out=-1)
    world.weth.mint(world.executor, ONE)

    with world.reverts("callback: unexpected caller"):
        world.execute(plan(world, hops, Funding.BALANCER_V2))


def test_pool__never_calls_back__is_refused(world: World) -> None:
    pool, hops = scripted_pool(world)
    script(world, pool, [], delta_in=ONE, delta_out=-2 * ONE)

    with world.reverts("callback: not delivered"):
        world.execute(plan(world, hops, min_profit=0))


@pytest.mark.parametrize("off", [-1, 1, 2**87])
def test_pool__asks_for_another_amount__is_refused(world: World, off: int) -> None:
    pool, hops = scripted_pool(world)
    script(world, pool, [on_v3_swap(pool, ONE + off, -1)], delta_in=ONE, delta_out=-1)
    world.weth.mint(world.executor, 2**90)

    with world.reverts("callback: unexpected amount"):
        world.execute(plan(world, hops))


@pytest.mark.parametrize("zero_for_one", [True, False])
def test_pool__says_in_the_end_that_it_took_less__is_not_listened_to(world: World, zero_for_one: bool) -> None:
    first, second = sorted((world.weth, world.usdc), key=number, reverse=not zero_for_one)
    pool = world.chain.place("mocks/ScriptMock", pool_address("uniswap_v3", lower(first), lower(second), V3_FEE))
    world.v3("sushi_v3", second, first, (6, 10))
    second.mint(pool, 2 * ONE)
    sent = call("transfer(address,uint256)", world.executor.address, 2 * ONE)
    deltas = (ONE, -2 * ONE) if zero_for_one else (-2 * ONE, ONE)
    asked = call("uniswapV3SwapCallback(int256,int256,bytes)", *deltas, b"")
    calls = [(second.address, sent, False), (world.executor.address, asked, False)]
    short = (ONE - 1, -2 * ONE) if zero_for_one else (-2 * ONE, ONE - 1)
    pool.script(calls, *short)

    world.execute(plan(world, cycle(("uniswap_v3", "sushi_v3"), (first, second))))

    assert world.gain(first) == ONE // 5


def test_pool__answers_as_a_pair__is_refused(world: World) -> None:
    pool, hops = scripted_pool(world)
    script(world, pool, [on_v2_swap(world, ONE)], delta_in=ONE, delta_out=-1)

    with world.reverts(""):
        world.execute(plan(world, hops))


def test_pool__answers_as_a_lender__is_refused(world: World) -> None:
    pool, hops = scripted_pool(world)
    script(world, pool, [on_loan(world, ONE)], delta_in=ONE, delta_out=-1)

    with world.reverts("callback: not a loan"):
        world.execute(plan(world, hops))


def test_lender__answers_as_a_pool__is_refused(world: World) -> None:
    hops = profitable(world)
    lender = world.chain.place("mocks/ScriptMock", VAULT)
    lender.script(
        [(world.executor.address, call("uniswapV3SwapCallback(int256,int256,bytes)", ONE, -1, b""), False)], 0, 0
    )

    with world.reverts(""):
        world.execute(plan(world, hops, Funding.BALANCER_V2))


@pytest.mark.parametrize("off", [-1, 1])
def test_lender__lends_another_amount__is_refused(world: World, off: int) -> None:
    hops = profitable(world)
    lender = world.chain.place("mocks/ScriptMock", VAULT)
    lender.script([(world.executor.address, on_loan(world, ONE + off), False)], 0, 0)

    with world.reverts("callback: unexpected amount"):
        world.execute(plan(world, hops, Funding.BALANCER_V2))


def test_lender__sends_nothing__is_refused(world: World) -> None:
    hops = profitable(world)
    lender = world.chain.place("mocks/ScriptMock", VAULT)
    lender.script([(world.executor.address, on_loan(world, ONE), False)], 0, 0)

    with world.reverts(""):
        world.execute(plan(world, hops, Funding.BALANCER_V2))


def test_pool__catches_a_refused_callback__may_still_deliver_the_due_one(world: World) -> None:
    pool, hops = scripted_pool(world)
    world.usdc.mint(pool, 2 * ONE)
    sent = call("transfer(address,uint256)", world.executor.address, 2 * ONE)
    wrong, right = on_v3_swap(pool, ONE + 1, -2 * ONE), on_v3_swap(pool, ONE, -2 * ONE)
    calls = [(world.usdc.address, sent, False), (world.executor.address, wrong, True)]
    pool.script([*calls, (world.executor.address, right, False)], *deltas(pool, ONE, -2 * ONE))

    world.execute(plan(world, hops))

    assert world.gain(world.weth) == ONE // 5


@pytest.mark.parametrize("guard", [None, Guard(0, 2**160 - 1)])
def test_pool__has_no_code__reverts(world: World, guard: Guard | None) -> None:
    hops = cycle(("uniswap_v3", "sushi_v3"), (world.weth, world.usdc))

    with world.reverts("" if guard else "callback: not delivered"):
        world.execute(plan(world, hops, min_profit=0, guard=guard))


@pytest.mark.parametrize("funding", [Funding.NONE, Funding.BALANCER_V2])
@pytest.mark.parametrize("place_of_none", range(3))
def test_pool__has_no_code_amid_a_route__reverts(world: World, place_of_none: int, funding: Funding) -> None:
    tokens = (world.weth, world.usdc, world.dai)
    dexes = ("uniswap_v3", "sushi_v3", "pancake_v3")
    for i, (dex, token_in, token_out) in enumerate(zip(dexes, tokens, (*tokens[1:], tokens[0]), strict=True)):
        if i != place_of_none:
            world.pool(dex, token_in, token_out, (11, 10))
    for token in tokens:
        token.mint(world.executor, 10 * ONE)

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(plan(world, cycle(dexes, tokens), funding, min_profit=0))


def test_pair__has_no_code__reverts(world: World) -> None:
    hops = cycle(("uniswap_v2", "sushi_v2"), (world.weth, world.usdc))

    with world.reverts(""):
        world.execute(plan(world, hops))


def test_fake_pool__cannot_be_named(world: World) -> None:
    """A pool of the right tokens that PancakeSwap's factory, not its deployer, would have made."""
    factory = bytes.fromhex("0bfbcf9fa4f9c56b0f40a671ad40e0805a091865")
    init_hash = bytes.fromhex("6ce8eb472fa82df5469c6ab6d485f17c3ad13c8cd7af59b3d4a8026c5ce0f7e2")
    tokens = sorted((lower(world.weth), lower(world.usdc)))
    salt = keccak(abi_encode(["address", "address", "uint24"], [*tokens, V3_FEE]))
    fake = world.chain.place("mocks/UniswapV3PoolMock", "0x" + keccak(b"\xff" + factory + salt + init_hash)[12:].hex())
    fake.initialize(*tokens, 2, 1, 1)
    world.v3("uniswap_v3", world.usdc, world.weth, (6, 10))
    hops = cycle(("pancake_v3", "uniswap_v3"), (world.weth, world.usdc))

    with world.reverts("callback: not delivered"):
        world.execute(plan(world, hops, min_profit=0))
