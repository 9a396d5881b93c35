"""
JSON-RPC over HTTP: the one place where bytes leave the keeper.
"""

from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from web3 import AsyncHTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from keeper.errors import RateLimited, RpcError
from keeper.redaction import redact, redact_url

#: The sequencer's own queue gives up after 12 s: a client that gives up earlier does not know what became of its bytes.
TIMEOUT_SECONDS = 15

_TOO_MANY_REQUESTS = 429

#: What providers say when there were too many requests; the codes that come with it mean other things as well.
_RATE_WORDS = ("rate limit", "rate exceeded", "request rate", "too many requests", "request count", "compute units")


def decoded(answer: bytes) -> Any:
    """
    Return what an answer says, in half the time that the standard library takes: logs come in tens of kilobytes.

    Raises:
        ValueError: It is not JSON.
    """
    return msgspec.json.decode(answer)


class _Provider(AsyncHTTPProvider):
    """
    A provider that takes no answer to another request for its own: a proxy may mix up what passes through it.
    """

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        request = self.form_request(method, params)
        answer = decoded(await self._make_request(method, self.encode_rpc_dict(request)))
        # A node that could not read a request does not know its number; some tell numbers as text.
        if isinstance(answer, dict) and "result" in answer and str(answer.get("id")) != str(request["id"]):
            raise _OtherAnswer
        return answer  # type: ignore[no-any-return]


class _OtherAnswer(Exception):  # noqa: N818 - what it is
    """An answer to another request."""


class Endpoint:
    """
    One node.

    Attributes:
        url: Where it is, fit to be shown.
    """

    def __init__(self, url: str) -> None:
        self.url = redact_url(url)
        self._provider = _Provider(
            url,
            request_kwargs={"timeout": aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)},
            # What may be repeated is decided where it is known what is asked.
            exception_retry_configuration=None,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._provider.disconnect()

    async def __call__(self, method: str, *params: Any) -> Any:
        """
        Return the node's result.

        Raises:
            RpcError: The node is out of reach, or answered with an error or with something that is no answer.
        """
        try:
            answer = await self._provider.make_request(RPCEndpoint(method), list(params))
        except aiohttp.ClientResponseError as error:
            raise self._http_error(method, error) from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            reason = "timed out" if isinstance(error, TimeoutError) else redact(str(error)) or type(error).__name__
            raise RpcError(f"node {self.url} is out of reach for {method}: {reason}") from None
        except _OtherAnswer:
            raise RpcError(f"node {self.url} answered {method} with the answer to another request") from None
        except (ValueError, RecursionError):
            raise RpcError(f"node {self.url} answered {method} with something that is not JSON") from None
        if not isinstance(answer, dict):
            raise RpcError(f"node {self.url} answered {method} with something that is not an answer")
        if (error_object := answer.get("error")) is not None:
            raise _node_error(method, error_object)
        if "result" not in answer:
            raise RpcError(f"node {self.url} answered {method} without a result")
        return answer["result"]

    def _http_error(self, method: str, error: aiohttp.ClientResponseError) -> RpcError:
        words = f"node {self.url} answered {method} with HTTP status {error.status}"
        if error.status == _TOO_MANY_REQUESTS:
            return RateLimited(words, retry_after=_seconds(error.headers.get("Retry-After") if error.headers else None))
        return RpcError(words)


def _node_error(method: str, error: Any) -> RpcError:
    if not isinstance(error, dict):
        return RpcError(f"{method} failed: {redact(str(error))}")
    code = error.get("code")
    data = error.get("data")
    code = code if isinstance(code, int) else None
    words = redact(str(error.get("message", "no message")))
    if code == _TOO_MANY_REQUESTS or any(rate in words.lower() for rate in _RATE_WORDS):
        return RateLimited(f"{method} failed: {words}", code)
    return RpcError(f"{method} failed: {words}", code, data if isinstance(data, str) else None)


def _seconds(retry_after: str | None) -> float | None:
    """The header as a number of seconds; as a date it is not understood."""
    try:
        return max(float(retry_after), 0.0) if retry_after is not None else None
    except ValueError:
        return None
