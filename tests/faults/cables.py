"""
What lies between a keeper and the things it talks to: it can be cut, and it remembers what went through.
"""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

_CHUNK_BYTES = 1 << 16


class Cable:
    """
    Carries TCP to a port of this machine.

    Attributes:
        port: Where it begins.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = True
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._hang_up()

    def go_dark(self) -> None:
        """Carry nothing any more, and let nobody know: connections stay, and new ones come about."""
        self._open = False

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        self._open = False
        self._hang_up()

    def mend(self) -> None:
        """Carry again; what was connected before is not any more."""
        self._hang_up()
        self._open = True

    def _hang_up(self) -> None:
        with self._lock:
            ends, self._sockets = self._sockets, set()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.add(near)
            if self._open:
                try:
                    far = socket.create_connection(("127.0.0.1", self._to_port))
                except OSError:
                    near.close()
                    continue
                with self._lock:
                    self._sockets.add(far)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(_CHUNK_BYTES):
                if self._open:
                    target.sendall(data)
            if self._open:
                target.shutdown(socket.SHUT_WR)
        except OSError:
            # A process that is killed with something unread resets its connection: the other end hears of that, too.
            if self._open:
                with suppress(OSError):
                    target.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes that a keeper sent, and when, in seconds of the machine's clock."""

    keeper: str
    raw: bytes
    at: float


@dataclass(slots=True)
class Record:
    """What several keepers sent, in the order in which it came to the node."""

    sent: list[Sent] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)


#: Is told that a keeper sends something, and says whether the bytes come through.
Ambush = Callable[[], bool]


class Tap:
    """
    Carries a keeper's requests to a node, and writes down what it sends.

    Attributes:
        url: Where it begins.
        ambush: Is called, once, when the keeper sends something next, before the node has it.
    """

    def __init__(self, keeper: str, node_url: str, record: Record, clock: Callable[[], float]) -> None:
        self.ambush: Ambush | None = None
        self._keeper, self._record, self._clock = keeper, record, clock
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, node_url))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def sends(self, raw: bytes) -> bool:
        """Write down what the keeper sends, and return whether it comes through."""
        with self._record.changed:
            ambush, self.ambush = self.ambush, None
            if ambush is not None and not ambush():
                return False
            self._record.sent.append(Sent(self._keeper, raw, self._clock()))
            self._record.changed.notify_all()
            return True


def _handler(tap: Tap, node_url: str) -> type[BaseHTTPRequestHandler]:
    node = urlsplit(node_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self._node = HTTPConnection(str(node.hostname), node.port, timeout=60)

        def finish(self) -> None:
            with suppress(OSError):
                super().finish()
            self._node.close()

        def handle(self) -> None:
            with suppress(OSError, HTTPException):
                super().handle()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b"eth_sendRawTransaction" in body:
                request = json.loads(body)
                if not tap.sends(bytes.fromhex(request["params"][0][2:])):
                    self.close_connection = True
                    return
            self._node.request("POST", node.path or "/", body, {"Content-Type": "application/json"})
            answer = self._node.getresponse()
            told = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
