"""
A signer in another process, over HTTP, that may be slow, wrong, or somebody else.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import rlp
from aiohttp import web

from keeper.chain.endpoint import Endpoint
from keeper.errors import PolicyError, SignerError
from keeper.execution.remote_signer import RemoteSigner
from keeper.execution.signer import LocalSigner, Policy
from keeper.execution.wire import HIGHEST_S, Unsigned, assembled, parse
from tests.http_receiver import HttpReceiver, receiving
from tests.operator_world import ACCOUNTS, CHAIN_ID, OPERATOR, POLICY, SIGNERS
from tests.unit.test_journal import EXECUTOR

CALL = Unsigned(CHAIN_ID, 7, EXECUTOR, b"\x01\x02", 300_000, 10**9, 5)


def held(number: int = 0, **changed: Any) -> Callable[[dict[str, str]], str]:
    """Return what signs a request as web3signer does, with something changed."""

    def sign(asked: dict[str, str]) -> str:
        unsigned = Unsigned(
            int(asked["chainId"], 16),
            int(asked["nonce"], 16),
            asked["to"],  # type: ignore[arg-type]
            bytes.fromhex(asked["data"][2:]),
            int(asked["gas"], 16),
            int(asked["maxFeePerGas"], 16),
            int(asked["maxPriorityFeePerGas"], 16),
        )
        # Whoever holds the key and signs whatever it is asked.
        policy = Policy(CHAIN_ID, unsigned.to, max_fee_wei=2**64, max_gas=2**64)
        return "0x" + LocalSigner(ACCOUNTS[number], policy).sign_now(replace(unsigned, **changed))[0].hex()

    return sign


def high(asked: dict[str, str]) -> str:
    unsigned, signature = parse(bytes.fromhex(held()(asked)[2:]))
    s = 2 * HIGHEST_S + 1 - int.from_bytes(signature[32:64])
    raw, _ = assembled(unsigned.fields(), signature[:32] + s.to_bytes(32) + bytes([1 - signature[64]]))
    return "0x" + raw.hex()


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with receiving() as receiver:
        receiver.answer = held()
        yield receiver


@pytest.fixture
async def signer(receiver: HttpReceiver) -> AsyncIterator[RemoteSigner]:
    async with Endpoint(receiver.url) as ask:
        yield RemoteSigner(ask, OPERATOR, POLICY, patience_seconds=30.0)


async def test_sign__is_asked_as_web3signer_is(receiver: HttpReceiver, signer: RemoteSigner) -> None:
    signed = await signer.sign(CALL)

    assert signed == await SIGNERS[0].sign(CALL)
    assert receiver.requests == [
        (
            "eth_signTransaction",
            [
                {
                    "from": OPERATOR,
                    "to": EXECUTOR,
                    "gas": hex(300_000),
                    "maxFeePerGas": hex(10**9),
                    "maxPriorityFeePerGas": "0x5",
                    "value": "0x0",
                    "nonce": "0x7",
                    "data": "0x0102",
                    "chainId": "0xa4b1",
                }
            ],
        )
    ]


async def test_sign__answer_as_clef_gives_it__is_understood(receiver: HttpReceiver, signer: RemoteSigner) -> None:
    receiver.answer = lambda asked: {"raw": held()(asked), "tx": {}}

    assert await signer.sign(CALL) == await SIGNERS[0].sign(CALL)


def nested(place: int) -> str:
    """A transaction of type 2 that has a list where bytes must be."""
    fields: list[Any] = [b"\x01", b"", b"", b"\x01", b"\x01", b"\x11" * 20, b"", b"", [], b"", b"\x01", b"\x01"]
    fields[place] = [b"\x01"] * 20
    return "0x02" + rlp.encode(fields).hex()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (held(1), f"signed with the key of {SIGNERS[1].address}"),
        (high, "s is high"),
        (held(nonce=8), "something else than was asked"),
        (held(gas_limit=32_000_000), "something else than was asked"),
        (held(data=b"\x01"), "something else than was asked"),
        ({"code": -32000, "message": "account unlocked"}, "account unlocked"),
        (web.Response(status=500), "HTTP status 500"),
        (web.Response(status=503), "HTTP status 503"),
        (web.Response(text="no"), "not JSON"),
        ("0x02zz", "no transaction"),
        (None, "no transaction"),
        ("0x02c0", "no transaction of type 2"),
        (nested(0), "no transaction"),  # the chain is a list
        (nested(5), "no transaction"),  # whom it is for
        (nested(10), "no transaction"),  # half of the signature
    ],
    ids=lambda value: value if isinstance(value, str) and "0x" not in value else "answer",
)
async def test_sign__wrong_answer__is_an_error_without_the_url(
    receiver: HttpReceiver, signer: RemoteSigner, answer: Any, words: str
) -> None:
    receiver.answer = answer

    with pytest.raises(SignerError, match=words) as caught:
        await signer.sign(CALL)

    assert "secret" not in str(caught.value)
    assert signer.failures == 1


async def test_sign__hangs__is_not_waited_for(receiver: HttpReceiver) -> None:
    receiver.hold = asyncio.Event()
    async with Endpoint(receiver.url) as ask:
        with pytest.raises(SignerError, match="did not answer in 0.05 s"):
            await RemoteSigner(ask, OPERATOR, POLICY, patience_seconds=0.05).sign(CALL)


async def test_sign__nobody_listens__is_an_error() -> None:
    async with receiving() as receiver:
        url = receiver.url
    async with Endpoint(url) as ask:
        with pytest.raises(SignerError, match="out of reach"):
            await RemoteSigner(ask, OPERATOR, POLICY).sign(CALL)


async def test_sign__what_a_keeper_has_no_reason_to__is_not_even_asked(
    receiver: HttpReceiver, signer: RemoteSigner
) -> None:
    with pytest.raises(PolicyError):
        await signer.sign(replace(CALL, gas_limit=32_000_001))

    assert receiver.requests == []


async def test_failures__in_a_row__are_counted_until_one_succeeds(receiver: HttpReceiver, signer: RemoteSigner) -> None:
    receiver.answer = web.Response(status=500)
    for _ in range(3):
        with pytest.raises(SignerError):
            await signer.sign(CALL)
        receiver.answer = web.Response(status=500)
    assert signer.failures == 3
    receiver.answer = held()

    await signer.sign(CALL)

    assert signer.failures == 0


async def test_check__right_key__signs_what_does_nothing(receiver: HttpReceiver, signer: RemoteSigner) -> None:
    await signer.check()

    ((_, (asked,)),) = receiver.requests
    assert (asked["to"], asked["data"]) == (OPERATOR, "0x")
