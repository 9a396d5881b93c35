"""
Gas for the operators, from an account that does nothing else: it sends a set amount to them alone, within a daily cap.

What it signs is on disk before it leaves, and the same bytes are sent again until its nonce is used: no top-up is paid
twice, in whichever moment the keeper dies. The record is what the cap is counted by.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from keeper.chain.answers import quantity
from keeper.chain.rpc import Rpc
from keeper.config import Settings
from keeper.errors import ConfigError, JournalError, RpcError
from keeper.types import Address, Hash

_log = structlog.get_logger("funder")

_DAY = 86_400.0

#: The record of all that was signed, in the state directory.
FILE = "topups.jsonl"

#: What a transfer may take of the amount at most.
_MOST_GAS_SHARE = 10


class TopUp(StrEnum):
    """What came of a request."""

    SENT = "sent"
    WAITS = "waits"  # the one before it is not in a block yet
    CAPPED = "capped"  # the day's amount is spent
    EMPTY = "empty"  # the funder has too little itself
    DEAR = "dear"  # gas would take too large a part of it


@dataclass(frozen=True, slots=True)
class Transfer:
    """
    A signed top-up, as the record has it.

    Attributes:
        at: Unix second.
        raw: The signed bytes, as hex.
    """

    at: float
    operator: Address
    wei: int
    nonce: int
    hash: Hash
    raw: str


class Funder:
    """
    Sends one top-up after the other.
    """

    def __init__(
        self,
        rpc: Rpc,
        account: LocalAccount,
        chain_id: int,
        operators: frozenset[Address],
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            operators: The only accounts that anything is ever signed for.

        Raises:
            ConfigError: The account is an operator's itself, or its record cannot be understood.
        """
        self.address = Address(account.address.lower())
        if self.address in operators:
            raise ConfigError(f"the funder {self.address} is an operator: two writers would use its nonces")
        self._rpc, self._account, self._chain_id, self._operators = rpc, account, chain_id, operators
        self._amount_wei, self._daily_wei = settings.topup_wei, settings.topup_daily_wei
        self._max_fee_wei, self._clock = settings.max_base_fee_wei, clock
        self._path = settings.state_dir / FILE
        self._transfers = list(_read(self._path))

    @property
    def spent_today_wei(self) -> int:
        """What was signed within a day."""
        now = self._clock()
        return sum(transfer.wei for transfer in self._transfers if now - transfer.at < _DAY)

    async def top_up(self, operator: Address, base_fee_wei: int) -> TopUp:
        """
        Send an operator the set amount, unless a reason against it is found.

        Raises:
            ConfigError: The account is none of the operators.
            JournalError: The record cannot be written; nothing was sent then.
            RpcError: A node failed.
        """
        if operator not in self._operators:
            raise ConfigError(f"funder: {operator} is none of the operators")
        nonce = quantity(await self._rpc("eth_getTransactionCount", self.address, "latest"), "nonce")
        if self._transfers and self._transfers[-1].nonce >= nonce:
            await self._send(self._transfers[-1])
            return TopUp.WAITS
        if self.spent_today_wei + self._amount_wei > self._daily_wei:
            return TopUp.CAPPED
        fee_wei = min(2 * base_fee_wei, self._max_fee_wei)
        request = {"from": self.address, "to": operator, "value": hex(self._amount_wei)}
        balance_wei = quantity(await self._rpc("eth_getBalance", self.address, "latest"), "balance of the funder")
        if balance_wei < self._amount_wei:
            return TopUp.EMPTY
        gas = quantity(await self._rpc("eth_estimateGas", request, "latest"), "estimate of gas") * 13 // 10
        if gas * fee_wei > self._amount_wei // _MOST_GAS_SHARE:
            return TopUp.DEAR
        if balance_wei < self._amount_wei + gas * fee_wei:
            return TopUp.EMPTY
        transfer = self._sign(operator, nonce, gas, fee_wei)
        self._write(transfer)
        await self._send(transfer)
        return TopUp.SENT

    def _sign(self, operator: Address, nonce: int, gas: int, fee_wei: int) -> Transfer:
        signed = self._account.sign_transaction(
            {
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": bytes.fromhex(operator[2:]),
                "value": self._amount_wei,
                "gas": gas,
                "maxFeePerGas": fee_wei,
                "maxPriorityFeePerGas": 0,
                "data": b"",
            }
        )
        transaction_hash = Hash("0x" + signed.hash.hex())
        raw = "0x" + signed.raw_transaction.hex()
        return Transfer(self._clock(), operator, self._amount_wei, nonce, transaction_hash, raw)

    def _write(self, transfer: Transfer) -> None:
        try:
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(transfer)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise JournalError(f"{self._path.name} cannot be written: {error.strerror}") from None
        self._transfers.append(transfer)

    async def _send(self, transfer: Transfer) -> None:
        try:
            await self._rpc("eth_sendRawTransaction", transfer.raw)
        except RpcError as error:
            # Whatever became of it: its nonce tells at the next request.
            _log.warning("topup_not_taken", hash=transfer.hash, reason=str(error))
            return
        _log.info("topup_sent", hash=transfer.hash, operator=transfer.operator, wei=transfer.wei)


def _read(path: Path) -> Iterator[Transfer]:
    try:
        text = path.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            # It was being written when the keeper died, and was never sent.
            os.truncate(path, len(whole.encode()))
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"{path.name} is not a record of top-ups: it is no text") from None
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            yield _transfer(json.loads(line))
        except (ValueError, TypeError, KeyError):
            raise ConfigError(f"{path.name}, line {number}, is not a record of a top-up") from None


def _transfer(fields: Mapping[str, Any]) -> Transfer:
    return Transfer(
        float(fields["at"]),
        Address(fields["operator"]),
        int(fields["wei"]),
        int(fields["nonce"]),
        Hash(fields["hash"]),
        str(fields["raw"]),
    )
