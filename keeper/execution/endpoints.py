"""
Places that take signed bytes, each in its own words.

The formats: ``eth_sendRawTransaction`` (Ethereum JSON-RPC), ``...Sync`` (EIP-7966), ``...Conditional`` (Arbitrum's
``txoptions.go``), ``timeboost_sendExpressLaneTransaction`` (Arbitrum's "How to use Timeboost"), ``eth_sendBundle``
(Flashbots). ``timeboost_sendBundle`` is a vendor's, of whose format only what its users send is known.
"""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from eth_utils.crypto import keccak

from keeper.errors import RpcError, SubmissionError
from keeper.execution.receipts import Receipt
from keeper.execution.signer import ControllerKey
from keeper.journal import SignedTransaction
from keeper.types import Address

#: Sends a JSON-RPC request, as ``chain.rpc.Rpc`` and ``chain.endpoint.Endpoint`` do.
Ask = Callable[..., Awaitable[Any]]

#: How long a node is to wait for a receipt: longer than a few blocks there is no use in waiting.
SYNC_MILLISECONDS = 2_000

_HASH = re.compile(r"0[xX][0-9a-fA-F]{64}")

_LANE_DOMAIN = b"TIMEBOOST_BID"
#: Of the express lane's transactions, those without a place in the controller's own order.
_ANY_SEQUENCE_NUMBER = 2**64 - 1


class SubmissionEndpoint(Protocol):
    """
    Takes signed bytes.

    Attributes:
        name: What it is and where, fit to be shown.
    """

    @property
    def name(self) -> str: ...

    async def submit(self, transaction: SignedTransaction) -> Receipt | None:
        """
        Offer the bytes; return the receipt, where they have been executed already.

        Raises:
            RpcError: They were not taken, or it is not known whether they were.
            SubmissionError: The answer is about other bytes.
        """
        ...


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _require_hash(transaction: SignedTransaction, answered: object, name: str) -> None:
    if not (isinstance(answered, str) and _HASH.fullmatch(answered)):
        raise RpcError(f"{name} answered without a transaction hash")
    if answered.lower() != transaction.hash:
        raise SubmissionError(f"{name} took {transaction.hash} and answered with the hash {answered}")


@dataclass(frozen=True, slots=True)
class RawEndpoint:
    """``eth_sendRawTransaction``: of a node, or of the sequencer itself."""

    name: str
    ask: Ask

    async def submit(self, transaction: SignedTransaction) -> None:
        answered = await self.ask("eth_sendRawTransaction", _hex(transaction.raw))
        _require_hash(transaction, answered, self.name)


@dataclass(frozen=True, slots=True)
class SyncEndpoint:
    """``eth_sendRawTransactionSync``: answers with the receipt."""

    name: str
    ask: Ask
    milliseconds: int = SYNC_MILLISECONDS

    async def submit(self, transaction: SignedTransaction) -> Receipt | None:
        answered = await self.ask("eth_sendRawTransactionSync", _hex(transaction.raw), hex(self.milliseconds))
        if not isinstance(answered, dict):
            _require_hash(transaction, answered, self.name)
            return None
        _require_hash(transaction, answered.get("transactionHash"), self.name)
        return answered


@dataclass(frozen=True, slots=True)
class ConditionalEndpoint:
    """``eth_sendRawTransactionConditional``: not executed after its deadline, at no cost."""

    name: str
    ask: Ask

    async def submit(self, transaction: SignedTransaction) -> None:
        conditions = {"timestampMax": hex(transaction.deadline)}
        answered = await self.ask("eth_sendRawTransactionConditional", _hex(transaction.raw), conditions)
        _require_hash(transaction, answered, self.name)


@dataclass(frozen=True, slots=True)
class Lane:
    """
    The express lane of a chain.

    Attributes:
        auction: The contract that sells it.
        offset_seconds: When its first round began, by Unix time.
    """

    chain_id: int
    auction: Address
    offset_seconds: int
    round_seconds: int

    def round_at(self, seconds: float) -> int:
        """Return the round at a Unix time."""
        return int(seconds - self.offset_seconds) // self.round_seconds

    def message(self, round_number: int, raw: bytes) -> bytes:
        """Return what the controller signs."""
        return b"".join(
            (
                keccak(_LANE_DOMAIN),
                self.chain_id.to_bytes(32),
                bytes.fromhex(self.auction[2:]),
                round_number.to_bytes(8),
                _ANY_SEQUENCE_NUMBER.to_bytes(8),
                raw,
            )
        )


@dataclass(frozen=True, slots=True)
class ExpressLaneEndpoint:
    """
    ``timeboost_sendExpressLaneTransaction``: for whoever bought the round.

    Attributes:
        clock: Unix time.
    """

    name: str
    ask: Ask
    lane: Lane
    controller: ControllerKey
    clock: Callable[[], float] = time.time

    async def submit(self, transaction: SignedTransaction) -> None:
        round_number = self.lane.round_at(self.clock())
        signature = self.controller.sign(self.lane.message(round_number, transaction.raw))
        await self.ask(
            "timeboost_sendExpressLaneTransaction",
            {
                "chainId": hex(self.lane.chain_id),
                "round": hex(round_number),
                "auctionContractAddress": self.lane.auction,
                "sequenceNumber": hex(_ANY_SEQUENCE_NUMBER),
                "transaction": _hex(transaction.raw),
                "options": {},
                "signature": _hex(signature),
            },
        )


@dataclass(frozen=True, slots=True)
class BundleEndpoint:
    """``eth_sendBundle``: for the block after the one that the plan is of."""

    name: str
    ask: Ask

    async def submit(self, transaction: SignedTransaction) -> None:
        await self.ask(
            "eth_sendBundle",
            {
                "txs": [_hex(transaction.raw)],
                "blockNumber": hex(transaction.block_number + 1),
                "maxTimestamp": transaction.deadline,
            },
        )


@dataclass(frozen=True, slots=True)
class TimeboostBundleEndpoint:
    """``timeboost_sendBundle``: of who sells places in the express lane."""

    name: str
    ask: Ask

    async def submit(self, transaction: SignedTransaction) -> None:
        await self.ask("timeboost_sendBundle", {"txs": [_hex(transaction.raw)]})
