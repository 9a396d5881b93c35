"""
A sequencer that remembers every byte it was sent, with a chain of what it included.

It includes most of what it takes in the next block, forgets some, and sometimes does not answer what it did.
"""

import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import rlp
from eth_account import Account
from eth_utils.crypto import keccak

_TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    Bytes that were sent.

    Attributes:
        timestamp: Of the last block then.
        deadline: Unix second after which they are worth nothing.
    """

    raw: bytes
    hash: str
    nonce: int
    deadline: int
    timestamp: int


@dataclass(slots=True)
class Sequencer:
    """
    Attributes:
        arrivals: All that was sent, in order.
        receipts: Of what was included, by hash.
        on_arrival: Called with each arrival before anything is answered; the bytes are lost if it is false.
        url: Where it listens.
    """

    rng: random.Random
    executor: str
    treasury: str
    token: str
    arrivals: list[Arrival] = field(default_factory=list)
    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)
    nonce: int = 0
    number: int = 1
    on_arrival: Callable[[Arrival], bool] = field(default=lambda _: True)
    url: str = ""
    _pending: dict[str, Arrival] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def timestamp(self) -> int:
        return 1_000 + self.number

    def answer(self, method: str, params: list[Any]) -> Any:
        """Answer a request; an error is raised as a ValueError."""
        with self._lock:
            match method:
                case "eth_sendRawTransaction":
                    return self._take(bytes.fromhex(params[0][2:]))
                case "eth_getTransactionReceipt":
                    return self.receipts.get(params[0])
                case "eth_getTransactionByHash":
                    known = params[0] in self._pending or params[0] in self.receipts
                    return {"hash": params[0]} if known else None
                case "eth_getTransactionCount":
                    return hex(self.nonce)
                case "test_mine":
                    return self._mine()
        raise ValueError(f"the method {method} does not exist")

    def _take(self, raw: bytes) -> str:
        arrival = _arrival(raw, self.timestamp)
        self.arrivals.append(arrival)
        if not self.on_arrival(arrival):
            raise ValueError("lost")
        if arrival.hash in self._pending or arrival.hash in self.receipts:
            raise ValueError("already known")
        if arrival.nonce < self.nonce:
            raise ValueError("nonce too low")
        if arrival.nonce > self.nonce:
            raise ValueError("nonce too high")
        if self.rng.random() < 0.8:
            self._pending[arrival.hash] = arrival
        if self.rng.random() < 0.2:
            raise ValueError("context deadline exceeded")
        return arrival.hash

    def _mine(self) -> dict[str, str]:
        self.number += 1
        for index, arrival in enumerate(self._pending.values()):
            if arrival.nonce == self.nonce:
                self.nonce += 1
                self.receipts[arrival.hash] = self._receipt(arrival, index)
        self._pending.clear()
        return {
            "number": hex(self.number),
            "hash": _block_hash(self.number),
            "parentHash": _block_hash(self.number - 1),
            "timestamp": hex(self.timestamp),
        }

    def _receipt(self, arrival: Arrival, index: int) -> dict[str, Any]:
        succeeds = arrival.deadline >= self.timestamp and self.rng.random() < 0.8
        topics = [_TRANSFER, *("0x" + who[2:].rjust(64, "0") for who in (self.executor, self.treasury))]
        return {
            "transactionHash": arrival.hash,
            "from": str(Account.recover_transaction(arrival.raw)).lower(),
            "to": self.executor,
            "blockHash": _block_hash(self.number),
            "blockNumber": hex(self.number),
            "transactionIndex": hex(index),
            "status": hex(succeeds),
            "gasUsed": hex(200_000),
            "effectiveGasPrice": hex(20_000_000),
            "logs": [{"address": self.token, "topics": topics, "data": f"0x{77:064x}"}] if succeeds else [],
        }


def _arrival(raw: bytes, timestamp: int) -> Arrival:
    fields = rlp.decode(raw[1:])
    deadline = int.from_bytes(fields[7][:8])
    return Arrival(raw, "0x" + keccak(raw).hex(), int.from_bytes(fields[1]), deadline, timestamp)


def _block_hash(number: int) -> str:
    return f"0x{number:064x}"


def _handler(sequencer: Sequencer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # one packet an answer

        def do_POST(self) -> None:
            try:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
                try:
                    answer["result"] = sequencer.answer(request["method"], request["params"])
                except ValueError as error:
                    answer["error"] = {"code": -32000, "message": str(error)}
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()
            except ConnectionError:
                self.close_connection = True  # whoever asked is dead

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):
                super().handle()

    return Handler
