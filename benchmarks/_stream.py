"""
The stream: what a crowd does to the world's real bytecode, block by block, and what the chain says of any pool then.

Blocks are executed inside this process by pyrevm from the localnet's own state: anvil hashes the whole state for every
block, which takes a third of a second with a thousand pools. The first blocks are mined by anvil as well, and their
logs must be the same.
"""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak
from pyrevm import EVM, AccountInfo, BlockEnv

from benchmarks._world import V2_ROUTERS, Crowd, World, WorldPool
from keeper.chain.bloom import bloom_of
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.registry import TICK_RADIUS
from keeper.types import Address, Answer, Block, Call, Hash
from localnet import addresses
from localnet.abi import Function, function

Log = Mapping[str, Any]

#: Arbitrum's blocks a second.
BLOCKS_PER_SECOND = 4

_SWAPS = frozenset(
    (
        "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
        "0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83",
    )
)
_SLOT0, _LIQUIDITY = bytes.fromhex("3850c7bd"), bytes.fromhex("1a686502")
_QUOTE = Function(
    "quote", ("address", "bool", "int256", "uint160"), ("int256", "int256", "uint160", "int24", "uint128")
)
_GET_AMOUNTS_OUT = function("getAmountsOut(uint256,address[])", ["uint256[]"])
_LOWEST_PRICE, _HIGHEST_PRICE = 4_295_128_740, 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341
_NOBODY = "0x" + "5e" * 20


@dataclass(frozen=True, slots=True)
class StreamedBlock:
    """A block, and all its logs as ``eth_getLogs`` has them."""

    block: Block
    logs: Sequence[Log]


@dataclass(slots=True)
class Truth:
    """
    A pool as the chain had it when it was touched last.

    Attributes:
        version: How often it was touched.
        rounds: How many calls each round of its reading takes.
    """

    pool: Pool
    version: int
    rounds: tuple[int, ...]


