"""
The table of answers, row by row, as they come over HTTP.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from keeper.chain.endpoint import Endpoint
from keeper.errors import RpcError
from keeper.execution.answers import ANSWERS, Submission, classify
from keeper.execution.endpoints import RawEndpoint
from keeper.execution.submission import Broadcast
from tests.http_receiver import HttpReceiver, receiving
from tests.operator_world import TRANSACTION

TAKEN, REFUSED, RETRY, UNKNOWN = Submission.ACCEPTED, Submission.REFUSED, Submission.RETRY, Submission.UNKNOWN


def error(message: str, code: int = -32000) -> dict[str, Any]:
    return {"code": code, "message": message}


#: What came, what it means, and under which name it is counted.
ROWS = [
    (error("nonce too low"), UNKNOWN, "nonce too low"),
    (error("nonce too low: address 0x12, tx: 3 state: 4"), UNKNOWN, "nonce too low"),
    (error("nonce too high"), RETRY, "nonce too high"),
    (error("nonce gap", 6), RETRY, "nonce too high"),
    (error("expected 0x7", 6), RETRY, "nonce too high"),
    (error("already known"), TAKEN, "already known"),
    (error("transaction already imported"), TAKEN, "already known"),
    (error("context deadline exceeded"), UNKNOWN, "deadline exceeded"),
    (error("max fee per gas less than block base fee: address 0x12"), REFUSED, "fee below base fee"),
    (error("intrinsic gas too low"), REFUSED, "intrinsic gas too low"),
    (error("insufficient funds for gas * price + value"), REFUSED, "insufficient funds"),
    (error("transaction options do not hold", -32003), REFUSED, "condition not met"),
    (error("insufficient funds for transfer", -32003), REFUSED, "insufficient funds"),
    (error("limit exceeded", -32005), RETRY, "limit"),
    (error("too many", -32012), RETRY, "too many conditional"),
    (error("rate limit reached", -32000), RETRY, "limit"),
    (error("too many requests", 429), RETRY, "limit"),
    (web.Response(status=429, headers={"Retry-After": "1"}), RETRY, "limit"),
    (error("sequencer temporarily not available"), RETRY, "sequencer unavailable"),
    (error("sequencer is not the chosen sequencer"), RETRY, "sequencer unavailable"),
    (error("replacement transaction underpriced"), REFUSED, "replacement underpriced"),
    (error("exceeds block gas limit"), REFUSED, "gas limit too high"),
    (error("invalid chain id for signer"), REFUSED, "malformed"),
    (error("invalid sender"), REFUSED, "malformed"),
    (error("max priority fee per gas higher than max fee per gas"), REFUSED, "malformed"),
    (error("oversized data"), REFUSED, "malformed"),
    (error("rlp: expected List"), REFUSED, "malformed"),
    (error("transaction filtered by transaction filter"), REFUSED, "filtered"),
    (error("The transaction was added to the mempool but wasn't processed in 2s.", 4), TAKEN, "not included in time"),
    (error("timeout", 4), TAKEN, "not included in time"),
    (error("not ready", 5), UNKNOWN, "not ready"),
    (error("the method does not exist", -32601), REFUSED, "method not found"),
    *[
        (error(name), REFUSED, "express lane: refused")
        for name in (
            *("MALFORMED_DATA", "WRONG_CHAIN_ID", "WRONG_SIGNATURE", "WRONG_AUCTION_CONTRACT", "BAD_ROUND_NUMBER"),
            *("NOT_EXPRESS_LANE_CONTROLLER", "NO_ONCHAIN_CONTROLLER"),
            *("SEQUENCE_NUMBER_ALREADY_SEEN", "SEQUENCE_NUMBER_TOO_LOW"),
        )
    ],
    (error("sequence number has reached max allowed limit"), RETRY, "express lane: too early or full"),
    (error("Accepted timeboost tx failed"), UNKNOWN, "express lane: failed"),
    (error("something that nobody has heard of"), UNKNOWN, "other"),
    (web.Response(status=500), UNKNOWN, "no answer"),
    (web.Response(status=503), UNKNOWN, "no answer"),
    (web.Response(text="<html>gateway</html>", content_type="text/html"), UNKNOWN, "no answer"),
    (web.Response(text='{"jsonrpc": "2.0", "resul', content_type="application/json"), UNKNOWN, "no answer"),
    (None, UNKNOWN, "no answer"),  # a result of null
]


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.mark.parametrize(("answer", "means", "name"), ROWS, ids=lambda value: str(value)[:60])
async def test_answer__of_a_node__means(receiver: HttpReceiver, answer: Any, means: Submission, name: str) -> None:
    receiver.answer = answer
    async with Endpoint(receiver.url) as ask:
        broadcast = Broadcast([RawEndpoint("here", ask)])

        verdict = await broadcast.send(TRANSACTION)

    assert verdict.means is means
    assert broadcast.answers == {("here", name): 1}
    assert "secret" not in verdict.words


async def test_answer__nobody_listens__nothing_was_taken() -> None:
    async with receiving() as receiver:
        url = receiver.url
    async with Endpoint(url) as ask:
        verdict = await Broadcast([RawEndpoint("here", ask)]).send(TRANSACTION)

    assert verdict.means is RETRY


def test_table__every_row__is_tested() -> None:
    tested = {name for _, _, name in ROWS} | {"connection refused"}

    assert {answer.name for answer in ANSWERS} <= tested


def test_classify__words__count_before_codes() -> None:
    assert classify(RpcError("failed: nonce too low", -32005)).name == "nonce too low"
