"""
Tokens that misbehave.
"""

from dataclasses import replace

import pytest

from keeper.plan import Funding, pool_address
from tests.executor_hostile import (
    on_loan,
    on_v2_swap,
    on_v3_swap,
    profitable,
    replayable,
    through,
    through_a_hook,
)
from tests.executor_world import (
    ONE,
    V3_FEE,
    VAULT,
    Reverted,
    World,
    call,
    lower,
    plan,
)


def test_token__calls_every_entry_when_it_moves__achieves_nothing(world: World) -> None:
    token, hops = through_a_hook(world)
    recorded = replayable(world, hops)
    entries = (
        recorded,
        call("uniswapV3SwapCallback(int256,int256,bytes)", ONE, -1, b""),
        call("pancakeV3SwapCallback(int256,int256,bytes)", ONE, -1, b""),
        on_v2_swap(world, ONE),
        on_loan(world, ONE),
        call("sweep(address)", world.weth.address),
        call("pause()"),
        call("add_operator(address)", token.address),
    )
    for data in entries:
        token.set_hook(world.executor, data)

        with world.unharmed():
            world.execute(plan(world, hops))

    assert token.calls() >= 2 * len(entries)
    assert token.successes() == 0
    assert world.gain(world.weth) == len(entries) * (ONE // 5)


def test_token__makes_a_pool_of_the_route_call_back_early__achieves_nothing(world: World) -> None:
    token, hops = through_a_hook(world)
    address = pool_address("uniswap_v3", lower(world.weth), lower(world.dai), V3_FEE)
    other = world.chain.place("mocks/ScriptMock", address)
    other.script([(world.executor.address, on_v3_swap(other, ONE, -1), False)], 0, 0)
    token.set_hook(other, b"anything")

    world.execute(plan(world, hops))

    assert token.calls() and token.successes() == 0
    assert world.gain(world.weth) == ONE // 5


def test_token__borrows_for_the_executor_during_its_loan__achieves_nothing(world: World) -> None:
    token, hops = through_a_hook(world)
    signature = "flashLoan(address,address[],uint256[],bytes)"
    token.set_hook(VAULT, call(signature, world.executor.address, [world.weth.address], [ONE], b""))

    world.execute(plan(world, hops, Funding.BALANCER_V2))

    assert token.calls() and token.successes() == 0
    assert world.gain(world.weth) == ONE // 5


def test_token__makes_an_operator_reenter__achieves_nothing(world: World) -> None:
    token, hops = through_a_hook(world)
    operator = world.chain.place("mocks/ScriptMock", "0x" + "0e" * 20)
    world.executor.add_operator(operator, sender=world.owner)
    operator.script([(world.executor.address, replayable(world, hops), False)], 0, 0)
    token.set_hook(operator, b"anything")

    world.execute(plan(world, hops))

    assert token.calls() and token.successes() == 0
    assert b"callback: executor is running" in token.answer()
    assert world.gain(world.weth) == ONE // 5


@pytest.mark.parametrize(
    "answer", [b"", (1).to_bytes(32), (1).to_bytes(32) + bytes(60_000)], ids=["none", "true", "64k"]
)
@pytest.mark.parametrize("dexes", [("uniswap_v3", "sushi_v3"), ("uniswap_v2", "sushi_v2")])
def test_token__answers_success_in_any_way__is_accepted(world: World, dexes: tuple[str, str], answer: bytes) -> None:
    token, hops = through(world, "AnswerTokenMock", dexes)
    token.set_answer(world.executor, answer)

    outcome = world.execute(plan(world, hops))

    assert world.gain(world.weth) > ONE // 6
    assert outcome.gas_used < 1_000_000


@pytest.mark.parametrize("dexes", [("uniswap_v3", "sushi_v3"), ("uniswap_v2", "sushi_v2"), ("sushi_v2", "uniswap_v3")])
def test_token__answers_false_and_moves_nothing__reverts(world: World, dexes: tuple[str, str]) -> None:
    """The venue that is not paid sees to it."""
    token, hops = through(world, "AnswerTokenMock", dexes)
    token.mint(world.executor, 10 * ONE)
    payer = hops[0].pool if dexes[0] == "sushi_v2" else world.executor
    token.set_answer(payer, bytes(32), True)

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(plan(world, hops))


@pytest.mark.parametrize("answer", [bytes(32), (2).to_bytes(32), bytes(31)], ids=["false", "two", "short"])
def test_profit_token__does_not_say_that_it_moved__reverts(world: World, answer: bytes) -> None:
    token = world.token("AnswerTokenMock")
    other = replace(world, weth=token)
    other.executor = world.chain.deploy(
        "Executor", world.owner, world.guardian, world.treasury, [token, world.usdc], [world.operator]
    )
    hops = profitable(other)
    # To the pool that opened the route it may answer what it likes.
    token.set_answer(other.executor, answer)

    with other.reverts("erc20: transfer failed" if not any(answer) and len(answer) == 32 else ""):
        other.execute(plan(other, hops))


@pytest.mark.parametrize("fee_bps", [1, 100, 1_000])
@pytest.mark.parametrize("dexes", [("uniswap_v3", "sushi_v3"), ("uniswap_v3", "sushi_v2"), ("sushi_v2", "uniswap_v3")])
def test_token__keeps_a_share__reverts(world: World, dexes: tuple[str, str], fee_bps: int) -> None:
    token, hops = through(world, "FeeTokenMock", dexes)
    token.set_fee_bps(fee_bps)

    words = {("uniswap_v3", "sushi_v2"): "UniswapV2: K", ("sushi_v2", "uniswap_v3"): "IIA"}.get(dexes, "")
    with world.reverts(words):
        world.execute(plan(world, hops))
