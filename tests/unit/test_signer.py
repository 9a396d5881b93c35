"""
A signature here is eth-account's, byte for byte.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rlp
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from keeper.errors import PolicyError, SignerError
from keeper.execution.signer import LocalSigner, Policy
from keeper.execution.wire import HIGHEST_S, Unsigned, address_of, digest_of, parse, recover
from keeper.types import Address

EXECUTOR = Address("0x" + "0e" * 20)
CHAIN_ID = 42161

amounts = st.integers(0, 2**64 - 1)

#: Caps that nothing which can be encoded exceeds.
BOUNDLESS = Policy(CHAIN_ID, EXECUTOR, max_fee_wei=2**64, max_gas=2**64)


@given(
    st.binary(min_size=32, max_size=32).filter(lambda key: 0 < int.from_bytes(key) < 2**255),
    st.builds(
        Unsigned,
        chain_id=st.just(CHAIN_ID),
        nonce=amounts,
        to=st.just(EXECUTOR),
        data=st.binary(max_size=300),
        gas_limit=amounts,
        max_fee_wei=amounts,
        tip_wei=st.just(0) | amounts,
    ).filter(lambda transaction: transaction.tip_wei <= transaction.max_fee_wei),
)
def test_sign__any_transaction__bytes_and_hash_are_those_of_eth_account(key: bytes, transaction: Unsigned) -> None:
    account = Account.from_key(key)
    expected = account.sign_transaction(
        {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": transaction.nonce,
            "to": bytes.fromhex(EXECUTOR[2:]),
            "value": 0,
            "data": transaction.data,
            "gas": transaction.gas_limit,
            "maxFeePerGas": transaction.max_fee_wei,
            "maxPriorityFeePerGas": transaction.tip_wei,
        }
    )

    raw, transaction_hash = LocalSigner(account, BOUNDLESS).sign_now(transaction)

    assert raw == bytes(expected.raw_transaction)
    assert transaction_hash == "0x" + bytes(expected.hash).hex()
    says, signature = parse(raw)
    assert says == transaction
    assert address_of(recover(digest_of(says.fields()), signature)) == account.address.lower()


POLICY = Policy(CHAIN_ID, EXECUTOR, max_fee_wei=10**10)
SIGNER = LocalSigner(Account.from_key(b"\x11" * 32), POLICY)
CALL = Unsigned(CHAIN_ID, 7, EXECUTOR, b"\x01", 300_000, 10**9, 0)


async def test_sign__what_does_nothing_to_the_own_account__is_signed() -> None:
    raw, _ = await SIGNER.sign(replace(CALL, to=SIGNER.address, data=b""))

    assert parse(raw)[0].to == SIGNER.address


@pytest.mark.parametrize(
    ("transaction", "words"),
    [
        (replace(CALL, chain_id=1), "only calls of the executor"),
        (replace(CALL, to=Address("0x" + "0f" * 20)), "only calls of the executor"),
        (replace(CALL, to=Address("0x" + "0f" * 20), data=b""), "only calls of the executor"),
        (replace(CALL, to=SIGNER.address), "only calls of the executor"),
        (replace(CALL, gas_limit=32_000_001), "a gas limit of 32000001 is above the cap of 32000000"),
        (replace(CALL, max_fee_wei=10**10 + 1), "10000000001 wei for gas is above the cap of 10000000000"),
        (replace(CALL, tip_wei=10**9 + 1), "the tip is above what gas may cost"),
    ],
)
async def test_sign__what_a_keeper_has_no_reason_to__is_refused(transaction: Unsigned, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        await SIGNER.sign(transaction)


def test_recover__high_s__is_refused() -> None:
    _, signature = parse(SIGNER.sign_now(CALL)[0])
    digest = digest_of(CALL.fields())
    order = 2 * HIGHEST_S + 1
    high = signature[:32] + (order - int.from_bytes(signature[32:64])).to_bytes(32) + bytes([1 - signature[64]])

    assert address_of(recover(digest, signature)) == SIGNER.address
    with pytest.raises(SignerError, match="high"):
        recover(digest, high)


@pytest.mark.parametrize("signature", [bytes(65), b"\x01" * 64 + b"\x05"])
def test_recover__no_signature_at_all__is_refused(signature: bytes) -> None:
    with pytest.raises(SignerError, match="not one of any key"):
        recover(b"\x01" * 32, signature)


@pytest.mark.parametrize(
    "alter",
    [
        lambda fields: [*fields[:6], 1, *fields[7:]],  # with value
        lambda fields: [*fields[:8], [[b"\x01" * 20, []]], *fields[9:]],  # with an access list
        lambda fields: [*fields[:5], b"", *fields[6:]],  # makes a contract
        lambda fields: fields[:-1],
    ],
)
def test_parse__another_transaction__is_refused(alter: Callable[[list[Any]], list[Any]]) -> None:
    fields = rlp.decode(SIGNER.sign_now(CALL)[0][1:])

    with pytest.raises(SignerError, match="no transaction of type 2"):
        parse(b"\x02" + rlp.encode(alter(list(fields))))


@pytest.mark.parametrize("body", [b"\xc0" * 9, rlp.encode([[b"a"]] * 12), b"\xc1" * 5_000, b""])
def test_parse__lists_where_bytes_must_be__is_refused(body: bytes) -> None:
    with pytest.raises(SignerError, match="no transaction of type 2"):
        parse(b"\x02" + body)


def test_parse__other_type__is_refused() -> None:
    with pytest.raises(SignerError, match="no transaction of type 2"):
        parse(b"\x03" + SIGNER.sign_now(CALL)[0][1:])
