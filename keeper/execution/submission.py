"""
Sending signed bytes, and what a node's refusal means for them.
"""

from enum import StrEnum

from keeper.chain.rpc import Rpc
from keeper.errors import RpcError


class Submission(StrEnum):
    """What is known after an attempt to send."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # the bytes cannot have been taken and will not be
    UNKNOWN = "unknown"  # they may have been taken: only the chain can tell


#: Words by which nodes refuse for good. "nonce too low" is not one of them: it may be our own bytes that used it.
_REFUSALS = (
    "insufficient funds",
    "intrinsic gas too low",
    "max fee per gas less than block base fee",
    "exceeds block gas limit",
    "invalid chain id",
    "invalid sender",
    "tip higher than fee cap",
    "oversized data",
)

_TAKEN = ("already known", "already imported", "transaction already in mempool")


async def send(rpc: Rpc, raw: bytes) -> tuple[Submission, str]:
    """
    Send signed bytes and return what is known then, with the node's words where it refused.
    """
    try:
        await rpc("eth_sendRawTransaction", "0x" + raw.hex())
    except RpcError as error:
        return classify(str(error)), str(error)
    return Submission.ACCEPTED, ""


def classify(message: str) -> Submission:
    """
    Return what an error message of a node means for the bytes that were sent.
    """
    text = message.lower()
    if any(words in text for words in _TAKEN):
        return Submission.ACCEPTED
    if any(words in text for words in _REFUSALS):
        return Submission.REFUSED
    return Submission.UNKNOWN
