"""
Blocks of a generated market, as a node tells them: headers and logs as JSON text, and an Rpc's stand-in that has them.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_utils.crypto import keccak

from benchmarks._markets import World
from benchmarks._probe import Probe
from keeper.chain.answers import parsed
from keeper.chain.bloom import Log, bloom_of
from keeper.events import TOPICS
from keeper.execution.wire import address_of, digest_of, hash_of, parse, recover
from keeper.plan import pool_address
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address, Hash

#: Arbitrum's floor.
BASE_FEE_WEI = 10**7

_GAS = 250_000
#: Where pools of the same tokens and fee may stand beside each other; for a swap's logs they all count as Uniswap's.
_DEXES = {
    "uniswap_v2": ("uniswap_v2", "sushi_v2", "camelot_v2"),
    "uniswap_v3": ("uniswap_v3", "sushi_v3", "pancake_v3"),
}
_SYNC = "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1"
_V2_SWAP = "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822"
_V3_SWAP = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
_TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def placed(world: World, count: int) -> World:
    """
    Return the world with the deepest *count* of its pools that can stand where real factories would put them: the
    executor names no others.
    """
    taken: set[Address] = set()
    pools: list[Pool] = []
    dollars = []
    for pool, held in zip(world.pools, world.dollars, strict=True):
        if len(pools) < count and (info := _place(pool.info, taken)) is not None:
            pools.append(replace(pool, info=info))  # type: ignore[type-var]
            dollars.append(held)
    return replace(world, pools=pools, dollars=dollars)


def _place(info: PoolInfo, taken: set[Address]) -> PoolInfo | None:
    for dex in _DEXES.get(info.family, ()):
        address = pool_address(dex, *info.tokens, info.fee_pips)
        if address not in taken:
            taken.add(address)
            return replace(info, dex=dex, address=address)
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """
    A block as a node tells it.

    Attributes:
        header: The result of ``eth_getBlockByNumber``.
        answer: The whole answer to ``eth_getLogs`` of this block: JSON text.
    """

    header: dict[str, Any]
    answer: bytes


def tell(rng: random.Random, parent: dict[str, Any], before: Sequence[Pool], after: Sequence[Pool]) -> Told:
    """
    Return the block in which these pools moved by a swap each, every swap with its tokens' transfers.
    """
    number = int(parent["number"], 16) + 1
    name = Hash("0x" + keccak(text=f"{parent['hash']} {number}").hex())
    logs = [
        log | {"blockNumber": hex(number), "blockHash": name, "transactionIndex": hex(index + 1), "removed": False}
        for index, pools in enumerate(zip(before, after, strict=True))
        for log in _swap_logs(rng, *pools)
    ]
    logs = [log | {"logIndex": hex(index)} for index, log in enumerate(logs)]
    header = {
        "number": hex(number),
        "hash": name,
        "parentHash": parent["hash"],
        "timestamp": hex(number // 4),
        "baseFeePerGas": hex(BASE_FEE_WEI),
        "logsBloom": f"0x{bloom_of(logs):0512x}",
    }
    return Told(header, json.dumps({"jsonrpc": "2.0", "id": number, "result": logs}, separators=(",", ":")).encode())


def _swap_logs(rng: random.Random, before: Pool, after: Pool) -> Iterator[dict[str, Any]]:
    transaction, trader = f"0x{rng.getrandbits(256):064x}", f"0x{rng.getrandbits(160):064x}"
    router = f"0x{rng.getrandbits(160):064x}"

    def log(address: str, topics: list[str], *words: int) -> dict[str, Any]:
        data = "0x" + "".join(f"{word % (1 << 256):064x}" for word in words)
        return {"address": address, "topics": topics, "data": data, "transactionHash": transaction}

    match before, after:
        case UniswapV2Pool(), UniswapV2Pool():
            amounts = after.reserve0 - before.reserve0, after.reserve1 - before.reserve1
        case UniswapV3Pool(), UniswapV3Pool():
            first, last, liquidity = before.sqrt_price_x96, after.sqrt_price_x96, before.liquidity
            amounts = (liquidity << 96) * (first - last) // (first * last), liquidity * (last - first) >> 96
        case _:
            raise ValueError(f"nobody knows what a swap in {before.address} looks like")
    for token, amount in zip(before.tokens, amounts, strict=True):
        way = [trader, "0x" + before.address[2:].rjust(64, "0")]
        yield log(token, [_TRANSFER, *(way if amount > 0 else way[::-1])], abs(amount))
    if isinstance(after, UniswapV2Pool):
        amounts_in, amounts_out = [max(amount, 0) for amount in amounts], [max(-amount, 0) for amount in amounts]
        yield log(after.address, [_SYNC], after.reserve0, after.reserve1)
        yield log(after.address, [_V2_SWAP, router, trader], *amounts_in, *amounts_out)
    elif isinstance(after, UniswapV3Pool):
        state = after.sqrt_price_x96, after.liquidity, after.tick
        yield log(after.address, [_V3_SWAP, router, trader], *amounts, *state)


class Node:
    """
    Answers a keeper's requests at once: with blocks in the bytes in which they would come, and with consent.

    Attributes:
        told: The block that it is asked for.
    """

    url = "memory"

    def __init__(self, probe: Probe, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """
        Args:
            begin: Called when the bytes of a block's logs arrive.
            end: Called when a transaction is sent.
        """
        self._probe = probe
        self._begin = begin
        self._end = end
        self.calls: Counter[str] = Counter()
        self.told = Told({}, b"")
        self._sent = b""

    async def __call__(self, method: str, *params: Any) -> Any:
        match method:
            case "eth_getBlockByNumber":
                return self.told.header
            case "eth_getLogs":
                return self._logs(params[0].get("topics"))
            case "eth_estimateGas":
                return hex(_GAS)
            case "eth_sendRawTransaction":
                self._end()
                self._sent = bytes.fromhex(params[0][2:])
                return hash_of(self._sent)
            case "eth_getTransactionReceipt":
                return self._receipt(params[0])
            case "eth_getTransactionCount":
                return "0x0"
        return "0x"

    def _logs(self, topics: list[list[str]] | None) -> list[Log]:
        answer = self.told.answer
        if topics is not None:
            every = json.loads(answer)
            kept = [log for log in every["result"] if log["topics"][0] in TOPICS]
            answer = json.dumps(every | {"result": kept}).encode()
        self._begin()
        with self._probe.stage("JSON"):
            logs: list[Log] = parsed(answer)["result"]
        return logs

    def _receipt(self, transaction_hash: str) -> dict[str, Any]:
        header = self.told.header
        unsigned, signature = parse(self._sent)
        return {
            "transactionHash": transaction_hash,
            "from": address_of(recover(digest_of(unsigned.fields()), signature)),
            "to": unsigned.to,
            "blockHash": header["hash"],
            "blockNumber": header["number"],
            "transactionIndex": "0x1",
            "status": "0x1",
            "gasUsed": hex(_GAS),
            "effectiveGasPrice": header["baseFeePerGas"],
            "logs": [],
        }
