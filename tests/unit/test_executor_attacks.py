"""
What others may try: callbacks out of turn, hostile pools, hostile tokens, hostile programs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import boa
import pytest
from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak

from keeper.plan import SELECTORS, Funding, Guard, pool_address
from tests.executor_world import (
    FOREVER,
    ONE,
    V3_FEE,
    VAULT,
    Reverted,
    World,
    build,
    calldata,
    cycle,
    deployer,
    hop,
    lower,
    number,
    place,
    plan,
    words,
)

Call = tuple[str, bytes, bool]

#: Callbacks that other bots have or had; the executor must not even know them.
FOREIGN_SELECTORS = (
    "algebraSwapCallback(int256,int256,bytes)",
    "callFunction(address,(address,uint256),bytes)",
    "DPPFlashLoanCall(address,uint256,uint256,bytes)",
    "DSPFlashLoanCall(address,uint256,uint256,bytes)",
    "DVMFlashLoanCall(address,uint256,uint256,bytes)",
    "executeOperation(address,uint256,uint256,address,bytes)",
    "executeOperation(address[],uint256[],uint256[],address,bytes)",
    "onERC1155Received(address,address,uint256,uint256,bytes)",
    "onERC721Received(address,address,uint256,bytes)",
    "onFlashLoan(address,address,uint256,uint256,bytes)",
    "onMorphoFlashLoan(uint256,bytes)",
    "onTransferReceived(address,address,uint256,bytes)",
    "pancakeCall(address,uint256,uint256,bytes)",
    "tokensReceived(address,address,address,uint256,bytes,bytes)",
    "uniswapV3FlashCallback(uint256,uint256,bytes)",
    "unlockCallback(bytes)",
    "initialize()",
    "multicall(bytes[])",
    "withdraw(address,uint256)",
)


@pytest.fixture(scope="module")
def made() -> World:
    return build()


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with boa.env.anchor():
        yield replace(made, tokens=list(made.tokens))


# Callbacks that nobody is permitted


def test_vault__lends_to_the_executor_for_a_stranger__is_refused(world: World) -> None:
    with world.unharmed(exactly=True), boa.reverts("callback: unexpected caller"):
        world.vault.flashLoan(world.executor, [world.weth], [ONE], b"", sender=world.stranger)


def test_vault__passes_a_strangers_data_on__is_refused(world: World) -> None:
    with world.unharmed(exactly=True), boa.reverts():
        world.vault.flashLoan(world.executor, [world.weth], [ONE], b"attack", sender=world.stranger)


def test_vault__lends_several_tokens_to_the_executor__is_refused(world: World) -> None:
    data = _call("receiveFlashLoan(address[],uint256[],uint256[],bytes)", [world.weth.address] * 2, [1, 2], [0, 0], b"")

    with world.reverts(""):
        world.send(data, sender=VAULT)


def test_pair__swaps_to_the_executor_for_a_stranger__is_refused(world: World) -> None:
    pair = world.pool("sushi_v2", world.weth, world.usdc, (2, 1))

    with world.unharmed(exactly=True), boa.reverts("uniswap_v2: not our swap"):
        pair.swap(ONE, 0, world.executor, b"\1", sender=world.stranger)


def test_pair__passes_a_strangers_data_on__is_refused(world: World) -> None:
    pair = world.pool("sushi_v2", world.weth, world.usdc, (2, 1))

    with world.unharmed(exactly=True), boa.reverts():
        pair.swap(ONE, 0, world.executor, b"attack", sender=world.stranger)


def test_pair__claims_that_the_executor_called_it__is_refused(world: World) -> None:
    pair = world.pool("sushi_v2", world.weth, world.usdc, (2, 1))

    with world.reverts("callback: unexpected caller"):
        world.send(_on_v2_swap(world, ONE), sender=pair.address)


@pytest.mark.parametrize("name", ["uniswapV3SwapCallback", "pancakeV3SwapCallback"])
def test_genuine_pool__calls_back_unasked__is_refused(world: World, name: str) -> None:
    pool = world.pool("uniswap_v3", world.weth, world.usdc, (2, 1))
    world.weth.mint(world.executor, ONE)

    with world.reverts("callback: unexpected caller"):
        world.send(_call(f"{name}(int256,int256,bytes)", ONE, -1, b""), sender=pool.address)


@pytest.mark.parametrize("signature", FOREIGN_SELECTORS)
def test_foreign_callback__does_not_exist(world: World, signature: str) -> None:
    with world.reverts(""):
        world.send(keccak(text=signature)[:4] + bytes(32 * 8), sender=world.stranger)


@pytest.mark.parametrize("length", range(4))
def test_calldata__without_a_selector__reverts(world: World, length: int) -> None:
    with world.reverts(""):
        world.send(calldata([])[:length], sender=world.operator)


def test_recorded_calldata__sent_by_a_stranger__is_refused(world: World) -> None:
    hops = _profitable(world)
    recorded = bytes(world.execute(plan(world, hops)).msg.data)

    with world.reverts("roles: caller is not an operator"):
        world.send(recorded, sender=world.stranger)


# Pools and lenders that are called, and misbehave


def test_pool__calls_back_twice__is_refused(world: World) -> None:
    pool, hops = _scripted_pool(world)
    once = _on_v3_swap(pool, ONE, -1)
    _script(world, pool, [once, once], delta_in=ONE, delta_out=-1)
    world.weth.mint(world.executor, ONE)

    with world.reverts("callback: unexpected caller"):
        world.execute(plan(world, hops, Funding.BALANCER_V2))


def test_pool__never_calls_back__is_refused(world: World) -> None:
    pool, hops = _scripted_pool(world)
    _script(world, pool, [], delta_in=ONE, delta_out=-2 * ONE)

    with world.reverts("callback: not delivered"):
        world.execute(plan(world, hops, min_profit=0))


@pytest.mark.parametrize("off", [-1, 1, 2**87])
def test_pool__asks_for_another_amount__is_refused(world: World, off: int) -> None:
    pool, hops = _scripted_pool(world)
    _script(world, pool, [_on_v3_swap(pool, ONE + off, -1)], delta_in=ONE, delta_out=-1)
    world.weth.mint(world.executor, 2**90)

    with world.reverts("callback: unexpected amount"):
        world.execute(plan(world, hops))


@pytest.mark.parametrize("zero_for_one", [True, False])
def test_pool__says_in_the_end_that_it_took_less__is_not_listened_to(world: World, zero_for_one: bool) -> None:
    first, second = sorted((world.weth, world.usdc), key=number, reverse=not zero_for_one)
    pool = place("ScriptMock", pool_address("uniswap_v3", lower(first), lower(second), V3_FEE))
    world.v3("sushi_v3", second, first, (6, 10))
    second.mint(pool, 2 * ONE)
    sent = _call("transfer(address,uint256)", world.executor.address, 2 * ONE)
    deltas = (ONE, -2 * ONE) if zero_for_one else (-2 * ONE, ONE)
    asked = _call("uniswapV3SwapCallback(int256,int256,bytes)", *deltas, b"")
    calls = [(second.address, sent, False), (world.executor.address, asked, False)]
    short = (ONE - 1, -2 * ONE) if zero_for_one else (-2 * ONE, ONE - 1)
    pool.script(calls, *short)

    world.execute(plan(world, cycle(("uniswap_v3", "sushi_v3"), (first, second))))

    assert world.gain(first) == ONE // 5


def test_pool__answers_as_a_pair__is_refused(world: World) -> None:
    pool, hops = _scripted_pool(world)
    _script(world, pool, [_on_v2_swap(world, ONE)], delta_in=ONE, delta_out=-1)

    with world.reverts(""):
        world.execute(plan(world, hops))


def test_pool__answers_as_a_lender__is_refused(world: World) -> None:
    pool, hops = _scripted_pool(world)
    _script(world, pool, [_on_loan(world, ONE)], delta_in=ONE, delta_out=-1)

    with world.reverts("callback: not a loan"):
        world.execute(plan(world, hops))


def test_lender__answers_as_a_pool__is_refused(world: World) -> None:
    hops = _profitable(world)
    lender = place("ScriptMock", VAULT)
    lender.script(
        [(world.executor.address, _call("uniswapV3SwapCallback(int256,int256,bytes)", ONE, -1, b""), False)], 0, 0
    )

    with world.reverts(""):
        world.execute(plan(world, hops, Funding.BALANCER_V2))


@pytest.mark.parametrize("off", [-1, 1])
def test_lender__lends_another_amount__is_refused(world: World, off: int) -> None:
    hops = _profitable(world)
    lender = place("ScriptMock", VAULT)
    lender.script([(world.executor.address, _on_loan(world, ONE + off), False)], 0, 0)

    with world.reverts("callback: unexpected amount"):
        world.execute(plan(world, hops, Funding.BALANCER_V2))


def test_lender__sends_nothing__is_refused(world: World) -> None:
    hops = _profitable(world)
    lender = place("ScriptMock", VAULT)
    lender.script([(world.executor.address, _on_loan(world, ONE), False)], 0, 0)

    with world.reverts(""):
        world.execute(plan(world, hops, Funding.BALANCER_V2))


def test_pool__catches_a_refused_callback__may_still_deliver_the_due_one(world: World) -> None:
    pool, hops = _scripted_pool(world)
    world.usdc.mint(pool, 2 * ONE)
    sent = _call("transfer(address,uint256)", world.executor.address, 2 * ONE)
    wrong, right = _on_v3_swap(pool, ONE + 1, -2 * ONE), _on_v3_swap(pool, ONE, -2 * ONE)
    calls = [(world.usdc.address, sent, False), (world.executor.address, wrong, True)]
    pool.script([*calls, (world.executor.address, right, False)], *_deltas(pool, ONE, -2 * ONE))

    world.execute(plan(world, hops))

    assert world.gain(world.weth) == ONE // 5


@pytest.mark.parametrize("guard", [None, Guard(0, 2**160 - 1)])
def test_pool__has_no_code__reverts(world: World, guard: Guard | None) -> None:
    hops = cycle(("uniswap_v3", "sushi_v3"), (world.weth, world.usdc))

    with world.reverts("" if guard else "callback: not delivered"):
        world.execute(plan(world, hops, min_profit=0, guard=guard))


@pytest.mark.parametrize("funding", list(Funding))
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
    fake = place("UniswapV3PoolMock", "0x" + keccak(b"\xff" + factory + salt + init_hash)[12:].hex())
    fake.initialize(*tokens, 2, 1, True)
    world.v3("uniswap_v3", world.usdc, world.weth, (6, 10))
    hops = cycle(("pancake_v3", "uniswap_v3"), (world.weth, world.usdc))

    with world.reverts("callback: not delivered"):
        world.execute(plan(world, hops, min_profit=0))


# Tokens that misbehave


def test_token__calls_every_entry_when_it_moves__achieves_nothing(world: World) -> None:
    token, hops = _through_a_hook(world)
    recorded = _replayable(world, hops)
    entries = (
        recorded,
        _call("uniswapV3SwapCallback(int256,int256,bytes)", ONE, -1, b""),
        _call("pancakeV3SwapCallback(int256,int256,bytes)", ONE, -1, b""),
        _on_v2_swap(world, ONE),
        _on_loan(world, ONE),
        _call("sweep(address)", world.weth.address),
        _call("pause()"),
        _call("add_operator(address)", token.address),
    )
    for data in entries:
        token.set_hook(world.executor, data)

        with world.unharmed():
            world.execute(plan(world, hops))

    assert token.calls() >= 2 * len(entries)
    assert token.successes() == 0
    assert world.gain(world.weth) == len(entries) * (ONE // 5)


def test_token__makes_a_pool_of_the_route_call_back_early__achieves_nothing(world: World) -> None:
    token, hops = _through_a_hook(world)
    other = place("ScriptMock", pool_address("uniswap_v3", lower(world.weth), lower(world.dai), V3_FEE))
    other.script([(world.executor.address, _on_v3_swap(other, ONE, -1), False)], 0, 0)
    token.set_hook(other, b"anything")

    world.execute(plan(world, hops))

    assert token.calls() and token.successes() == 0
    assert world.gain(world.weth) == ONE // 5


def test_token__borrows_for_the_executor_during_its_loan__achieves_nothing(world: World) -> None:
    token, hops = _through_a_hook(world)
    signature = "flashLoan(address,address[],uint256[],bytes)"
    token.set_hook(VAULT, _call(signature, world.executor.address, [world.weth.address], [ONE], b""))

    world.execute(plan(world, hops, Funding.BALANCER_V2))

    assert token.calls() and token.successes() == 0
    assert world.gain(world.weth) == ONE // 5


def test_token__makes_an_operator_reenter__achieves_nothing(world: World) -> None:
    token, hops = _through_a_hook(world)
    operator = place("ScriptMock", "0x" + "0e" * 20)
    world.executor.add_operator(operator, sender=world.owner)
    operator.script([(world.executor.address, _replayable(world, hops), False)], 0, 0)
    token.set_hook(operator, b"anything")

    world.execute(plan(world, hops))

    assert token.calls() and token.successes() == 0
    assert b"callback: executor is running" in token.answer()
    assert world.gain(world.weth) == ONE // 5


def test_operator__is_a_contract_that_executes_twice__both_succeed(world: World) -> None:
    hops = _profitable(world)
    data = _replayable(world, hops)
    operator = place("ScriptMock", "0x" + "0e" * 20)
    world.executor.add_operator(operator, sender=world.owner)
    operator.script([(world.executor.address, data, False)] * 2, 0, 0)

    world.send(b"anything", sender=world.stranger, to=operator.address)

    assert world.gain(world.weth) == 2 * (ONE // 5)


def test_operator__first_of_two_fails__second_finds_no_permission_left(world: World) -> None:
    hops = _profitable(world)
    bad = words(_replayable(world, hops))
    bad[0] |= (2**88 - 1) << 88
    operator = place("ScriptMock", "0x" + "0e" * 20)
    world.executor.add_operator(operator, sender=world.owner)
    target = world.executor.address
    operator.script([(target, calldata(bad), True), (target, _replayable(world, hops), False)], 0, 0)

    world.send(b"anything", sender=world.stranger, to=operator.address)

    assert world.gain(world.weth) == ONE // 5


@pytest.mark.parametrize(
    "answer", [b"", (1).to_bytes(32), (1).to_bytes(32) + bytes(60_000)], ids=["none", "true", "64k"]
)
@pytest.mark.parametrize("dexes", [("uniswap_v3", "sushi_v3"), ("uniswap_v2", "sushi_v2")])
def test_token__answers_success_in_any_way__is_accepted(world: World, dexes: tuple[str, str], answer: bytes) -> None:
    token, hops = _through(world, "AnswerTokenMock", dexes)
    token.set_answer(world.executor, answer)

    computation = world.execute(plan(world, hops))

    assert world.gain(world.weth) > ONE // 6
    assert computation.get_gas_used() < 1_000_000


@pytest.mark.parametrize("dexes", [("uniswap_v3", "sushi_v3"), ("uniswap_v2", "sushi_v2"), ("sushi_v2", "uniswap_v3")])
def test_token__answers_false_and_moves_nothing__reverts(world: World, dexes: tuple[str, str]) -> None:
    """The venue that is not paid sees to it."""
    token, hops = _through(world, "AnswerTokenMock", dexes)
    token.mint(world.executor, 10 * ONE)
    payer = hops[0].pool if dexes[0] == "sushi_v2" else world.executor
    token.set_answer(payer, bytes(32), True)

    with world.unharmed(exactly=True), pytest.raises(Reverted):
        world.execute(plan(world, hops))


@pytest.mark.parametrize("answer", [bytes(32), (2).to_bytes(32), bytes(31)], ids=["false", "two", "short"])
def test_profit_token__does_not_say_that_it_moved__reverts(world: World, answer: bytes) -> None:
    token = world.token("AnswerTokenMock")
    other = replace(world, weth=token)
    other.executor = deployer("Executor").deploy(
        world.owner, world.guardian, world.treasury, [token, world.usdc], [world.operator]
    )
    hops = _profitable(other)
    # To the pool that opened the route it may answer what it likes.
    token.set_answer(other.executor, answer)

    with other.reverts("erc20: transfer failed" if not any(answer) and len(answer) == 32 else ""):
        other.execute(plan(other, hops))


@pytest.mark.parametrize("fee_bps", [1, 100, 1_000])
@pytest.mark.parametrize("dexes", [("uniswap_v3", "sushi_v3"), ("uniswap_v3", "sushi_v2"), ("sushi_v2", "uniswap_v3")])
def test_token__keeps_a_share__reverts(world: World, dexes: tuple[str, str], fee_bps: int) -> None:
    token, hops = _through(world, "FeeTokenMock", dexes)
    token.set_fee_bps(fee_bps)

    words = {("uniswap_v3", "sushi_v2"): "UniswapV2: K", ("sushi_v2", "uniswap_v3"): "IIA"}.get(dexes, "")
    with world.reverts(words):
        world.execute(plan(world, hops))


# Programs that are wrong


@pytest.mark.parametrize(
    ("index", "change", "message"),
    [
        (0, 1 << 232, "executor: unknown version"),
        (0, 3 << 232, "executor: unknown version"),
        (0, 1 << 240, "executor: unknown version"),
        (0, 1 << 255, "executor: unknown version"),
        (0, 2 << 224, "executor: unknown funding"),
        (0, 255 << 224, "executor: unknown funding"),
        (0, 2 << 216, ""),  # no profit token in this place of the list
        (0, 8 << 216, ""),  # no such place
        (0, 255 << 216, ""),
        (3, 0x10 << 184, "derivation: unknown fork"),
        (3, 0x07 << 184, "derivation: unknown fork"),
        (3, 0x33 << 184, "derivation: unknown fork"),
        (3, 1 << 192, "derivation: unknown fork"),
        (3, 1 << 255, "derivation: unknown fork"),
        (4, 1, "executor: last hop names a token"),
        (4, 0x50 << 184, "derivation: unknown fork"),
    ],
)
def test_program__with_a_wrong_field__reverts(world: World, index: int, change: int, message: str) -> None:
    program = words(_replayable(world, _profitable(world)))
    program[index] ^= change

    with world.reverts(message):
        world.send(calldata(program))


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4])
def test_program__too_short__reverts(world: World, length: int) -> None:
    program = words(_replayable(world, _profitable(world)))[:length]

    with world.reverts(""):
        world.send(calldata(program))


def test_program__beyond_the_longest__reverts(world: World) -> None:
    program = words(_replayable(world, _profitable(world))) + [0] * 3

    with world.reverts("executor: calldata is not the program alone"):
        world.send(calldata(program))


@pytest.mark.parametrize("hops", [3, 4])
def test_program__sent_to_the_entry_of_a_longer_one__reverts(world: World, hops: int) -> None:
    data = _replayable(world, _profitable(world))

    with world.reverts(""):
        world.send(SELECTORS[hops] + data[4:])


@pytest.mark.parametrize("trailing", range(1, 65))
def test_calldata__with_trailing_bytes__reverts(world: World, trailing: int) -> None:
    data = _replayable(world, _profitable(world))

    with world.reverts("executor: calldata is not the program alone"):
        world.send(data + bytes(trailing))


def test_calldata__truncated_anywhere__reverts(world: World) -> None:
    data = _replayable(world, _profitable(world))

    for length in range(len(data)):
        with world.unharmed(exactly=True), pytest.raises(Reverted) as revert:
            world.send(data[:length])

        assert revert.value.reason in ("", "executor: calldata is not the program alone")


def test_route__through_one_pool_twice__reverts(world: World) -> None:
    world.v3("uniswap_v3", world.weth, world.usdc, (2, 1))
    there, back = hop("uniswap_v3", world.weth, world.usdc), hop("uniswap_v3", world.usdc, world.weth)
    header = words(_replayable(world, _profitable(world)))[0]
    program = [header, 0, 0, _word(there), _word(back) >> 160 << 160]

    with world.reverts("LOK"):
        world.send(calldata(program))


def _profitable(world: World) -> Any:
    world.v3("uniswap_v3", world.weth, world.usdc, (2, 1))
    world.v3("sushi_v3", world.usdc, world.weth, (6, 10))
    return cycle(("uniswap_v3", "sushi_v3"), (world.weth, world.usdc))


def _through(world: World, mock: str, dexes: Sequence[str]) -> Any:
    """
    Return a new token of this kind and a profitable route through it.
    """
    token = world.token(mock)
    world.pool(dexes[0], world.weth, token, (2, 1))
    world.pool(dexes[1], token, world.weth, (6, 10))
    return token, cycle(dexes, (world.weth, token))


def _through_a_hook(world: World) -> Any:
    return _through(world, "HookTokenMock", ("uniswap_v3", "sushi_v3"))


def _scripted_pool(world: World) -> Any:
    """
    Return a pool that can be told what to do, and a route that it opens.
    """
    pool = place("ScriptMock", pool_address("uniswap_v3", lower(world.weth), lower(world.usdc), V3_FEE))
    pool.set_reserves(number(world.weth), number(world.usdc))
    world.v3("sushi_v3", world.usdc, world.weth, (6, 10))
    return pool, cycle(("uniswap_v3", "sushi_v3"), (world.weth, world.usdc))


def _script(world: World, pool: Any, callbacks: Sequence[bytes], delta_in: int, delta_out: int) -> None:
    calls = [(world.executor.address, data, False) for data in callbacks]
    pool.script(calls, *_deltas(pool, delta_in, delta_out))


def _deltas(pool: Any, delta_in: int, delta_out: int) -> tuple[int, int]:
    """
    Return a swap's two deltas in the order of the pool's tokens, which ``_scripted_pool`` noted as its reserves.
    """
    token_in, token_out = pool.getReserves()[:2]
    return (delta_in, delta_out) if token_in < token_out else (delta_out, delta_in)


def _on_v3_swap(pool: Any, delta_in: int, delta_out: int) -> bytes:
    return _call("uniswapV3SwapCallback(int256,int256,bytes)", *_deltas(pool, delta_in, delta_out), b"")


def _on_v2_swap(world: World, amount: int) -> bytes:
    return _call("uniswapV2Call(address,uint256,uint256,bytes)", world.executor.address, amount, 0, b"")


def _on_loan(world: World, amount: int) -> bytes:
    signature = "receiveFlashLoan(address[],uint256[],uint256[],bytes)"
    return _call(signature, [world.weth.address], [amount], [0], b"")


def _call(signature: str, *arguments: Any) -> bytes:
    inner = signature[signature.index("(") + 1 : -1]
    return keccak(text=signature)[:4] + abi_encode(inner.split(",") if inner else [], arguments)


def _replayable(world: World, hops: Any) -> bytes:
    from keeper.plan import encode

    return encode(plan(world, hops, deadline=FOREVER))


def _word(single: Any) -> int:
    return (16 << 24 | single.fee_pips) << 160 | int(single.token_out, 16)
