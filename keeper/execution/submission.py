"""
Sending signed bytes to every endpoint at once: the first that takes them is enough.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from keeper.errors import RpcError, SubmissionError
from keeper.execution.answers import UNDERPRICED, Submission, classify
from keeper.execution.endpoints import SubmissionEndpoint
from keeper.execution.receipts import Receipt
from keeper.journal import SignedTransaction
from keeper.types import Hash

_log = structlog.get_logger("submission")

#: Receipts that came with an acceptance and were not asked for yet.
_REMEMBERED = 64

#: Of several answers the one that says most: one who took the bytes outweighs all who did not, one who may have taken
#: them outweighs those who surely did not.
_WEIGHT = (Submission.REFUSED, Submission.RETRY, Submission.UNKNOWN, Submission.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What is known after the bytes were sent everywhere.

    Attributes:
        words: Of whom it was known by, where it was no acceptance.
        is_held: Whether it was refused because the node holds another transaction with its nonce, which costs more.
    """

    means: Submission
    words: str = ""
    is_held: bool = False


class Broadcast:
    """
    Attributes:
        answers: How often each endpoint gave each kind of answer.
    """

    def __init__(self, first: Sequence[SubmissionEndpoint], also: Sequence[SubmissionEndpoint] = ()) -> None:
        """
        Args:
            first: Where bytes are sent.
            also: Where they are sent besides, if they are seen nowhere for a while.
        """
        self.answers: Counter[tuple[str, str]] = Counter()
        self._first = tuple(first)
        self._also = tuple(also)
        self._receipts: dict[Hash, Receipt] = {}
        self._late: set[asyncio.Task[Verdict]] = set()
        self._failure: SubmissionError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._late:
            task.cancel()
        if self._late:
            await asyncio.wait(self._late)

    async def send(self, transaction: SignedTransaction) -> Verdict:
        """
        Send the bytes, and return when an endpoint took them, or all have answered.

        Raises:
            SubmissionError: An endpoint answered for other bytes, now or since the last time.
        """
        return await self._send(transaction, self._first)

    async def send_again(self, transaction: SignedTransaction) -> Verdict:
        """
        Send the very same bytes to everybody that is known.
        """
        return await self._send(transaction, self._first + self._also)

    def receipt(self, transaction_hash: Hash) -> Receipt | None:
        """
        Return the receipt that came with an acceptance, once.
        """
        return self._receipts.pop(transaction_hash, None)

    def check(self) -> None:
        """
        Raises:
            SubmissionError: An endpoint that was not waited for answered for other bytes.
        """
        if self._failure is not None:
            raise self._failure

    async def _send(self, transaction: SignedTransaction, endpoints: Sequence[SubmissionEndpoint]) -> Verdict:
        self.check()
        if len(endpoints) == 1:
            best = await self._offer(endpoints[0], transaction)
            self.check()
            return best
        tasks = {asyncio.create_task(self._offer(endpoint, transaction)) for endpoint in endpoints}
        # Whoever is not waited for is not cut off: bytes that are half sent may be taken or not.
        self._late |= tasks
        for task in tasks:
            task.add_done_callback(self._late.discard)
        best = Verdict(Submission.REFUSED)
        for done in asyncio.as_completed(tasks):
            verdict = await done
            self.check()
            if not best.words or _WEIGHT.index(verdict.means) > _WEIGHT.index(best.means):
                best = verdict
            if best.means is Submission.ACCEPTED:
                break
        return best

    async def _offer(self, endpoint: SubmissionEndpoint, transaction: SignedTransaction) -> Verdict:
        try:
            receipt = await endpoint.submit(transaction)
        except RpcError as error:
            answer = classify(error)
            self.answers[endpoint.name, answer.name] += 1
            _log.info("bytes_answered", endpoint=endpoint.name, answer=answer.name, hash=transaction.hash)
            return Verdict(answer.means, f"{answer.name}: {error}", answer.name == UNDERPRICED)
        except SubmissionError as error:
            self.answers[endpoint.name, "other hash"] += 1
            self._failure = error
            return Verdict(Submission.UNKNOWN, str(error))
        self.answers[endpoint.name, "accepted"] += 1
        if receipt is not None:
            self._receipts[transaction.hash] = receipt
            if len(self._receipts) > _REMEMBERED:
                del self._receipts[next(iter(self._receipts))]
        return Verdict(Submission.ACCEPTED)
