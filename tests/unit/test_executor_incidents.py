"""
Attacks that robbed other executors, each as it was: the naive one beside ours loses, ours does not.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from eth_abi.abi import encode

from keeper.plan import Funding, pool_address
from tests.executor_routes import gainful, under
from tests.executor_world import ONE, V3_FEE, Reverted, World, call, lower, undone

FLASH_LOAN = "flashLoan(address,address[],uint256[],bytes)"


@pytest.fixture
def world(made: World) -> Iterator[World]:
    """Both executors hold some WETH, which ours never would; ours must not lose it."""
    with undone(made) as world:
        world.weth.mint(world.executor, 100 * ONE)
        with world.unharmed(exactly=True):
            yield world


@pytest.fixture
def naive(world: World) -> Any:
    contract = world.chain.deploy("mocks/NaiveReceiverMock")
    world.weth.mint(contract, 100 * ONE)
    return contract


@pytest.fixture
def thief(world: World) -> Any:
    return world.chain.deploy("mocks/FakePoolMock")


def loot(world: World, thief: Any) -> bytes:
    """
    Return the data that makes an obedient receiver send all that it has.
    """
    order = call("transfer(address,uint256)", thief.address, 100 * ONE)
    return encode(["address", "bytes"], [world.weth.address, order])


def approval(world: World, thief: Any) -> bytes:
    """
    Return the data that makes an obedient receiver allow all that it has.
    """
    order = call("approve(address,uint256)", thief.address, 100 * ONE)
    return encode(["address", "bytes"], [world.weth.address, order])


def refused(world: World, data: bytes, to: Any = None) -> None:
    """
    Send something as a stranger, and expect that it reverts.
    """
    with pytest.raises(Reverted):
        world.send(data, world.stranger, to)


def test_0xbadc0de__true_lender_and_a_strangers_action__approves_nothing(world: World, naive: Any, thief: Any) -> None:
    """102. SoloMargin called the bot back with anybody's data, and the bot approved what they said."""
    data = call(
        "callFunction(address,(address,uint256),bytes)", world.stranger, (world.stranger, 1), approval(world, thief)
    )
    naive.callFunction(world.stranger, world.stranger, 1, approval(world, thief))
    thief.take(world.weth, naive, 100 * ONE)
    assert world.weth.balanceOf(naive) == 0

    refused(world, data)
    with pytest.raises(Reverted):
        thief.take(world.weth, world.executor, 1)


@pytest.mark.parametrize("name", ["pancakeCall", "uniswapV2Call"])
def test_bnb48__anybody_that_has_two_tokens__is_not_a_pair(world: World, naive: Any, thief: Any, name: str) -> None:
    """103. The bot paid whoever said that it was a pair of these tokens."""
    thief.pose(world.weth, world.usdc, thief)
    for sender in (world.stranger, naive.address):
        data = call(f"{name}(address,uint256,uint256,bytes)", sender, 100 * ONE, 0, b"")
        if sender == naive.address:
            thief.act(naive, data)
    assert world.weth.balanceOf(thief) == 100 * ONE

    data = call(f"{name}(address,uint256,uint256,bytes)", world.executor.address, 100 * ONE, 0, b"")
    with pytest.raises(Reverted):
        thief.act(world.executor, data)


def test_meva47b__balancer_lends_to_the_victim__with_a_strangers_data(world: World, naive: Any, thief: Any) -> None:
    """104. Balancer's V2 Vault calls back whom anybody names."""
    vault = world.vault
    vault.flashLoan(naive, [world.weth], [1], loot(world, thief), sender=world.stranger)
    assert world.weth.balanceOf(thief) == 100 * ONE

    for data in (loot(world, thief), b""):
        refused(world, call(FLASH_LOAN, world.executor.address, [world.weth.address], [1], data), vault)


def test_0x28d9__a_pool_lends_to_the_victim__with_a_strangers_data(world: World, naive: Any, thief: Any) -> None:
    """105. So did DODO's pools; and Aave's Pool does."""
    signature = "DPPFlashLoanCall(address,uint256,uint256,bytes)"
    order = call("transfer(address,uint256)", thief.address, 50 * ONE)
    data = encode(["address", "bytes"], [world.weth.address, order])
    thief.act(naive, call(signature, world.stranger, 1, 0, data))
    pool = world.venues.lenders[Funding.AAVE_V3]
    pool.flashLoanSimple(naive, world.usdc, 0, data, 0, sender=world.stranger)
    assert world.weth.balanceOf(thief) == 100 * ONE

    with pytest.raises(Reverted):
        thief.act(world.executor, call(signature, world.stranger, 1, 0, data))
    loan = call(
        "flashLoanSimple(address,address,uint256,bytes,uint16)", world.executor.address, world.usdc.address, 0, b"", 0
    )
    refused(world, loan, pool)


