"""
What a receipt says of a transaction of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keeper.errors import ChainError
from keeper.journal import Amounts, SignedTransaction, State
from keeper.types import Address, Hash

#: As nodes give it.
Receipt = Mapping[str, Any]

_TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

#: Where a receipt is of a block that does not exist yet.
_NO_BLOCK = "0x" + "00" * 32


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became of a transaction.

    Attributes:
        state: SOFT, REVERTED or DROPPED.
        gains: What the treasury received of each token that the transaction was to gain, in smallest units.
        gas_wei: What was paid for it, all of it.
        position: Block number and index in the block.
        gas_used: What it took, that for its L1 data included.
    """

    transaction: SignedTransaction
    state: State
    gains: Amounts = ()
    gas_wei: int = 0
    position: tuple[int, int] = (0, 0)
    gas_used: int = 0

    @property
    def as_predicted(self) -> bool:
        """Whether it brought what it was to bring, to the smallest unit."""
        return self.gains == self.transaction.predicted

    @property
    def filled_a_gap(self) -> bool:
        """Whether it was there for its nonce only."""
        return not self.transaction.routes


def gist_of(receipt: Any) -> tuple[str, bool, int] | None:
    """
    Return what honest nodes tell alike of a receipt (hash of the block, success, gas), or None if it does not say.
    """
    try:
        return str(receipt["blockHash"]).lower(), int(receipt["status"], 16) == 1, int(receipt["gasUsed"], 16)
    except (KeyError, TypeError, ValueError):
        return None


def block_of(receipt: Receipt) -> tuple[Hash, int] | None:
    """
    Return hash and number of the block that a receipt is of, or None if that block does not exist yet.

    Raises:
        ChainError: The receipt does not say.
    """
    try:
        block_hash = receipt["blockHash"] or _NO_BLOCK
        if not isinstance(block_hash, str):
            raise TypeError
        return None if block_hash == _NO_BLOCK else (Hash(block_hash), int(receipt["blockNumber"], 16))
    except (KeyError, TypeError, ValueError):
        raise ChainError("the node's receipt does not say of which block it is") from None


def outcome_of(transaction: SignedTransaction, receipt: Receipt, recipient: Address, treasury: Address) -> Outcome:
    """
    Args:
        recipient: The contract that the signed bytes call.
        treasury: Whom it pays.

    Raises:
        ChainError: The receipt is malformed, or is not this transaction's.
    """
    try:
        found = tuple(str(receipt[name]).lower() for name in ("transactionHash", "from", "to"))
        if found != (transaction.hash, transaction.sender, recipient):
            raise ChainError(f"the node's receipt of {transaction.hash} is of another transaction")
        return Outcome(
            transaction,
            State.SOFT if int(receipt["status"], 16) == 1 else State.REVERTED,
            gains=tuple(
                (token, _received(receipt["logs"], token, recipient, treasury)) for token, _ in transaction.predicted
            ),
            gas_wei=int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16),
            position=(int(receipt["blockNumber"], 16), int(receipt["transactionIndex"], 16)),
            gas_used=int(receipt["gasUsed"], 16),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ChainError(f"the node's receipt of {transaction.hash} is malformed") from None


def _received(logs: list[Mapping[str, Any]], token: Address, sender: Address, receiver: Address) -> int:
    """What *receiver* got of *token* from *sender* according to the transaction's logs, in smallest units."""
    wanted = [_TRANSFER, _topic(sender), _topic(receiver)]
    return sum(int(log["data"], 16) for log in logs if log["address"].lower() == token and log["topics"] == wanted)


def _topic(address: Address) -> str:
    return "0x" + address[2:].rjust(64, "0")
