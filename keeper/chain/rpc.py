"""
The nodes that the keeper asks: the first that is well, in the order in which they were given.

A node that is out of reach is left alone for a while, twice as long each time; one that wants fewer requests for as
long as it says. What a node answers, errors included, is an answer: only where there is none another node is asked.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import structlog

from keeper.chain.endpoint import TIMEOUT_SECONDS, Endpoint
from keeper.errors import ChainError, RateLimited, RpcError

_log = structlog.get_logger("rpc")

#: How long a node that gives no answer is left alone: at first, and at most.
_PAUSE_SECONDS = (0.5, 60.0)

#: After so long without a failure, the next pause is a short one again.
_FORGIVEN_SECONDS = 120.0

#: The longest pause where a node wants fewer requests and does not say for how long: limits are of seconds, and a
#: keeper whose nodes all rest sees nothing.
_LIMITED_SECONDS = 8.0

#: A wait that is worth while, rather than to fail, where every node wants fewer requests.
_PATIENCE_SECONDS = 1.0

#: An answer is not waited for longer where another node could give it. Not so for sent bytes.
_READ_SECONDS = 3.0

#: A node so many blocks behind the others (five seconds on Arbitrum) is asked after them.
_LAG_BLOCKS = 20

#: Between two looks at all nodes' heads.
_CHECK_SECONDS = 5.0

#: What a node says that does not have a block yet, or not any more, which another one may.
_BEHIND = ("header not found", "unknown block", "block not found", "missing trie node")

#: Bytes that may have been taken are not offered elsewhere: what becomes of them is asked of the chain.
_SENDS = "eth_sendRawTransaction"


@dataclass(slots=True)
class _Node:
    """
    Attributes:
        ask: Sends a request.
        paused_until: Until when it is left alone.
        limited: Whether that is because it wants fewer requests: then it gets none.
        pause_seconds: How long the last pause was.
        failed_at: When it gave no answer last.
        lag: How many blocks its head is behind the best one.
        checked: Whether it was asked which chain it is of, since it gave no answer last.
    """

    ask: Endpoint
    paused_until: float = 0.0
    limited: bool = False
    pause_seconds: float = 0.0
    failed_at: float = float("-inf")
    lag: int = 0
    checked: bool = False
    requests: int = 0
    failures: int = 0


class Rpc:
    """
    One node, or several that stand in for each other.

    Attributes:
        calls: How often each method was asked, of all nodes together.
        listener: Is told of each request: node, method, ``answer``, ``error``, ``limited`` or ``failure``, and seconds.
    """

    def __init__(self, *urls: str, chain_id: int | None = None) -> None:
        """
        Args:
            chain_id: What every one of several nodes must be of; of a node of another chain nothing is believed.
        """
        self.calls: Counter[str] = Counter()
        self.listener: Callable[[str, str, str, float], None] | None = None
        self._chain_id = chain_id
        self._nodes = [_Node(Endpoint(url)) for url in urls]
        self._open = AsyncExitStack()
        self._checked_at = float("-inf")

    async def __aenter__(self) -> Self:
        for node in self._nodes:
            await self._open.enter_async_context(node.ask)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def url(self) -> str:
        """The node that would be asked now, fit to be shown."""
        return next(self._ranked(), self._nodes[0]).ask.url

    @property
    def health(self) -> list[dict[str, Any]]:
        """What is known of each node."""
        now = _now()
        return [
            {
                "node": node.ask.url,
                "requests": node.requests,
                "failures": node.failures,
                "paused": node.paused_until > now,
                "lag_blocks": node.lag,
            }
            for node in self._nodes
        ]

    async def __call__(self, method: str, *params: Any) -> Any:
        """
        Return the result of the first node that gives an answer.

        Raises:
            RateLimited: Every node wants fewer requests.
            RpcError: No node is within reach, or the one that is answered with an error.
        """
        await self._let_recover()
        failure: RpcError | None = None
        for node in self._ranked():
            try:
                return await self._ask(node, method, params)
            except RpcError as error:
                if method == _SENDS or not (_is_no_answer(error) or _is_behind(error)):
                    raise
                failure = error
        raise failure or RateLimited("every node wants fewer requests", retry_after=self._recovers_in())

    async def every(self, method: str, *params: Any) -> list[Any]:
        """
        Return what each node answers that is well, where there are several; empty where there is one alone.
        """
        if len(self._nodes) == 1:
            return []
        now = _now()
        asked = [self._ask(node, method, params) for node in self._nodes if node.paused_until <= now]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, RpcError):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    def distrust(self, error: ChainError) -> None:
        """
        Leave the node alone that is asked first, where others could be: what it says contradicts itself.
        """
        if len(self._nodes) > 1 and (node := next(self._ranked(), None)) is not None:
            self._pause(node, error)

    async def check(self) -> None:
        """
        Compare the heads of all nodes, if it is time to and there are several: one that lags is asked last.
        """
        now = _now()
        if len(self._nodes) < 2 or now - self._checked_at < _CHECK_SECONDS:
            return
        self._checked_at = now
        nodes = [node for node in self._nodes if node.paused_until <= now]
        heads = await asyncio.gather(*(self._head(node) for node in nodes))
        best = max((head for head in heads if head is not None), default=0)
        for node, head in zip(nodes, heads, strict=True):
            node.lag = best - head if head is not None else node.lag
            if node.lag > _LAG_BLOCKS:
                _log.warning("node_lagged", node=node.ask.url, blocks=node.lag)

    async def _head(self, node: _Node) -> int | None:
        try:
            return int(await self._ask(node, "eth_blockNumber", ()), 16)
        except (RpcError, TypeError, ValueError):
            return None

    def _ranked(self) -> Iterator[_Node]:
        """The nodes that may be asked, the best first; if none is well, the least bad."""
        now = _now()
        allowed = [node for node in self._nodes if not (node.limited and node.paused_until > now)]
        return iter(sorted(allowed, key=lambda node: (max(node.paused_until, now), node.lag > _LAG_BLOCKS)))

    async def _ask(self, node: _Node, method: str, params: Sequence[Any]) -> Any:
        self.calls[method] += 1
        node.requests += 1
        alone = len(self._nodes) == 1 or method == _SENDS
        began, outcome = time.monotonic(), "failure"
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS + 1 if alone else _READ_SECONDS):
                if not node.checked:
                    await self._require_chain(node)
                result = await node.ask(method, *params)
                outcome = "answer"
                return result
        except TimeoutError:
            error = RpcError(f"node {node.ask.url} is out of reach for {method}: timed out")
            self._pause(node, error)
            raise error from None
        except RpcError as error:
            if _is_no_answer(error):
                self._pause(node, error)
                outcome = "limited" if isinstance(error, RateLimited) else "failure"
            else:
                outcome = "error"
            raise
        finally:
            if self.listener is not None:
                self.listener(node.ask.url, method, outcome, time.monotonic() - began)

    async def _require_chain(self, node: _Node) -> None:
        """One node alone is checked by whoever starts the keeper."""
        if self._chain_id is not None and len(self._nodes) > 1:
            self.calls["eth_chainId"] += 1
            if (chain_id := await node.ask("eth_chainId")) != hex(self._chain_id):
                _log.error("node_refused", node=node.ask.url, chain_id=chain_id, expected=hex(self._chain_id))
                raise RpcError(f"node {node.ask.url} is not of chain {self._chain_id}")
        node.checked = True

    def _pause(self, node: _Node, error: ChainError) -> None:
        now = _now()
        if now - node.failed_at > _FORGIVEN_SECONDS:
            node.pause_seconds = 0.0
        node.limited = isinstance(error, RateLimited)
        again = now >= node.paused_until  # else it is one failure, of which several requests tell
        if again:
            most = _LIMITED_SECONDS if node.limited else _PAUSE_SECONDS[1]
            node.pause_seconds = min(max(2 * node.pause_seconds, _PAUSE_SECONDS[0]), most)
        asked_for = error.retry_after if isinstance(error, RateLimited) else None
        node.paused_until = now + (node.pause_seconds if asked_for is None else asked_for)
        node.failed_at = now
        node.failures += 1
        node.checked = False
        if again and len(self._nodes) > 1:
            _log.warning("node_paused", node=node.ask.url, seconds=round(node.paused_until - now, 3), reason=str(error))

    async def _let_recover(self) -> None:
        """Wait a little where no node may be asked; a longer wait is for the caller to decide on."""
        if next(self._ranked(), None) is None and (seconds := self._recovers_in()) <= _PATIENCE_SECONDS:
            await asyncio.sleep(seconds)

    def _recovers_in(self) -> float:
        return max(min(node.paused_until for node in self._nodes) - _now(), 0.0)


def _now() -> float:
    """By the clock that every wait and timeout goes by."""
    return asyncio.get_running_loop().time()


def _is_no_answer(error: RpcError) -> bool:
    """Whether the request did not come to an answer that another node would give as well."""
    return isinstance(error, RateLimited) or error.code is None


def _is_behind(error: RpcError) -> bool:
    words = str(error).lower()
    return any(behind in words for behind in _BEHIND)
