"""
Signs, and refuses to sign what a keeper never has reason to sign.
"""

from dataclasses import dataclass
from typing import Protocol

from coincurve import PrivateKey
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from keeper.errors import PolicyError, SignerError
from keeper.execution.wire import Unsigned, assembled, digest_of, recover
from keeper.gas import MOST_GAS
from keeper.types import Address, Hash


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What may be signed: calls of one contract on one chain, and transactions to the key's own account that do nothing.

    Value there is none: what is signed has no place for it.

    Attributes:
        max_fee_wei: The highest cap of the price of gas.
        max_gas: The highest gas limit.
    """

    chain_id: int
    executor: Address
    max_fee_wei: int
    max_gas: int = MOST_GAS

    def check(self, transaction: Unsigned, sender: Address) -> None:
        """
        Raises:
            PolicyError: The transaction is none of those.
        """
        does_nothing = transaction.to == sender and not transaction.data
        if transaction.chain_id != self.chain_id or not (transaction.to == self.executor or does_nothing):
            raise PolicyError("signer: only calls of the executor on its own chain are signed, and what does nothing")
        if transaction.gas_limit > self.max_gas:
            raise PolicyError(f"signer: a gas limit of {transaction.gas_limit} is above the cap of {self.max_gas}")
        if transaction.max_fee_wei > self.max_fee_wei:
            raise PolicyError(f"signer: {transaction.max_fee_wei} wei for gas is above the cap of {self.max_fee_wei}")
        if transaction.tip_wei > transaction.max_fee_wei:
            raise PolicyError("signer: the tip is above what gas may cost with it")


class Signer(Protocol):
    """Whoever holds an operator's key."""

    @property
    def address(self) -> Address: ...

    async def sign(self, transaction: Unsigned) -> tuple[bytes, Hash]:
        """
        Return the signed bytes and their hash.

        Raises:
            PolicyError: A keeper has no reason to sign this.
            SignerError: It was not signed, or not with the right key.
        """
        ...


class LocalSigner:
    """
    Signs with a key in memory.
    """

    def __init__(self, account: LocalAccount, policy: Policy) -> None:
        self._address = Address(account.address.lower())
        self._key = PrivateKey(bytes(account.key))
        self._public_key = self._key.public_key.format(compressed=False)
        self._policy = policy

    @property
    def address(self) -> Address:
        return self._address

    async def sign(self, transaction: Unsigned) -> tuple[bytes, Hash]:
        return self.sign_now(transaction)

    def sign_now(self, transaction: Unsigned) -> tuple[bytes, Hash]:
        """
        Sign without waiting for anybody.
        """
        self._policy.check(transaction, self._address)
        fields = transaction.fields()
        digest = digest_of(fields)
        signature = self._key.sign_recoverable(digest, hasher=None)
        # A bit that flips in memory makes bytes that nobody takes, or that somebody else seems to have signed.
        if recover(digest, signature) != self._public_key:
            raise SignerError(f"signer: the signature is not by the key of {self._address}")
        return assembled(fields, signature)


class ControllerKey:
    """
    Signs for the express lane that a transaction comes from who holds it (EIP-191).
    """

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    def sign(self, message: bytes) -> bytes:
        """
        Return r, s, and 27 or 28, in 65 bytes.
        """
        return bytes(self._account.sign_message(encode_defunct(message)).signature)
