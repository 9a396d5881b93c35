"""
A signature here is eth-account's, byte for byte.
"""

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from keeper.errors import ConfigError
from keeper.execution.signer import LocalSigner, Unsigned
from keeper.types import Address

EXECUTOR = Address("0x" + "0e" * 20)
CHAIN_ID = 42161

amounts = st.integers(0, 2**64 - 1)


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
    ),
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

    raw, transaction_hash = LocalSigner(account, CHAIN_ID, EXECUTOR).sign(transaction)

    assert raw == bytes(expected.raw_transaction)
    assert transaction_hash == "0x" + bytes(expected.hash).hex()


@pytest.mark.parametrize(("chain_id", "to"), [(1, EXECUTOR), (CHAIN_ID, Address("0x" + "0f" * 20))])
def test_sign__another_chain_or_contract__is_refused(chain_id: int, to: Address) -> None:
    signer = LocalSigner(Account.from_key(b"\x11" * 32), CHAIN_ID, EXECUTOR)

    with pytest.raises(ConfigError, match="only calls of the executor"):
        signer.sign(Unsigned(chain_id, 0, to, b"", 1, 1, 0))
