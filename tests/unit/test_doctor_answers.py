"""
What a node answers that is of another kind than what was asked for is a finding of the doctor's, and ends nothing else.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from websockets.asyncio.server import ServerConnection, serve

from keeper.chain.reader import CALLS_PER_REQUEST
from keeper.commands.doctor.executor import Examiner as ExecutorExaminer
from keeper.commands.doctor.facts import Examiner as FactsExaminer
from keeper.commands.doctor.finding import Finding, Verdict, gathered
from keeper.commands.doctor.nodes import look_at_heads, look_at_node
from keeper.config import load_chain, load_settings
from keeper.types import Block, Hash
from tests.fake_node import FakeNode, block_hash, header, url_of

FACTS = load_chain("arbitrum")
CHAIN_ID = hex(FACTS.chain_id)
SETTINGS = load_settings(rpc_url="http://fake")
EXECUTOR = "0x" + "ee" * 20
HEAD = Block(100, Hash(block_hash(100)), Hash(block_hash(99)), 1_100, 20_000_000)


@pytest.fixture
def node() -> FakeNode:
    node = FakeNode()
    node.chain = [header(0), header(100)]
    node.answers = {"eth_chainId": CHAIN_ID, "eth_blockNumber": "0x64", "eth_call": batch, "eth_getBalance": "0x0"}
    return node


def batch(request: dict[str, Any], _: object) -> str:
    """Multicall3's answer to as many calls as fit into so many bytes: the chain's id to each."""
    size = int.from_bytes(bytes.fromhex(request["data"][2:])[36:68]) if len(request["data"]) > 10 else 0
    return "0x" + encode(["(bool,bytes)[]"], [[(True, encode(["uint256"], [FACTS.chain_id]))] * size]).hex()


async def looked_at(node: FakeNode) -> list[Finding]:
    return await gathered("node 1", look_at_node(node, "node 1", SETTINGS, FACTS, requests=1))  # type: ignore[arg-type]


def found(findings: list[Finding], check: str) -> tuple[Verdict, str]:
    (one,) = [finding for finding in findings if finding.check == check]
    return one.verdict, one.found


# ---------------------------------------------------------------- a node


async def test_node__answers_as_asked__is_of_the_chain_and_takes_batches(node: FakeNode) -> None:
    findings = await looked_at(node)

    assert found(findings, "node 1 chain") == (Verdict.OK, f"http://fake is of chain {FACTS.chain_id}, at block 100")
    words = f"answers {CALLS_PER_REQUEST:,} calls in one eth_call, pinned to a block hash"
    assert found(findings, "node 1 batch") == (Verdict.OK, words)


@pytest.mark.parametrize("told", [None, FACTS.chain_id, str(FACTS.chain_id), "0x", "0xg", True, [CHAIN_ID], {}])
async def test_node__tells_its_chain_otherwise__is_no_node(node: FakeNode, told: Any) -> None:
    node.answers["eth_chainId"] = told

    findings = await looked_at(node)

    words = "http://fake does not answer as a node does: the node's chain id is not a number"
    assert [one.check for one in findings] == ["node 1 reach"]
    assert found(findings, "node 1 reach") == (Verdict.FAIL, words)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "latest block is not an object"),
        ("0x64", "latest block is not an object"),
        (header(100) | {"number": 100}, "number of the latest block is not a number"),
        (header(100) | {"timestamp": None}, "timestamp of the latest block is not a number"),
        (header(100) | {"hash": "0x12"}, "hash of the latest block is not a hash"),
        ({"number": "0x64", "timestamp": "0x1"}, "hash of the latest block is not a hash"),
    ],
)
async def test_node__tells_its_head_otherwise__is_no_node(node: FakeNode, told: Any, words: str) -> None:
    node.chain.append(told)

    findings = await looked_at(node)

    assert [one.check for one in findings] == ["node 1 reach"]
    assert found(findings, "node 1 reach") == (
        Verdict.FAIL,
        f"http://fake does not answer as a node does: the node's {words}",
    )


@pytest.mark.parametrize("told", [None, 7, "0a", "0xzz", "0x00", []])
async def test_node__answers_a_batch_otherwise__takes_none(node: FakeNode, told: Any) -> None:
    node.answers["eth_call"] = told

    findings = await looked_at(node)

    words = "answers no batch of calls through Multicall3"
    assert found(findings, "node 1 batch") == (Verdict.FAIL, words)
    assert found(findings, "node 1 archive")[0] is Verdict.OK, "what comes after it is looked at"


# ---------------------------------------------------------------- a WebSocket


class Socket:
    """A node's WebSocket; what it says to whom it asks."""

    def __init__(self) -> None:
        self.says: dict[str, str] = {
            "eth_chainId": json.dumps({"id": 1, "result": CHAIN_ID}),
            "eth_subscribe": json.dumps({"id": 2, "result": "0x1"}),
        }

    async def __call__(self, connection: ServerConnection) -> None:
        async for message in connection:
            asked = json.loads(message)["method"]
            await connection.send(self.says[asked])
            if asked == "eth_subscribe":
                await connection.send(json.dumps({"method": "eth_subscription", "params": {"result": header(101)}}))


