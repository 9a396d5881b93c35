"""
What a recording is made of must be of one moment: the pools as of a block, and all logs after it.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from keeper.chain.heads import PolledHeads
from keeper.config import ChainFacts, load_chain
from keeper.record import record
from tests.fake_node import FakeNode, block_hash, header

FACTS: ChainFacts = load_chain("arbitrum")
PAIR = "0x" + "5a" * 20
SYNC = "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1"


def word(value: int) -> bytes:
    return value.to_bytes(32)


class HastyNode(FakeNode):
    """
    A node that answers for its latest block with the state of the one after it, as anvil does while it mines. One pair
    whose reserves are the number of the block; whenever its latest block is asked for again, it has one more.
    """

    def __init__(self) -> None:
        super().__init__()
        for number in range(1, 6):
            self.grow(number)
        self.answers["eth_call"] = self.call
        self.asked = False

    def grow(self, number: int) -> None:
        self.chain.append(header(number))
        data = "0x" + (word(number) + word(number)).hex()
        name = block_hash(number)
        place: dict[str, Any] = {
            "blockHash": name,
            "blockNumber": hex(number),
            "logIndex": "0x0",
            "transactionIndex": "0x0",
        }
        self.logs[name] = [{**place, "address": PAIR, "topics": [SYNC], "data": data}]

    def _by_number(self, number: str) -> dict[str, Any] | None:
        if number == "latest" and self.asked:
            self.grow(len(self.chain) + 1)
        self.asked |= number == "latest"
        return super()._by_number(number)

    def call(self, request: dict[str, Any], at: dict[str, str]) -> str:
        number = next(int(block["number"], 16) for block in self.chain if block["hash"] == at["blockHash"])
        latest = int(self.chain[-1]["number"], 16)
        state = number + 1 if number == latest else number
        return "0x" + answered(bytes.fromhex(request["data"][2:]), state).hex()


def answered(data: bytes, state: int) -> bytes:
    """Multicall3's answer: the pair for whatever factory is asked first, and its reserves."""
    count = int.from_bytes(data[36:68])
    asks_reserves = bytes.fromhex("0902f1ac") in data
    body = word(state) * 3 if asks_reserves else None
    bodies = [body or word(int(PAIR, 16) if n == 0 else 0) for n in range(count)]
    encoded = [word(1) + word(64) + word(len(entry)) + entry for entry in bodies]
    offsets, at = [], 32 * count
    for entry in encoded:
        offsets.append(word(at))
        at += len(entry)
    return word(32) + word(count) + b"".join(offsets + encoded)


@pytest.fixture
def pair_only() -> ChainFacts:
    """The chain with nothing but one DEX of pairs."""
    dexes = tuple(dex for dex in FACTS.dexes if dex.family == "uniswap_v2")[:1]
    return FACTS.model_copy(update={"dexes": dexes})


async def test_record__node_answers_ahead_for_its_latest_block__pools_are_of_the_block_that_is_written(
    pair_only: ChainFacts, tmp_path: Path
) -> None:
    snapshot, logs = tmp_path / "snapshot", tmp_path / "logs"

    await record(HastyNode(), PolledHeads(0.001), pair_only, snapshot, logs, 2, asyncio.Event())  # type: ignore[arg-type]

    (pool,) = [json.loads(line) for line in snapshot.read_text().splitlines()]
    assert pool["reserves"] == [pool["block_number"]] * 2
    first = json.loads(logs.read_text().splitlines()[0])
    assert int(first["blockNumber"], 16) == int(pool["block_number"]) + 1
