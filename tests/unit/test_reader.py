from collections.abc import Sequence

import pytest
from eth_abi.abi import decode, encode

from keeper.chain.reader import CALLS_PER_REQUEST, Reader, decode_aggregate3, encode_aggregate3
from keeper.errors import ChainError, PoolError, RpcError
from keeper.types import Address, Answer, Call, Hash, Reading
from tests.fake_node import FakeNode

MULTICALL3 = Address("0x" + "ca" * 20)
TARGET = Address("0x" + "ab" * 20)
AT = Hash("0x" + "01" * 32)


def aggregate(request: dict[str, str], block: dict[str, str]) -> str:
    """Multicall3 whose targets answer with the calldata they got; calldata that starts with ff reverts."""
    assert block == {"blockHash": AT}
    (calls,) = decode(["(address,bool,bytes)[]"], bytes.fromhex(request["data"][10:]))
    assert all(target == TARGET and allowed for target, allowed, _ in calls)
    answers = [(not data.startswith(b"\xff"), data) for _, _, data in calls]
    return "0x" + encode(["(bool,bytes)[]"], [answers]).hex()


@pytest.fixture
def node() -> FakeNode:
    node = FakeNode()
    node.answers["eth_call"] = aggregate
    return node


@pytest.mark.parametrize("sizes", [[], [4], [0, 1, 31, 32, 33, 100]])
def test_encoding__equals_the_abi(sizes: list[int]) -> None:
    calls = [Call(TARGET, bytes([index]) * size) for index, size in enumerate(sizes)]

    encoded = encode_aggregate3(calls)

    assert encoded[4:] == encode(["(address,bool,bytes)[]"], [[(TARGET, True, call.data) for call in calls]])


async def test_call__failed_one__is_none(node: FakeNode) -> None:
    answers = await Reader(node, MULTICALL3).call([Call(TARGET, b"\x01\x02"), Call(TARGET, b"\xff")], AT)

    assert answers == [b"\x01\x02", None]


async def test_call__more_than_a_request_takes__is_split_in_order(node: FakeNode) -> None:
    calls = [Call(TARGET, index.to_bytes(4, "big")) for index in range(CALLS_PER_REQUEST + 1)]

    answers = await Reader(node, MULTICALL3).call(calls, AT)

    assert answers == [call.data for call in calls]
    assert node.calls["eth_call"] == 2


@pytest.mark.parametrize("words", ["EVM error OutOfGas", "out of gas (supplied gas 50000000)", "execution aborted"])
async def test_call__one_takes_all_gas__fails_alone(node: FakeNode, words: str) -> None:
    def out_of_gas(request: dict[str, str], block: dict[str, str]) -> str:
        if "66666666" in request["data"]:
            raise RpcError(f"eth_call failed: {words}", -32000)
        return aggregate(request, block)

    node.answers["eth_call"] = out_of_gas
    calls = [Call(TARGET, index.to_bytes(4, "big")) for index in range(1, 1_000)]
    calls.insert(700, Call(TARGET, b"ffff"))

    answers = await Reader(node, MULTICALL3).call(calls, AT)

    assert answers == [None if index == 700 else call.data for index, call in enumerate(calls)]
    assert node.calls["eth_call"] <= 2 * 10 + 1


async def test_call__block_is_gone__is_no_failure_of_the_call(node: FakeNode) -> None:
    def gone(_request: dict[str, str], _block: dict[str, str]) -> str:
        raise RpcError("eth_call failed: header not found", -32000)

    node.answers["eth_call"] = gone

    with pytest.raises(RpcError, match="header not found"):
        await Reader(node, MULTICALL3).call([Call(TARGET, b"\x01")], AT)
    assert node.calls["eth_call"] == 1


def reading(rounds: int) -> Reading[int]:
    total = 0
    for number in range(rounds):
        answers: Sequence[Answer] = yield [Call(TARGET, bytes([number + 1]))] * 2
        total += sum(answer[0] for answer in answers if answer)
    return total


def refusing() -> Reading[int]:
    yield [Call(TARGET, b"\x01")]
    raise PoolError("no such pool")


async def test_read__many_readings__share_one_request_a_round(node: FakeNode) -> None:
    results = await Reader(node, MULTICALL3).read([reading(1), reading(3), reading(0), reading(2)], AT)

    assert results == [2, 12, 0, 6]
    assert node.calls["eth_call"] == 3


async def test_read__one_refuses__others_go_on(node: FakeNode) -> None:
    first, second = await Reader(node, MULTICALL3).read([refusing(), reading(2)], AT)

    assert isinstance(first, PoolError)
    assert second == 6


@pytest.mark.parametrize("cut", [10, 64, 100])
def test_decoding__truncated__is_refused(cut: int) -> None:
    whole = encode(["(bool,bytes)[]"], [[(True, b"\x01" * 40)]])

    with pytest.raises(ChainError, match=r"multicall"):
        decode_aggregate3(whole[:cut], 1)


def test_decoding__other_number_of_answers__is_refused() -> None:
    with pytest.raises(ChainError, match="does not fit"):
        decode_aggregate3(encode(["(bool,bytes)[]"], [[(True, b"")]]), 2)
