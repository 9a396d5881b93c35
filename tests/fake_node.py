"""
A node in memory: it answers by method, with what the test put there, and can fail or fork on demand.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import Server

from keeper.errors import ChainError, RpcError


def header(number: int, branch: str = "a", parent: str | None = None, timestamp: int | None = None) -> dict[str, Any]:
    return {
        "number": hex(number),
        "hash": block_hash(number, branch),
        "parentHash": parent or block_hash(number - 1, branch),
        "timestamp": hex(1_000 + number if timestamp is None else timestamp),
        "baseFeePerGas": hex(20_000_000),
    }


def block_hash(number: int, branch: str = "a") -> str:
    return "0x" + f"{branch}{number}".encode().hex().rjust(64, "0")


class FakeNode:
    """
    Stands where an Rpc stands.

    Attributes:
        chain: Headers, oldest first.
        logs: Logs by block hash.
        answers: What any other method answers: a value, or a function of its parameters.
        broken: Methods that fail as if the node were out of reach.
        ranges: How many blocks each request for logs by number was about.
        most_blocks: Above so many it refuses.
        finalized: The number of the final block, or None if it knows none.
        distrusted: Why it was not believed.
        others: What other nodes answer where all are asked.
    """

    url = "http://fake"

    def __init__(self) -> None:
        self.chain: list[dict[str, Any]] = []
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.answers: dict[str, Any] = {}
        self.broken: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.sent: list[str] = []
        self.ranges: list[int] = []
        self.most_blocks = 10_000
        self.finalized: int | None = None
        self.distrusted: list[str] = []
        self.others: list[Any] = []

    async def every(self, method: str, *params: Any) -> list[Any]:
        return [answer for answer in (await self(method, *params), *self.others) if answer is not None]

    def distrust(self, error: ChainError) -> None:
        self.distrusted.append(str(error))

    async def __call__(self, method: str, *params: Any) -> Any:
        self.calls[method] += 1
        if method in self.broken:
            raise RpcError(f"node is out of reach for {method}")
        match method:
            case "eth_getBlockByNumber":
                return self._by_number(params[0])
            case "eth_getBlockByHash":
                return next((block for block in self.chain if block["hash"] == params[0]), None)
            case "eth_getLogs":
                return self._logs(params[0])
            case "eth_sendRawTransaction":
                self.sent.append(params[0])
        answer = self.answers.get(method)
        if isinstance(answer, Exception):
            raise answer
        return answer(*params) if isinstance(answer, Callable) else answer  # type: ignore[arg-type]

    def _logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        if "blockHash" in wanted:
            if all(block["hash"] != wanted["blockHash"] for block in self.chain):
                raise RpcError("eth_getLogs failed: unknown block", -32000)
            return self.logs.get(wanted["blockHash"], [])
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        self.ranges.append(last - first + 1)
        if last - first + 1 > self.most_blocks:
            raise RpcError("eth_getLogs failed: block range is too large", -32005)
        between = [block["hash"] for block in self.chain if first <= int(block["number"], 16) <= last]
        return [log for name in between for log in self.logs.get(name, [])]

    def _by_number(self, number: str) -> dict[str, Any] | None:
        if number == "latest":
            return self.chain[-1]
        if number == "finalized":
            return None if self.finalized is None else {"number": hex(self.finalized)}
        return next((block for block in self.chain if block["number"] == number), None)


def url_of(server: Server) -> str:
    """Where a WebSocket's server listens."""
    return f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
