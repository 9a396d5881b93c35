"""
Who may do what with the executor.
"""

from typing import Any

import pytest

from tests.executor_revm import RevmChain
from tests.executor_world import ONE, World, build, cycle, deployer, plan

ZERO = "0x" + "00" * 20

#: A call of every function that changes state, and the words by which a stranger is refused.
CALLS = {
    "execute": ([0, 0], "executor: unknown version"),
    "execute_two": ([0] * 5, "executor: unknown version"),
    "execute_three": ([0] * 6, "executor: unknown version"),
    "sweep": ([ZERO], "roles: caller is not the owner"),
    "transfer_ownership": ([ZERO], "roles: caller is not the owner"),
    "accept_ownership": ([], "roles: caller is not the pending owner"),
    "set_guardian": ([ZERO], "roles: caller is not the owner"),
    "add_operator": ([ZERO], "roles: caller is not the owner"),
    "remove_operator": ([ZERO], "roles: caller is neither owner nor guardian"),
    "pause": ([], "roles: caller is neither owner nor guardian"),
    "unpause": ([], "roles: caller is not the owner"),
    "uniswapV3SwapCallback": ([1, -1, b""], "callback: unexpected caller"),
    "pancakeV3SwapCallback": ([1, -1, b""], "callback: unexpected caller"),
    "algebraSwapCallback": ([1, -1, b""], "callback: unexpected caller"),
    "unlockCallback": ([b""], "callback: unexpected caller"),
    "onBalancerV3Unlock": ([], "callback: unexpected caller"),
    "executeOperation": ([ZERO, 1, 0, ZERO, b""], "aave_v3: not our loan"),
    "onMorphoFlashLoan": ([1, b""], "callback: unexpected caller"),
    "uniswapV3FlashCallback": ([0, 1, b""], "callback: unexpected caller"),
    "pancakeV3FlashCallback": ([0, 1, b""], "callback: unexpected caller"),
    "receiveFlashLoan": ([[ZERO], [1], [0], b""], "callback: unexpected caller"),
    "swap_held": ([0, 1, ZERO], "executor: only for itself"),
    "uniswapV2Call": ([ZERO, 1, 0, b""], "uniswap_v2: not our swap"),
}


@pytest.fixture(scope="module")
def made() -> World:
    world = build(RevmChain())
    world.v3("uniswap_v3", world.weth, world.usdc, (2, 1))
    world.v3("sushi_v3", world.usdc, world.weth, (6, 10))
    return world