class Stream:
    """
    Attributes:
        truths: What the chain itself says of every pool as of the last block.
        compared: How many blocks anvil mined as well, with the same logs.
    """

    def __init__(self, world: World, crowd: Crowd, infos: Sequence[PoolInfo]) -> None:
        self._world = world
        self._crowd = crowd
        self._infos = {info.address: info for info in infos}
        self._evm = _loaded(world)
        head = world.net.rpc("eth_getBlockByNumber", "latest", False)
        self._timestamp = int(head["timestamp"], 16)
        self.head = Block(int(head["number"], 16), Hash(head["hash"]), Hash(head["parentHash"]), self._timestamp, 0, 0)
        #: What the chain answered about ticks, until liquidity moves in the pool.
        self._ticks: dict[Address, dict[bytes, Answer]] = {}
        self.truths = {address: self._read(info, 0) for address, info in self._infos.items()}
        self.compared = self._ticked = 0

    def blocks(self, count: int, compared: int) -> Iterator[StreamedBlock]:
        """
        Yield the next *count* blocks; the first *compared* are mined by anvil, too.
        """
        for number in range(count):
            self._crowd.block()
            streamed = self._execute()
            if number < compared:
                self._compare(streamed)
            self._world.forget()
            for address in {log["address"] for log in streamed.logs} & self._infos.keys():
                if any(log["topics"][0] not in _SWAPS for log in streamed.logs if log["address"] == address):
                    self._ticks.pop(address, None)
                self.truths[address] = self._read(self._infos[address], self.truths[address].version + 1)
            yield streamed

    def quote(self, pool: WorldPool, zero_for_one: bool, amount: int) -> int | None:
        """
        Return what the chain pays for *amount* now, None if it does not take it.
        """
        tokens = [token.address for token in pool.tokens][:: 1 if zero_for_one else -1]
        try:
            if pool.family == "uniswap_v2":
                router = V2_ROUTERS[pool.dex]
                told = self._call(router, _GET_AMOUNTS_OUT.calldata(amount, tokens))
                return int(_GET_AMOUNTS_OUT.decode(told)[-1])
            limit = _LOWEST_PRICE if zero_for_one else _HIGHEST_PRICE
            told = self._call(addresses.V3_QUOTER, _QUOTE.calldata(pool.address, zero_for_one, amount, limit))
            amount0, amount1, *_ = _QUOTE.decode(told)
        except RuntimeError:
            return None
        paid, received = (amount0, -amount1) if zero_for_one else (amount1, -amount0)
        return received if paid == amount else None

    def _execute(self) -> StreamedBlock:
        number = self.head.number + 1
        name = Hash("0x" + keccak(text=f"{self.head.hash} {number}").hex())
        self._ticked += 1
        timestamp = self._timestamp + self._ticked // BLOCKS_PER_SECOND
        self._evm.set_block_env(BlockEnv(number=number, timestamp=timestamp))
        logs: list[Log] = []
        for index, transaction in enumerate(self._world.pending):
            try:
                self._evm.message_call(transaction["from"], transaction["to"], bytes.fromhex(transaction["data"][2:]))
                told = self._evm.result.logs if self._evm.result is not None else []
            except RuntimeError:
                told = []
            self._evm.reset_transient_storage()
            for log in told:
                logs.append(
                    {
                        "address": log.address.lower(),
                        "topics": list(log.topics),
                        "data": "0x" + bytes(log.data[1]).hex(),
                        "blockNumber": hex(number),
                        "blockHash": name,
                        "transactionHash": "0x" + keccak(text=f"{name} {index}").hex(),
                        "transactionIndex": hex(index),
                        "logIndex": hex(len(logs)),
                        "removed": False,
                    }
                )
        self.head = Block(number, name, self.head.hash, timestamp, 0, bloom_of(logs))
        return StreamedBlock(self.head, logs)

    def _compare(self, streamed: StreamedBlock) -> None:
        self._world.mine()
        mined = self._world.net.rpc("eth_getLogs", {"fromBlock": "latest", "toBlock": "latest"})
        if [_essence(log) for log in mined] != [_essence(log) for log in streamed.logs]:
            raise RuntimeError(f"anvil's block has other logs than block {streamed.block.number} of the stream")
        self.compared += 1

    def _read(self, info: PoolInfo, version: int) -> Truth:
        """The pool by its family's own reading, every answer the contract's."""
        known = self._ticks.setdefault(info.address, {})
        reading = FAMILIES[info.family].read(info, TICK_RADIUS)
        rounds = []
        try:
            calls = next(reading)
            while True:
                rounds.append(len(calls))
                calls = reading.send([self._answer(call, known) for call in calls])
        except StopIteration as done:
            return Truth(done.value, version, tuple(rounds))

    def _answer(self, call: Call, known: dict[bytes, Answer]) -> Answer:
        if call.data in known:
            return known[call.data]
        try:
            answer: Answer = self._call(call.target, call.data)
        except RuntimeError:
            answer = None
        if call.data[:4] not in (_SLOT0, _LIQUIDITY) and len(call.data) > 4:
            known[call.data] = answer
        return answer

    def _call(self, to: str, data: bytes) -> bytes:
        return bytes(self._evm.message_call(_NOBODY, to, data))


def _essence(log: Log) -> tuple[Any, ...]:
    return log["address"].lower(), list(log["topics"]), log["data"]


def _loaded(world: World) -> EVM:
    """The localnet's present state in an EVM of this process."""
    dump = json.loads(gzip.decompress(bytes.fromhex(world.net.rpc("anvil_dumpState")[2:])))
    evm = EVM(spec_id="CANCUN")
    for address, account in dump["accounts"].items():
        code = bytes.fromhex(account.get("code", "0x")[2:])
        nonce = int(account["nonce"], 16) if isinstance(account["nonce"], str) else account["nonce"]
        evm.insert_account_info(address, AccountInfo(nonce=nonce, code=code) if code else AccountInfo(nonce=nonce))
        for slot, value in account.get("storage", {}).items():
            evm.insert_account_storage(address, int(slot, 16), int(value, 16))
        evm.set_balance(address, int(account["balance"], 16))
    return evm
