"""
How many blocks a node gives the logs of at once: found by trying.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from keeper.errors import RateLimited, RpcError

T = TypeVar("T")

#: Codes that providers answer too large a range with, among other things; HTTP statuses and timeouts have none.
_CODES = {-32000, -32005, -32602, -32600, -32603, -32012, -32614, -32701, 413}
_WORDS = (
    "limit",
    "range",
    "too many",
    "too large",
    "exceed",
    "more than",
    "max",
    "size",
    "restrict",
    "timed out",
    "timeout",
    "413",
)

_GROWTH = 1.5


def is_too_much(error: RpcError) -> bool:
    """
    Whether a provider refused the size of a request, and not the request.
    """
    if isinstance(error, RateLimited):
        return False
    words = str(error).lower()
    return (error.code is None or error.code in _CODES) and any(word in words for word in _WORDS)


class AdaptiveRange:
    """
    Splits a range of blocks into parts that the node accepts: half of one that is refused, half as much again after
    one that is not.

    Attributes:
        size: How many blocks the next part has.
    """

    def __init__(self, size: int = 64, largest: int = 10_000) -> None:
        self.size = size
        self._largest = largest

    async def over(self, first: int, last: int, ask: Callable[[int, int], Awaitable[list[T]]]) -> list[T]:
        """
        Return what *ask* gives for all blocks from *first* to *last*, part after part.

        Raises:
            RpcError: The node failed, or refuses even one block.
        """
        found: list[T] = []
        while first <= last:
            end = min(first + self.size - 1, last)
            try:
                found += await ask(first, end)
            except RpcError as error:
                if end == first or not is_too_much(error):
                    raise
                self.size = max((end - first + 1) // 2, 1)
                continue
            if end - first + 1 == self.size:
                self.size = min(int(self.size * _GROWTH) + 1, self._largest)
            first = end + 1
        return found
