"""
Programs that are wrong.
"""

import pytest

from keeper.plan import SELECTORS
from tests.executor_hostile import (
    profitable,
    replayable,
    word,
)
from tests.executor_world import (
    Reverted,
    World,
    calldata,
    hop,
    words,
)


@pytest.mark.parametrize(
    ("index", "change", "message"),
    [
        (0, 1 << 232, "executor: unknown version"),
        (0, 4 << 232, "executor: unknown version"),
        (0, 1 << 240, "executor: unknown version"),
        (0, 1 << 255, "executor: unknown version"),
        (0, 3 << 184, ""),  # which pool is to lend cannot be said
        (0, 7 << 184, ""),
        (0, 255 << 184, ""),
        (0, 2 << 176, "profit: token is not listed"),  # no profit token in this place of the list
        (0, 8 << 176, "profit: token is not listed"),  # no such place
        (0, 255 << 176, "profit: token is not listed"),
        (3, 0x10 << 184, ""),
        (3, 0x07 << 184, ""),
        (3, 0x33 << 184, "derivation: unknown V2 fork"),
        (3, 1 << 192, "derivation: unknown V2 fork"),
        (3, 1 << 255, "derivation: unknown V2 fork"),
        (4, 1, "executor: calldata is not the program alone"),
        (4, 0x50 << 184, "derivation: unknown V2 fork"),
    ],
)
def test_program__with_a_wrong_field__reverts(world: World, index: int, change: int, message: str) -> None:
    program = words(replayable(world, profitable(world)))
    program[index] ^= change

    with world.reverts(message):
        world.send(calldata(program))


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4])
def test_program__too_short__reverts(world: World, length: int) -> None:
    program = words(replayable(world, profitable(world)))[:length]

    with world.reverts(""):
        world.send(calldata(program))


def test_program__beyond_the_longest__reverts(world: World) -> None:
    program = words(replayable(world, profitable(world))) + [0] * 3

    with world.reverts("executor: calldata is not the program alone"):
        world.send(calldata(program))


def test_program__sent_to_the_entry_of_a_longer_one__reverts(world: World) -> None:
    data = replayable(world, profitable(world))

    with world.reverts(""):
        world.send(SELECTORS[3] + data[4:])


@pytest.mark.parametrize("trailing", range(1, 65))
def test_calldata__with_trailing_bytes__reverts(world: World, trailing: int) -> None:
    data = replayable(world, profitable(world))

    with world.reverts("executor: calldata is not the program alone"):
        world.send(data + bytes(trailing))


def test_calldata__truncated_anywhere__reverts(world: World) -> None:
    data = replayable(world, profitable(world))

    for length in range(len(data)):
        with world.unharmed(exactly=True), pytest.raises(Reverted) as revert:
            world.send(data[:length])

        assert revert.value.reason in {
            0: ("weth: unexpected ether",),
            1: ("executor: unknown function",),
            2: ("executor: unknown function",),
            3: ("executor: unknown function",),
        }.get(length, ("", "executor: calldata is not the program alone"))


def test_route__through_one_pool_twice__reverts(world: World) -> None:
    world.v3("uniswap_v3", world.weth, world.usdc, (2, 1))
    there, back = hop("uniswap_v3", world.weth, world.usdc), hop("uniswap_v3", world.usdc, world.weth)
    header = words(replayable(world, profitable(world)))[0]
    program = [header, 0, 0, word(there), word(back) >> 160 << 160]

    with world.reverts("LOK"):
        world.send(calldata(program))
