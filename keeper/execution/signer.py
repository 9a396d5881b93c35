"""
Signs, and refuses to sign what a keeper never has reason to sign.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import rlp
from coincurve import PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from keeper.errors import ConfigError
from keeper.types import Address, Hash

#: What goes before the fields of a transaction with a tip and a cap (EIP-1559).
_TYPE = b"\x02"


@dataclass(frozen=True, slots=True)
class Unsigned:
    """
    A transaction of type 2 without value.
    """

    chain_id: int
    nonce: int
    to: Address
    data: bytes
    gas_limit: int
    max_fee_wei: int
    tip_wei: int


class Signer(Protocol):
    """Whoever holds an operator's key."""

    @property
    def address(self) -> Address: ...

    def sign(self, transaction: Unsigned) -> tuple[bytes, Hash]:
        """Return the signed bytes and their hash."""
        ...


class LocalSigner:
    """
    Signs with a key in memory, to one contract on one chain only.

    The bytes are those of eth-account, without its checks of whatever else a transaction could be, which take longer.
    """

    def __init__(self, account: LocalAccount, chain_id: int, executor: Address) -> None:
        self._address = Address(account.address.lower())
        self._key = PrivateKey(bytes(account.key))
        self._chain_id = chain_id
        self._executor = executor

    @property
    def address(self) -> Address:
        return self._address

    def sign(self, transaction: Unsigned) -> tuple[bytes, Hash]:
        if (transaction.chain_id, transaction.to) != (self._chain_id, self._executor):
            raise ConfigError("signer: only calls of the executor on its own chain are signed")
        fields = [
            transaction.chain_id,
            transaction.nonce,
            transaction.tip_wei,
            transaction.max_fee_wei,
            transaction.gas_limit,
            bytes.fromhex(transaction.to[2:]),
            0,  # value
            transaction.data,
            [],  # access list
        ]
        signature = self._key.sign_recoverable(keccak(_TYPE + rlp.encode(fields)), hasher=None)
        r, s, y_parity = signature[:32], signature[32:64], signature[64]
        raw = _TYPE + rlp.encode([*fields, y_parity, int.from_bytes(r), int.from_bytes(s)])
        return raw, Hash("0x" + keccak(raw).hex())


def open_keystore(path: Path, passphrase: str) -> LocalAccount:
    """
    Return the account of a keystore file (version 3).

    Raises:
        ConfigError: The file is missing or is not a keystore, or the passphrase is wrong.
    """
    try:
        keystore = json.loads(path.read_text())
        key = Account.decrypt(keystore if isinstance(keystore, dict) else {}, passphrase)
    except OSError:
        raise ConfigError(f"key file {path.name} cannot be read") from None
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise ConfigError(f"wrong passphrase for key file {path.name}") from None
        raise ConfigError(f"{path.name} is not a keystore file") from None
    except (KeyError, TypeError, NotImplementedError):
        raise ConfigError(f"{path.name} is not a keystore file") from None
    account: LocalAccount = Account.from_key(key)
    return account
