"""
Scanning old logs in bounded steps, keeping what was found, and following what is announced.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.chain.reader import Reader
from keeper.config import ChainFacts, load_chain
from keeper.discovery import Discovery
from keeper.errors import ChainError, RpcError
from keeper.types import ZERO_ADDRESS, Address, Block, Hash
from tests.fake_node import FakeNode, block_hash, header

FACTS = load_chain("arbitrum")
WETH, USDC = FACTS.token("WETH"), FACTS.token("USDC")
V4 = next(dex for dex in FACTS.dexes if dex.name == "uniswap_v4")
V2 = next(dex for dex in FACTS.dexes if dex.name == "uniswap_v2")
CAMELOT = next(dex for dex in FACTS.dexes if dex.name == "camelot_v2")
ONLY_V4 = FACTS.with_dexes([V4.model_copy(update={"since_block": 0})])


def announcement(number: int, block: int) -> dict[str, Any]:
    """A plain V4 pool that was created in a block."""
    data = encode(["uint24", "int24", "address", "uint160", "int24"], [number, 10, ZERO_ADDRESS, 2**96, 0])
    name = keccak(text="Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)").hex()
    topics = [name, f"{number:040x}" + "00" * 12, WETH[2:].rjust(64, "0"), USDC[2:].rjust(64, "0")]
    return {"address": V4.factory, "topics": ["0x" + topic for topic in topics], "data": "0x" + data.hex()} | {
        "blockNumber": hex(block)
    }


def pair_created(factory: str, pair: Address) -> dict[str, Any]:
    name = keccak(text="PairCreated(address,address,address,uint256)").hex()
    topics = [name, WETH[2:].rjust(64, "0"), USDC[2:].rjust(64, "0")]
    data = encode(["address", "uint256"], [pair, 1])
    return {"address": factory, "topics": ["0x" + topic for topic in topics], "data": "0x" + data.hex()}


@pytest.fixture
def node() -> FakeNode:
    node = FakeNode()
    node.chain = [header(number) for number in range(101)]
    for number in (3, 50, 99):
        node.logs[block_hash(number)] = [announcement(number, number)]
    return node


def discovery(node: FakeNode, kept: Path | None = None, facts: ChainFacts = ONLY_V4) -> Discovery:
    return Discovery(node, Reader(node, Address(FACTS.multicall3)), facts, 100, kept)  # type: ignore[arg-type]


def head(number: int) -> Block:
    return Block(number, Hash(block_hash(number)), Hash(block_hash(number - 1)), number, 0)


async def test_find__node_without_limits__is_asked_once(node: FakeNode) -> None:
    found = await discovery(node).find(head(100))

    assert [info.fee_pips for info in found.infos] == [3, 50, 99]
    assert node.ranges == [101]


async def test_find__node_with_limits__parts_are_halved_until_they_fit(node: FakeNode) -> None:
    node.most_blocks = 30
    searching = discovery(node)

    found = await searching.find(head(100))

    assert [info.fee_pips for info in found.infos] == [3, 50, 99]
    assert sum(size for size in node.ranges if size <= 30) == 101
    assert searching.behind == 0


async def test_find__more_than_may_be_asked_at_once__goes_on_later(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.discovery._FIRST_RANGE", 10)
    monkeypatch.setattr("keeper.discovery._LARGEST_RANGE", 10)
    monkeypatch.setattr("keeper.discovery.STARTING_REQUESTS", 4)
    searching = discovery(node)

    found = await searching.find(head(100))
    assert [info.fee_pips for info in found.infos] == [3]
    assert searching.behind == 61
    assert searching.report()["blocks_to_scan"] == 61

    later = [[info.fee_pips for info in (await searching.go_on(head(100))).infos] for _ in range(4)]

    assert later == [[50], [], [99], []]
    assert searching.behind == 0


async def test_find__node_fails__what_views_say_is_found_all_the_same(node: FakeNode) -> None:
    node.broken.add("eth_getLogs")
    searching = discovery(node)

    assert (await searching.find(head(100))).infos == []
    assert searching.behind == 101
    node.broken.clear()
    assert len((await searching.go_on(head(100))).infos) == 3


async def test_find__started_again__goes_on_where_it_stopped(node: FakeNode, tmp_path: Path) -> None:
    kept = tmp_path / "pools.json"
    await discovery(node, kept).find(head(60))
    node.ranges.clear()

    found = await discovery(node, kept).find(head(100))

    assert [info.fee_pips for info in found.infos] == [3, 50, 99]
    assert node.ranges == [40]


@pytest.mark.parametrize("damage", ["another chain", "other DEXes", "no JSON", "no logs"])
async def test_find__file_is_of_something_else__is_scanned_anew(node: FakeNode, tmp_path: Path, damage: str) -> None:
    kept = tmp_path / "pools.json"
    await discovery(node, kept).find(head(60))
    state = json.loads(kept.read_text())
    changed = {"another chain": {"block_hash": "0x77"}, "other DEXes": {"filters": []}, "no logs": {"logs": None}}
    kept.write_text("{" if damage == "no JSON" else json.dumps(state | changed[damage]))
    node.ranges.clear()

    found = await discovery(node, kept).find(head(100))

    assert [info.fee_pips for info in found.infos] == [3, 50, 99]
    assert node.ranges == [101]


@pytest.mark.parametrize("log", [None, 5, "0x", [], {"address": V4.factory, "topics": [["0x"]]}])
async def test_find__node_tells_what_are_no_logs__they_are_counted(node: FakeNode, log: Any) -> None:
    searching = discovery(node)
    node.logs[block_hash(7)] = [log]

    found = await searching.find(head(100))

    assert [info.fee_pips for info in found.infos] == [3, 50, 99]
    assert searching.report()["malformed"] == 1


@pytest.mark.parametrize("told", ["0x", 5, None, ["0x"], "0x" + "zz" * 32])
async def test_find__node_names_no_block__is_an_error_of_the_node(node: FakeNode, tmp_path: Path, told: Any) -> None:
    await discovery(node, tmp_path / "pools.json").find(head(60))
    node.chain[60] = {"number": hex(60), "hash": told}

    with pytest.raises(ChainError, match="block"):
        await discovery(node, tmp_path / "pools.json").find(head(100))


async def test_find__chain_shorter_than_the_dex_is_old__is_scanned_from_its_beginning(node: FakeNode) -> None:
    assert V4.since_block > 100

    found = await discovery(node, facts=FACTS.with_dexes([V4])).find(head(100))

    assert len(found.infos) == 3


async def test_look_at__pair_of_either_dex__is_of_who_announced_it(node: FakeNode) -> None:
    searching = discovery(node, facts=FACTS.with_dexes([V2, CAMELOT]))
    ours, theirs, nobodys = (Address("0x" + byte * 20) for byte in ("a1", "a2", "a3"))
    logs = [
        pair_created(V2.factory, ours),
        pair_created(CAMELOT.factory, theirs),
        pair_created("0x" + "ee" * 20, nobodys),
        pair_created(V2.factory, nobodys) | {"data": "0x12"},
    ]

    found = await searching.look_at(head(100), logs)

    assert [(info.family, info.address, info.fee_pips) for info in found.infos] == [
        ("uniswap_v2", ours, 3_000),
        ("camelot_v2", theirs, 0),
    ]
    assert searching.report()["malformed"] == 1
    assert not node.calls


async def test_look_at__more_than_a_block_may_bring__are_counted(node: FakeNode) -> None:
    searching = discovery(node)

    found = await searching.look_at(head(100), [announcement(number, 100) for number in range(1, 71)])

    assert len(found.infos) == 50
    assert searching.report()["over_limit"] == 20


async def test_look_at__node_withholds_views__is_an_error_of_the_node(node: FakeNode) -> None:
    node.broken.add("eth_call")
    searching = discovery(node, facts=FACTS)
    created = keccak(text="PoolCreated(address)").hex()
    factory = next(dex for dex in FACTS.dexes if dex.name == "balancer_v2_weighted").factories[0]
    log = {"address": factory, "topics": ["0x" + created, "0x" + "ab" * 32], "data": "0x"}
    log["topics"][1] = "0x" + "00" * 12 + "ab" * 20  # type: ignore[index]

    with pytest.raises(RpcError):
        await searching.look_at(head(100), [log])
