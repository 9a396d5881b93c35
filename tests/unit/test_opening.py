"""
What settings, keys and the chain make of signers, endpoints and the express lane.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from eth_abi.abi import encode

from keeper.config import Settings, load_chain, load_settings
from keeper.errors import ChainError, ConfigError, RpcError
from keeper.execution.answers import Submission
from keeper.execution.endpoints import Lane
from keeper.execution.opening import open_broadcast, open_signers, read_lane
from keeper.types import ZERO_ADDRESS, Address
from tests.fake_node import FakeNode
from tests.http_receiver import HttpReceiver, receiving
from tests.operator_world import ACCOUNTS, CHAIN_ID, OPERATOR, SIGNERS, TRANSACTION, node_at
from tests.unit.test_journal import EXECUTOR
from tests.unit.test_remote_signer import held

FACTS = load_chain("arbitrum")
AUCTION = Address(FACTS.express_lane_auction)


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with receiving() as receiver:
        receiver.answer = TRANSACTION.hash
        yield receiver


def settings(**given: Any) -> Settings:
    return load_settings(rpc_url="http://127.0.0.1:9", **given)


def lane(timing: tuple[int, int, int, int] = (1_000, 60, 15, 15)) -> FakeNode:
    node = node_at()
    node.answers["eth_call"] = "0x" + encode(["int64", "uint64", "uint64", "uint64"], timing).hex()
    return node


# -------------------------------------------------------------------- signers


async def test_signers__keys_in_memory_and_remote_ones__are_all_there(receiver: HttpReceiver) -> None:
    receiver.answer = held()
    given = settings(signer_url=receiver.url, signer_addresses=(OPERATOR,))

    async with open_signers(given, CHAIN_ID, EXECUTOR, ACCOUNTS[1:]) as signers:
        assert {signer.address for signer in signers} == {signer.address for signer in SIGNERS}


@pytest.mark.parametrize(
    ("accounts", "sentence"),
    [([], "there is no operator key"), ([ACCOUNTS[0], ACCOUNTS[0]], "an operator key is given twice")],
)
async def test_signers__none_or_one_twice__is_refused(accounts: list[Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        async with open_signers(settings(), CHAIN_ID, EXECUTOR, accounts):
            pass


async def test_signers__remote_one_has_another_key__is_refused_before_anything_is_sent(receiver: HttpReceiver) -> None:
    receiver.answer = held(1)
    given = settings(signer_url=receiver.url, signer_addresses=(OPERATOR,))

    with pytest.raises(ConfigError, match=f"signed with the key of {SIGNERS[1].address}"):
        async with open_signers(given, CHAIN_ID, EXECUTOR, []):
            pass


# -------------------------------------------------------------------- endpoints


async def test_broadcast__endpoints_of_the_settings__are_sent_the_bytes_beside_the_node(receiver: HttpReceiver) -> None:
    node = node_at()
    kinds = ("raw", "sync", "conditional", "bundle", "timeboost_bundle", "express_lane")
    node.answers["eth_call"] = lane().answers["eth_call"]
    node.answers["eth_sendRawTransaction"] = RpcError("insufficient funds", -32000)
    given = settings(endpoints=[{"url": receiver.url, "kind": kind} for kind in kinds])
    receiver.answer = {"code": -32000, "message": "insufficient funds"}

    async with open_broadcast(given, FACTS, node, ACCOUNTS) as broadcast:  # type: ignore[arg-type]
        verdict = await broadcast.send(TRANSACTION)

    assert verdict.means is Submission.REFUSED
    assert {method for method, _ in receiver.requests} == {
        "eth_sendRawTransaction",
        "eth_sendRawTransactionSync",
        "eth_sendRawTransactionConditional",
        "eth_sendBundle",
        "timeboost_sendBundle",
        "timeboost_sendExpressLaneTransaction",
    }
    assert len(node.sent) == 1
    assert not any("secret" in name for name, _ in broadcast.answers)


async def test_broadcast__nothing_said__the_node_alone(receiver: HttpReceiver) -> None:
    node = node_at()

    async with open_broadcast(settings(), FACTS, node, []) as broadcast:  # type: ignore[arg-type]
        await broadcast.send(TRANSACTION)
        await broadcast.send_again(TRANSACTION)

    assert broadcast.answers == {("node", "accepted"): 2}


async def test_broadcast__several_nodes__all_of_them_when_it_is_sent_again(receiver: HttpReceiver) -> None:
    node = node_at()
    given = load_settings(rpc_url=receiver.url, rpc_urls=(receiver.url,))

    async with open_broadcast(given, FACTS, node, []) as broadcast:  # type: ignore[arg-type]
        await broadcast.send(TRANSACTION)
        assert receiver.requests == []
        node.answers["eth_sendRawTransaction"] = RpcError("nonce too low", -32000)
        assert (await broadcast.send_again(TRANSACTION)).means is Submission.ACCEPTED

    assert len(receiver.requests) >= 1


def test_settings__endpoint_of_no_kind__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPER_ENDPOINTS", json.dumps([{"url": "http://x", "kind": "carrier pigeon"}]))

    with pytest.raises(ConfigError, match="endpoints"):
        settings()


# -------------------------------------------------------------------- the express lane


async def test_lane__is_read_from_its_auction() -> None:
    assert await read_lane(lane(), CHAIN_ID, AUCTION) == Lane(CHAIN_ID, AUCTION, 1_000, 60)


@pytest.mark.parametrize(
    ("auction", "told", "sentence"),
    [
        (ZERO_ADDRESS, "0x", "know no express lane"),
        (AUCTION, "0x", "is not on this chain"),
        (AUCTION, RpcError("execution reverted", 3), "does not answer"),
    ],
)
async def test_lane__there_is_none__is_refused(auction: Address, told: Any, sentence: str) -> None:
    node = node_at()
    node.answers["eth_call"] = told

    with pytest.raises(ConfigError, match=sentence):
        await read_lane(node, CHAIN_ID, auction)


@pytest.mark.parametrize("told", [7, None, ["0x"], "hello", "0xzz", "0x12"])
async def test_lane__node_answers_something_else__is_one_sentence(told: Any) -> None:
    node = node_at()
    node.answers["eth_call"] = told

    with pytest.raises(ChainError, match="express lane"):
        await read_lane(node, CHAIN_ID, AUCTION)


async def test_broadcast__express_lane_without_a_key_file__is_refused(receiver: HttpReceiver) -> None:
    given = settings(endpoints=[{"url": receiver.url, "kind": "express_lane"}])

    with pytest.raises(ConfigError, match="controller for first key file"):
        async with open_broadcast(given, FACTS, lane(), []):  # type: ignore[arg-type]
            pass