def test_0xdd7c__factory_named_by_the_attacker__makes_no_pool_true(world: World, naive: Any, thief: Any) -> None:
    """106. The bot asked whether the caller was a pool of the factory that the caller named."""
    thief.pose(world.weth, world.usdc, thief)
    data = call("uniswapV3SwapCallback(int256,int256,bytes)", 100 * ONE, -1, encode(["address"], [thief.address]))
    thief.act(naive, data)
    assert world.weth.balanceOf(thief) == 100 * ONE

    bare = call("uniswapV3SwapCallback(int256,int256,bytes)", 100 * ONE, -1, b"")
    for attempt in (data, bare):
        with pytest.raises(Reverted):
            thief.act(world.executor, attempt)
    # A program has no place for a factory: whatever it says, the pool is that of the true one.
    true = pool_address("uniswap_v3", lower(world.weth), lower(world.usdc), V3_FEE)
    assert gainful(world, ("uniswap_v3", "sushi_v3"), middle=world.usdc).hops[0].pool == true != lower(thief)


def test_bot_exp__public_swap_without_a_minimum__is_not_public(world: World, naive: Any, thief: Any) -> None:
    """107. Anybody could make the bot swap what it had, at any price."""
    world.send(
        call("swap_now(address,address,uint256)", thief.address, world.weth.address, 100 * ONE), world.stranger, naive
    )
    thief.take(world.weth, naive, 100 * ONE)
    assert world.weth.balanceOf(naive) == 0

    route = gainful(world, ("curve", "sushi_v3"))
    for funding in Funding:
        if funding is not Funding.NONE:
            with world.reverts("roles: caller is not an operator"):
                world.execute(under(world, funding, route), sender=world.stranger)


def test_jared__router_that_leaves_its_allowance__finds_none_later(world: World, naive: Any, thief: Any) -> None:
    """108. A bait router took nothing of what it was allowed, and came back for it."""
    naive.swap_now(thief, world.weth, 100 * ONE)
    assert world.weth.allowance(naive, thief) == 100 * ONE
    thief.take(world.weth, naive, 100 * ONE)
    assert world.weth.balanceOf(thief) == 100 * ONE

    route = gainful(world, ("curve", "sushi_v3"))
    bait = world.chain.place("mocks/ScriptMock", route.hops[0].pool)
    sent = call("mint(address,uint256)", world.executor.address, 2 * ONE)
    bait.script([(world.dai.address, sent, False)], 0, 0)
    with world.reverts("erc20: allowance is left"):
        world.execute(under(world, Funding.MORPHO, route))
    assert world.weth.allowance(world.executor, bait) == 0


def test_unprotected_arb_bot__open_call_and_the_owners_allowance__is_not_open(
    world: World, naive: Any, thief: Any
) -> None:
    """109. The owner had allowed the bot his own tokens, and anybody could tell the bot whom to call."""
    for spender in (naive, world.executor):
        world.weth.approve(spender, 10 * ONE, sender=world.owner)
    world.weth.mint(world.owner, 10 * ONE)
    order = call("transferFrom(address,address,uint256)", world.owner, thief.address, 10 * ONE)
    attack = call("forward(address,bytes)", world.weth.address, order)
    world.send(attack, world.stranger, naive)
    assert world.weth.balanceOf(thief) == 10 * ONE

    world.weth.mint(world.owner, 10 * ONE)
    refused(world, attack)
    refused(world, bytes.fromhex("42be3129") + attack[4:])
    assert world.weth.balanceOf(world.owner) == 10 * ONE


def test_670471__proxy_that_forwards_the_lenders_call__is_not_the_lender(world: World, naive: Any, thief: Any) -> None:
    """110. A proxy passed on ``receiveFlashLoan``, whoever had called it."""
    signature = "receiveFlashLoan(address[],uint256[],uint256[],bytes)"
    data = call(signature, [world.weth.address], [0], [0], loot(world, thief))
    world.send(call("forward(address,bytes)", naive.address, data), world.stranger, naive)
    assert world.weth.balanceOf(thief) == 100 * ONE

    bare = call(signature, [world.weth.address], [0], [0], b"")
    for attempt in (data, bare):
        refused(world, call("forward(address,bytes)", world.executor.address, attempt), naive)
