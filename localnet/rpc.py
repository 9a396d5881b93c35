"""
JSON-RPC over one kept-alive connection.

The traders and the sequencer make thousands of small requests a minute, and a build makes a thousand in a second: a
general HTTP client would cost more than the node's own work.
"""

import http.client
import itertools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from localnet.errors import NodeError, RpcError


class Rpc:
    """
    A client of one node. Not thread-safe: every thread opens its own.

    Attributes:
        url: ``http://host:port[/path]``.
    """

    def __init__(self, url: str, timeout_seconds: float = 30) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise NodeError(f"not an http(s) URL of a node: {parts.scheme}://{parts.hostname}")
        connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.url = url
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection = connection(parts.hostname, parts.port, timeout=timeout_seconds)
        self._ids = itertools.count(1)

    def __call__(self, method: str, *params: Any) -> Any:
        """
        Return the result of *method*; raise RpcError if the node refuses, NodeError if it cannot be reached.
        """
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        try:
            answer = self._post(json.dumps(body).encode())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise NodeError(f"{method}: the node does not answer ({error.__class__.__name__})") from error
        return result(method, answer)

    def close(self) -> None:
        """Close the connection; the next call would open another."""
        self._connection.close()

    def _post(self, body: bytes) -> Any:
        try:
            return self._exchange(body)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # The node may drop an idle connection; nothing was processed, so one retry is safe.
            self._connection.close()
            return self._exchange(body)

    def _exchange(self, body: bytes) -> Any:
        self._connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        return json.loads(self._connection.getresponse().read())


def result(method: str, answer: Mapping[str, Any]) -> Any:
    """
    Return the result in a JSON-RPC *answer*, or raise its error.
    """
    if "error" in answer:
        error = answer["error"]
        raise RpcError(f"{method}: {error.get('message')}", error.get("code", 0), error.get("data"))
    return answer["result"]
