"""
JSON-RPC over HTTP: the one place where bytes leave the keeper.
"""

import itertools
import json
import math
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from keeper.chain.answers import parsed
from keeper.errors import ChainError, RateLimited, RpcError
from keeper.redaction import redact, redact_url

#: The sequencer's own queue gives up after 12 s: a client that gives up earlier does not know what became of its bytes.
TIMEOUT_SECONDS = 15

_TOO_MANY_REQUESTS = 429

#: A node that wants to be left alone for longer is asked again all the same: a proxy may say anything.
_LONGEST_SECONDS = 300.0

#: So much is kept of a node's words. A contract that reverts chooses them, and they are written down and shown.
_WORDS = 1_000

#: What providers say when there were too many requests; the codes that come with it mean other things as well.
_RATE_WORDS = ("rate limit", "rate exceeded", "request rate", "too many requests", "request count", "compute units")


class Endpoint:
    """
    One node.

    Attributes:
        url: Where it is, fit to be shown.
    """

    def __init__(self, url: str) -> None:
        self.url = redact_url(url)
        self._url = url
        self._numbers = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def __call__(self, method: str, *params: Any) -> Any:
        """
        Return the node's result.

        Raises:
            RpcError: The node is out of reach, or answered with an error or with something that is no answer.
        """
        number = next(self._numbers)
        try:
            answer = parsed(await self._post({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        except aiohttp.ClientResponseError as error:
            raise self._http_error(method, error) from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):  # whose words are the URL
            raise RpcError(f"node {self.url} is out of reach for {method}: that is not the URL of a node") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            reason = "timed out" if isinstance(error, TimeoutError) else redact(str(error)) or type(error).__name__
            raise RpcError(f"node {self.url} is out of reach for {method}: {reason}") from None
        except ChainError:
            raise RpcError(f"node {self.url} answered {method} with something that is not JSON") from None
        if not isinstance(answer, dict):
            raise RpcError(f"node {self.url} answered {method} with something that is not an answer")
        if (error_object := answer.get("error")) is not None:
            raise _node_error(method, error_object)
        if "result" not in answer:
            raise RpcError(f"node {self.url} answered {method} without a result")
        # A proxy may mix up what passes through it; some nodes tell numbers as text.
        if str(answer.get("id")) != str(number):
            raise RpcError(f"node {self.url} answered {method} with the answer to another request")
        return answer["result"]

    async def _post(self, request: Mapping[str, Any]) -> bytes:
        if self._session is None:  # a session belongs to the loop that runs when it is made
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        async with self._session.post(
            self._url, data=json.dumps(request), headers={"Content-Type": "application/json"}
        ) as response:
            response.raise_for_status()
            return await response.read()

    def _http_error(self, method: str, error: aiohttp.ClientResponseError) -> RpcError:
        words = f"node {self.url} answered {method} with HTTP status {error.status}"
        if error.status == _TOO_MANY_REQUESTS:
            return RateLimited(words, retry_after=_seconds(error.headers.get("Retry-After") if error.headers else None))
        return RpcError(words)


def _node_error(method: str, error: Any) -> RpcError:
    if not isinstance(error, dict):
        return RpcError(f"{method} failed: {_words(error)}")
    code = error.get("code")
    data = error.get("data")
    code = code if isinstance(code, int) else None
    words = _words(error.get("message", "no message"))
    if code == _TOO_MANY_REQUESTS or any(rate in words.lower() for rate in _RATE_WORDS):
        return RateLimited(f"{method} failed: {words}", code)
    return RpcError(f"{method} failed: {words}", code, data if isinstance(data, str) else None)


def _words(told: Any) -> str:
    """What a node says, fit to be shown: short, on one line, and nothing that a terminal would obey."""
    text = redact(str(told)[: 8 * _WORDS])
    shown = "".join(letter if letter.isprintable() else " " for letter in text[:_WORDS])
    return shown if len(text) <= _WORDS else f"{shown}..."


def _seconds(retry_after: str | None) -> float | None:
    """The header as a number of seconds, within reason; as a date it is not understood."""
    try:
        seconds = float(retry_after) if retry_after is not None else math.nan
    except ValueError:
        return None
    return min(max(seconds, 0.0), _LONGEST_SECONDS) if not math.isnan(seconds) else None