@pytest.fixture
def socket() -> Socket:
    return Socket()


@pytest.fixture
async def url(socket: Socket) -> AsyncIterator[str]:
    async with serve(socket, "127.0.0.1", 0) as server:
        yield url_of(server)


async def heads(url: str) -> tuple[Verdict, str]:
    return found([finding async for finding in look_at_heads(url, FACTS)], "websocket")


async def test_websocket__tells_a_head__is_well(url: str) -> None:
    verdict, words = await heads(url)

    assert (verdict, "told of a head" in words) == (Verdict.OK, True)


async def test_websocket__of_another_chain__is_named(url: str, socket: Socket) -> None:
    socket.says["eth_chainId"] = json.dumps({"id": 1, "result": "0xa"})

    verdict, words = await heads(url)

    assert (verdict, "is of chain 10; Arbitrum One is chain 42161" in words) == (Verdict.FAIL, True)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (json.dumps({"id": 1, "result": None}), "the node's chain id is not a number"),
        (json.dumps({"id": 1, "result": FACTS.chain_id}), "the node's chain id is not a number"),
        (json.dumps({"id": 1, "result": [CHAIN_ID]}), "the node's chain id is not a number"),
        (json.dumps({"id": 1, "error": {"code": -32601}}), "the node's chain id is not a number"),
        (json.dumps([CHAIN_ID]), "the node's answer to eth_chainId is not an object"),
        ("no JSON", "the node's answer is not JSON"),
    ],
    ids=["null", "number", "list", "error", "no object", "no JSON"],
)
async def test_websocket__tells_its_chain_otherwise__gives_no_heads(
    url: str, socket: Socket, told: str, words: str
) -> None:
    socket.says["eth_chainId"] = told

    assert await heads(url) == (Verdict.FAIL, f"{url} gives no heads: {words}")


# ---------------------------------------------------------------- contracts


@pytest.mark.parametrize("told", [None, 7, "0xa", {}])
async def test_code__told_otherwise__is_a_finding(node: FakeNode, tmp_path: Path, told: Any) -> None:
    node.answers["eth_getCode"] = told
    settings = recorded(tmp_path)

    facts = await gathered("facts", FactsExaminer(node, FACTS, "arbitrum", (), HEAD.hash).look())  # type: ignore[arg-type]
    executor = await gathered("executor", ExecutorExaminer(node, settings, FACTS, HEAD, ()).look())  # type: ignore[arg-type]

    assert [(one.check, one.verdict) for one in facts] == [("facts", Verdict.FAIL)]
    assert facts[0].found.startswith("the node's code of 0x")
    assert facts[0].found.endswith("is not hex")
    assert [one.check for one in executor] == ["record", "executor"]
    assert found(executor, "executor") == (Verdict.FAIL, "the node's code of the executor is not hex")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "node http://fake has no block 0"),
        (header(0) | {"hash": 7}, "the node's hash of block 0 is not a hash"),
    ],
)
async def test_genesis__told_otherwise__is_a_finding(node: FakeNode, tmp_path: Path, told: Any, words: str) -> None:
    node.chain = [told] if told else []

    findings = await gathered("executor", ExecutorExaminer(node, recorded(tmp_path), FACTS, HEAD, ()).look())  # type: ignore[arg-type]

    assert [(one.check, one.verdict, one.found) for one in findings] == [("executor", Verdict.FAIL, words)]


def recorded(directory: Path) -> Any:
    """The settings of a keeper whose executor is on record."""
    record = {
        "chain_id": FACTS.chain_id,
        "genesis_hash": block_hash(0),
        "executor": EXECUTOR,
        "code_hash": "0x" + "12" * 32,
        "treasury": EXECUTOR,
        "profit_tokens": [],
    }
    (directory / "deployment.json").write_text(json.dumps(record))
    return load_settings(rpc_url="http://fake", state_dir=directory)
