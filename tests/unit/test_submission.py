"""
One transaction, several endpoints.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from keeper.chain.endpoint import Endpoint
from keeper.errors import RpcError, SubmissionError
from keeper.execution.answers import Submission
from keeper.execution.endpoints import RawEndpoint, SyncEndpoint
from keeper.execution.receipts import Receipt
from keeper.execution.submission import Broadcast
from keeper.journal import SignedTransaction
from tests.http_receiver import HttpReceiver, receiving
from tests.operator_world import TRANSACTION, receipt

TAKES = None
REFUSES = RpcError("insufficient funds", -32000)
LATER = RpcError("nonce too high", -32000)
SILENT = RpcError("node is out of reach: timed out")


class Place:
    """An endpoint that answers when it is let."""

    def __init__(self, name: str, answer: Exception | Receipt | None, waits: bool = False) -> None:
        self.name = name
        self.answer = answer
        self.let = asyncio.Event()
        self.sent: list[SignedTransaction] = []
        self.done = asyncio.Event()
        if not waits:
            self.let.set()

    async def submit(self, transaction: SignedTransaction) -> Receipt | None:
        self.sent.append(transaction)
        await self.let.wait()
        self.done.set()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answers", "means"),
    [
        ([TAKES], Submission.ACCEPTED),
        ([REFUSES], Submission.REFUSED),
        ([REFUSES, TAKES], Submission.ACCEPTED),
        ([SILENT, TAKES], Submission.ACCEPTED),
        ([REFUSES, SILENT], Submission.UNKNOWN),
        ([SILENT, LATER], Submission.UNKNOWN),
        ([LATER, REFUSES], Submission.RETRY),
        ([REFUSES, REFUSES], Submission.REFUSED),
    ],
)
async def test_send__several_answers__the_one_that_says_most_counts(
    answers: list[RpcError | None], means: Submission
) -> None:
    for order in (answers, answers[::-1]):
        async with Broadcast([Place(str(number), answer) for number, answer in enumerate(order)]) as broadcast:
            assert (await broadcast.send(TRANSACTION)).means is means


async def test_send__first_takes_it__the_others_are_not_waited_for_and_not_cut_off() -> None:
    slow = Place("slow", LATER, waits=True)
    async with Broadcast([slow, Place("quick", TAKES)]) as broadcast:
        assert (await broadcast.send(TRANSACTION)).means is Submission.ACCEPTED
        assert not slow.done.is_set()

        slow.let.set()
        await slow.done.wait()
        await asyncio.sleep(0)

        assert broadcast.answers == {("quick", "accepted"): 1, ("slow", "nonce too high"): 1}
        assert slow.sent == [TRANSACTION]


async def test_send__all_at_once__nobody_waits_for_another() -> None:
    places = [Place(str(number), TAKES, waits=True) for number in range(3)]
    async with Broadcast(places) as broadcast:
        sending = asyncio.create_task(broadcast.send(TRANSACTION))
        while not all(place.sent for place in places):
            await asyncio.sleep(0)
        places[2].let.set()
        assert (await sending).means is Submission.ACCEPTED


async def test_send__late_answer_is_for_other_bytes__stops_the_next_send() -> None:
    slow = Place("slow", SubmissionError("slow answered with another hash"), waits=True)
    async with Broadcast([slow, Place("quick", TAKES)]) as broadcast:
        await broadcast.send(TRANSACTION)
        broadcast.check()
        slow.let.set()
        await slow.done.wait()
        await asyncio.sleep(0)

        with pytest.raises(SubmissionError, match="another hash"):
            broadcast.check()
        with pytest.raises(SubmissionError, match="another hash"):
            await broadcast.send(TRANSACTION)


async def test_send_again__goes_to_everybody() -> None:
    first, also = Place("first", TAKES), Place("also", TAKES)
    async with Broadcast([first], [also]) as broadcast:
        await broadcast.send(TRANSACTION)
        assert also.sent == []

        await broadcast.send_again(TRANSACTION)
        await also.done.wait()

    assert (len(first.sent), len(also.sent)) == (2, 1)


@pytest.fixture
async def receivers() -> AsyncIterator[list[HttpReceiver]]:
    async with receiving() as one, receiving() as other:
        one.answer = other.answer = TRANSACTION.hash
        yield [one, other]


async def test_send__sequencer_hangs_and_the_node_takes_it__over_http(receivers: list[HttpReceiver]) -> None:
    sequencer, node = receivers
    sequencer.hold = asyncio.Event()
    async with (
        Endpoint(sequencer.url) as first,
        Endpoint(node.url) as second,
        Broadcast([RawEndpoint("sequencer", first), RawEndpoint("node", second)]) as broadcast,
    ):
        assert (await broadcast.send(TRANSACTION)).means is Submission.ACCEPTED

        assert broadcast.answers == {("node", "accepted"): 1}
        await sequencer.arrived.wait()  # its request is on its way all the same
    assert sequencer.requests == node.requests


async def test_receipt__came_with_the_acceptance__is_there_once(receivers: list[HttpReceiver]) -> None:
    receivers[0].answer = receipt()
    async with Endpoint(receivers[0].url) as ask:
        broadcast = Broadcast([SyncEndpoint("sync", ask)])
        await broadcast.send(TRANSACTION)

    assert broadcast.receipt(TRANSACTION.hash) == receipt()
    assert broadcast.receipt(TRANSACTION.hash) is None