def test_abi__every_changing_function__has_its_call_above() -> None:
    changing = {
        entry["name"]
        for entry in _abi()
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert changing == set(CALLS)


def test_abi__no_function__takes_ether() -> None:
    payable = [entry["type"] for entry in _abi() if entry.get("stateMutability") == "payable"]
    assert payable == ["fallback"]


@pytest.mark.parametrize("name", CALLS)
def test_stranger__calls_anything__is_refused(world: World, name: str) -> None:
    arguments, words = CALLS[name]

    with world.reverts(words):
        getattr(world.executor, name)(*arguments, sender=world.stranger)


@pytest.mark.parametrize("role", ["stranger", "owner", "guardian"])
def test_execute__caller_is_no_operator__reverts(world: World, role: str) -> None:
    with world.reverts("roles: caller is not an operator"):
        world.execute(_plan(world), sender=getattr(world, role))


def test_execute__operator_was_removed__reverts(world: World) -> None:
    world.executor.remove_operator(world.operator, sender=world.owner)

    with world.reverts("roles: caller is not an operator"):
        world.execute(_plan(world))


def test_execute__pending_owner__reverts(world: World) -> None:
    world.executor.transfer_ownership(world.stranger, sender=world.owner)

    with world.reverts("roles: caller is not an operator"):
        world.execute(_plan(world), sender=world.stranger)


def test_execute__added_operator__succeeds(world: World) -> None:
    world.executor.add_operator(world.stranger, sender=world.owner)

    world.execute(_plan(world), sender=world.stranger)

    assert world.gain(world.weth)


def test_execute__owner_is_an_operator__succeeds(world: World) -> None:
    world.executor.add_operator(world.owner, sender=world.owner)

    world.execute(_plan(world), sender=world.owner)

    assert world.gain(world.weth)


def test_execute__paused__reverts(world: World) -> None:
    world.executor.pause(sender=world.guardian)

    with world.reverts("roles: paused"):
        world.execute(_plan(world))


def test_execute__unpaused__succeeds(world: World) -> None:
    world.executor.pause(sender=world.guardian)
    world.executor.unpause(sender=world.owner)
    assert not world.executor.paused()

    world.execute(_plan(world))

    assert world.gain(world.weth)


def test_execute__operator_added_while_paused__reverts_until_unpaused(world: World) -> None:
    world.executor.pause(sender=world.guardian)
    world.executor.add_operator(world.stranger, sender=world.owner)

    with world.reverts("roles: paused"):
        world.execute(_plan(world), sender=world.stranger)

    world.executor.unpause(sender=world.owner)
    world.execute(_plan(world), sender=world.stranger)


def test_execute__operator_removed_while_paused__stays_removed(world: World) -> None:
    world.executor.pause(sender=world.guardian)
    world.executor.remove_operator(world.operator, sender=world.guardian)
    world.executor.unpause(sender=world.owner)

    with world.reverts("roles: caller is not an operator"):
        world.execute(_plan(world))


@pytest.mark.parametrize("name", ["unpause", "transfer_ownership", "set_guardian", "add_operator", "sweep"])
def test_guardian__does_more_than_stop__is_refused(world: World, name: str) -> None:
    with world.reverts("roles: caller is not the owner"):
        getattr(world.executor, name)(*CALLS[name][0], sender=world.guardian)


def test_owner__pauses_and_removes__succeeds(world: World) -> None:
    world.executor.pause(sender=world.owner)
    world.executor.remove_operator(world.operator, sender=world.owner)

    assert world.executor.paused()
    assert not world.executor.operators()


def test_guardian__is_zero__only_the_owner_stops(world: World) -> None:
    world.executor.set_guardian(ZERO, sender=world.owner)

    with world.reverts("roles: caller is neither owner nor guardian"):
        world.executor.pause(sender=world.guardian)


def test_remove_operator__any_of_several__leaves_the_others(world: World) -> None:
    others = [world.chain.account() for _ in range(3)]
    for operator in others:
        world.executor.add_operator(operator, sender=world.owner)

    left = {world.operator, *others}
    for operator in (world.operator, others[1], others[2]):
        world.executor.remove_operator(operator, sender=world.owner)
        left.remove(operator)
        assert {name.lower() for name in world.executor.operators()} == {name.lower() for name in left}


def test_remove_operator__stranger__reverts(world: World) -> None:
    with world.reverts("roles: not an operator"):
        world.executor.remove_operator(world.stranger, sender=world.owner)


def test_add_operator__twice__reverts(world: World) -> None:
    with world.reverts("roles: already an operator"):
        world.executor.add_operator(world.operator, sender=world.owner)


def test_add_operator__zero__reverts(world: World) -> None:
    with world.reverts("roles: operator is zero"):
        world.executor.add_operator(ZERO, sender=world.owner)


def test_add_operator__ninth__reverts(world: World) -> None:
    for _ in range(7):
        world.executor.add_operator(world.chain.account(), sender=world.owner)

    with world.reverts("roles: too many operators"):
        world.executor.add_operator(world.stranger, sender=world.owner)


def test_ownership__offered_and_accepted__passes_on(world: World) -> None:
    world.executor.transfer_ownership(world.stranger, sender=world.owner)
    world.executor.accept_ownership(sender=world.stranger)

    assert world.executor.owner() == world.stranger
    assert world.executor.pending_owner() == ZERO
    with world.reverts("roles: caller is not the owner"):
        world.executor.unpause(sender=world.owner)


def test_ownership__offer_replaced__first_cannot_accept(world: World) -> None:
    world.executor.transfer_ownership(world.stranger, sender=world.owner)
    world.executor.transfer_ownership(world.guardian, sender=world.owner)

    with world.reverts("roles: caller is not the pending owner"):
        world.executor.accept_ownership(sender=world.stranger)


def test_ownership__offer_withdrawn__nobody_can_accept(world: World) -> None:
    world.executor.transfer_ownership(world.stranger, sender=world.owner)
    world.executor.transfer_ownership(ZERO, sender=world.owner)

    with world.reverts("roles: caller is not the pending owner"):
        world.executor.accept_ownership(sender=world.stranger)


def test_sweep__owner_while_paused__goes_to_the_treasury(world: World) -> None:
    world.dai.mint(world.executor, ONE)
    world.executor.pause(sender=world.guardian)

    world.executor.sweep(world.dai, sender=world.owner)

    assert world.gain(world.dai) == ONE
    assert world.dai.balanceOf(world.executor) == 0


@pytest.mark.parametrize(
    ("answer", "words"), [(bytes(32), "erc20: transfer failed"), (b"\1", None)], ids=["false", "not a word"]
)
def test_sweep__transfer_refused__reverts(world: World, answer: bytes, words: str | None) -> None:
    token = world.token("AnswerTokenMock")
    token.mint(world.executor, ONE)
    token.set_answer(world.executor, answer)

    with world.reverts(words or ""):
        world.executor.sweep(token, sender=world.owner)


def test_sweep__token_returns_nothing__succeeds(world: World) -> None:
    token = world.token("AnswerTokenMock")
    token.mint(world.executor, ONE)
    token.set_answer(world.executor, b"")

    world.executor.sweep(token, sender=world.owner)

    assert world.gain(token) == ONE


def test_sweep__no_code__reverts(world: World) -> None:
    with world.reverts(""):
        world.executor.sweep(world.stranger, sender=world.owner)


def test_ether__sent__is_refused(world: World) -> None:
    with world.reverts("weth: unexpected ether"):
        world.send(b"", world.stranger, value=1)


def test_ether__forced_upon_it__changes_nothing(world: World) -> None:
    world.chain.set_balance(world.executor.address, ONE)

    world.execute(_plan(world))

    assert world.gain(world.weth) == ONE // 5


@pytest.mark.parametrize(
    ("owner", "treasury", "token", "operators", "words"),
    [
        (ZERO, None, None, [], "roles: owner is zero"),
        (None, ZERO, None, [], "profit: bad treasury"),
        (None, None, ZERO, [], "profit: token has no code"),
        (None, None, None, [ZERO], "roles: operator is zero"),
    ],
)
def test_deploy__bad_role__reverts(
    world: World, owner: str | None, treasury: str | None, token: str | None, operators: list[str], words: str
) -> None:
    with world.reverts(words):
        world.chain.deploy(
            "Executor",
            owner or world.owner,
            world.guardian,
            treasury or world.treasury,
            [token or world.weth.address],
            operators,
        )


def _abi() -> list[dict[str, Any]]:
    from vyper.compiler.output import build_abi_output

    return list(build_abi_output(deployer("Executor").compiler_data))


def _plan(world: World) -> Any:
    return plan(world, cycle(("uniswap_v3", "sushi_v3"), (world.weth, world.usdc)))
