"""
What each kind of endpoint is sent, to the byte, and what is made of its answers.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from keeper.chain.endpoint import Endpoint
from keeper.errors import RpcError, SubmissionError
from keeper.execution.endpoints import (
    BundleEndpoint,
    ConditionalEndpoint,
    ExpressLaneEndpoint,
    Lane,
    RawEndpoint,
    SubmissionEndpoint,
    SyncEndpoint,
    TimeboostBundleEndpoint,
)
from keeper.execution.signer import ControllerKey
from keeper.types import Address
from tests.http_receiver import HttpReceiver, receiving
from tests.operator_world import ACCOUNTS, TRANSACTION, receipt

RAW = "0x" + TRANSACTION.raw.hex()
AUCTION = Address("0x5fcb496a31b7ae91e7c9078ec662bd7a55cd3079")
LANE = Lane(42161, AUCTION, offset_seconds=1_000, round_seconds=60)


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with receiving() as receiver:
        receiver.answer = TRANSACTION.hash
        yield receiver


@pytest.fixture
async def ask(receiver: HttpReceiver) -> AsyncIterator[Endpoint]:
    async with Endpoint(receiver.url) as ask:
        yield ask


async def sent(endpoint: SubmissionEndpoint, receiver: HttpReceiver) -> tuple[str, Any]:
    assert await endpoint.submit(TRANSACTION) is None
    (request,) = receiver.requests
    return request


async def test_raw__is_sent_the_bytes(receiver: HttpReceiver, ask: Endpoint) -> None:
    assert await sent(RawEndpoint("raw", ask), receiver) == ("eth_sendRawTransaction", [RAW])


async def test_sync__is_sent_the_bytes_and_how_long_to_wait(receiver: HttpReceiver, ask: Endpoint) -> None:
    assert await sent(SyncEndpoint("sync", ask), receiver) == ("eth_sendRawTransactionSync", [RAW, "0x7d0"])


async def test_sync__receipt__is_returned(receiver: HttpReceiver, ask: Endpoint) -> None:
    receiver.answer = receipt() | {"blockHash": "0x" + "00" * 32}

    assert await SyncEndpoint("sync", ask).submit(TRANSACTION) == receiver.answer


async def test_conditional__is_sent_the_deadline(receiver: HttpReceiver, ask: Endpoint) -> None:
    request = await sent(ConditionalEndpoint("conditional", ask), receiver)

    assert request == ("eth_sendRawTransactionConditional", [RAW, {"timestampMax": hex(2_000)}])


async def test_bundle__is_sent_the_next_block(receiver: HttpReceiver, ask: Endpoint) -> None:
    request = await sent(BundleEndpoint("bundle", ask), receiver)

    assert request == ("eth_sendBundle", [{"txs": [RAW], "blockNumber": hex(101), "maxTimestamp": 2_000}])


async def test_timeboost_bundle__is_sent_the_bytes(receiver: HttpReceiver, ask: Endpoint) -> None:
    request = await sent(TimeboostBundleEndpoint("bundle", ask), receiver)

    assert request == ("timeboost_sendBundle", [{"txs": [RAW]}])


@pytest.mark.parametrize(("now", "round_number"), [(1_000.0, 0), (1_059.9, 0), (1_060.0, 1), (7_003.5, 100)])
async def test_express_lane__is_sent_what_its_controller_signed(
    receiver: HttpReceiver, ask: Endpoint, now: float, round_number: int
) -> None:
    receiver.answer = None  # as Nitro answers
    endpoint = ExpressLaneEndpoint("lane", ask, LANE, ControllerKey(ACCOUNTS[1]), clock=lambda: now)

    method, (parameters,) = await sent(endpoint, receiver)

    assert method == "timeboost_sendExpressLaneTransaction"
    signature = parameters.pop("signature")
    assert parameters == {
        "chainId": "0xa4b1",
        "round": hex(round_number),
        "auctionContractAddress": AUCTION,
        "sequenceNumber": "0xffffffffffffffff",
        "transaction": RAW,
        "options": {},
    }
    message = (
        keccak(text="TIMEBOOST_BID")
        + (42161).to_bytes(32, "big")
        + bytes.fromhex(AUCTION[2:])
        + round_number.to_bytes(8, "big")
        + b"\xff" * 8
        + TRANSACTION.raw
    )
    assert Account.recover_message(encode_defunct(message), signature=signature) == ACCOUNTS[1].address
    assert signature[-2:] in ("1b", "1c")


KINDS = [RawEndpoint, SyncEndpoint, ConditionalEndpoint]


@pytest.mark.parametrize("kind", KINDS)
async def test_any__answers_with_another_hash__is_a_hard_stop(receiver: HttpReceiver, ask: Endpoint, kind: Any) -> None:
    receiver.answer = "0x" + "99" * 32

    with pytest.raises(SubmissionError, match=f"kind took {TRANSACTION.hash} and answered with the hash 0x9999"):
        await kind("kind", ask).submit(TRANSACTION)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", [None, 7, [], "abc", "0x", "0x" + "9" * 63, "0x" + "9z" * 32])
async def test_any__answers_with_no_hash__it_is_not_known(
    receiver: HttpReceiver, ask: Endpoint, kind: Any, answer: Any
) -> None:
    receiver.answer = answer

    with pytest.raises(RpcError, match="without a transaction hash"):
        await kind("kind", ask).submit(TRANSACTION)


async def test_any__hash_in_capitals__is_the_same(receiver: HttpReceiver, ask: Endpoint) -> None:
    receiver.answer = "0x" + TRANSACTION.hash[2:].upper()

    await RawEndpoint("raw", ask).submit(TRANSACTION)
