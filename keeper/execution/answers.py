"""
What a node's answer to sent bytes means for them: the one table of errors.

Words count before codes, for a code means something else with every vendor; of the words, the first row that fits.
"""

from dataclasses import dataclass
from enum import StrEnum

from keeper.errors import RateLimited, RpcError


class Submission(StrEnum):
    """What is known after an attempt to send."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # the bytes were not taken and will not be: their nonce is free
    RETRY = "retry later"  # they were not taken, and may be a little later
    UNKNOWN = "unknown"  # they may have been taken: only the chain can tell


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A kind of answer.

    Attributes:
        name: For counting.
        words: What its message has in it, in lower case; any of them.
        code: Its code, where no words tell; None for any.
    """

    name: str
    means: Submission
    words: tuple[str, ...] = ()
    code: int | None = None


UNDERPRICED = "replacement underpriced"

_TAKEN, _REFUSED, _RETRY, _UNKNOWN = Submission.ACCEPTED, Submission.REFUSED, Submission.RETRY, Submission.UNKNOWN

ANSWERS = (
    Answer("already known", _TAKEN, ("already known", "already imported", "known transaction", "already in mempool")),
    # EIP-7966: taken, but in no block in the time it was waited for.
    Answer("not included in time", _TAKEN, ("was added to the mempool but wasn't processed in",)),
    # Our own bytes may have used it, or a sibling, or a stranger: the resolver asks.
    Answer("nonce too low", _UNKNOWN, ("nonce too low",)),
    # What was before it is not there: the sequencer waited a second for it and gave up.
    Answer("nonce too high", _RETRY, ("nonce too high", "nonce gap", "missing nonce")),
    # The sequencer's queue took longer than it waits; what it says about execution is not relied on.
    Answer("deadline exceeded", _UNKNOWN, ("context deadline exceeded",)),
    Answer("fee below base fee", _REFUSED, ("max fee per gas less than block base fee",)),
    # Its L1 part grew beyond the limit, or it never had room.
    Answer("intrinsic gas too low", _REFUSED, ("intrinsic gas too low",)),
    Answer("insufficient funds", _REFUSED, ("insufficient funds",)),
    # Another of ours has the nonce in the node's pool: that one is in the journal, this one was not taken.
    Answer(UNDERPRICED, _REFUSED, ("replacement transaction underpriced", "transaction underpriced")),
    Answer("gas limit too high", _REFUSED, ("exceeds block gas limit", "gas limit too high")),
    Answer(
        "malformed",
        _REFUSED,
        (
            *("invalid chain id", "invalid sender", "tip higher than fee cap", "oversized data", "rlp:"),
            *("max priority fee per gas higher than max fee per gas", "transaction type not supported"),
        ),
    ),
    Answer("filtered", _REFUSED, ("filtered address", "transaction filter", "cascading redeem filter")),
    Answer(
        "sequencer unavailable",
        _RETRY,
        ("sequencer temporarily not available", "sequencer is not the chosen sequencer", "not the chosen sequencer"),
    ),
    # The connection was never made, so that nothing can have been taken.
    Answer("connection refused", _RETRY, ("cannot connect to host",)),
    # The express lane's own, none of which uses up a sequence number.
    Answer("express lane: too early or full", _RETRY, ("sequence number has reached max allowed limit",)),
    Answer(
        "express lane: refused",
        _REFUSED,
        (
            *("malformed_data", "wrong_chain_id", "wrong_signature", "wrong_auction_contract", "bad_round_number"),
            *("not_express_lane_controller", "no_onchain_controller"),
            *("sequence_number_already_seen", "sequence_number_too_low"),
        ),
    ),
    # Taken into the lane, and what came of it there is not said.
    Answer("express lane: failed", _UNKNOWN, ("accepted timeboost tx failed",)),
    # What a conditional transaction was to be conditional on does not hold.
    Answer("condition not met", _REFUSED, code=-32003),
    Answer("too many conditional", _RETRY, code=-32012),
    Answer("limit", _RETRY, code=-32005),
    # EIP-7966: not ready, by the words of one node taken all the same.
    Answer("not ready", _UNKNOWN, code=5),
    Answer("not included in time", _TAKEN, code=4),
    Answer("nonce too high", _RETRY, code=6),
    Answer("method not found", _REFUSED, code=-32601),
)

#: Names of answers by whoever has the bytes.
TAKEN = frozenset({str(_TAKEN), *(answer.name for answer in ANSWERS if answer.means is _TAKEN)})

_RATE_LIMITED = Answer("limit", _RETRY)
_NO_ANSWER = Answer("no answer", _UNKNOWN)
_OTHER = Answer("other", _UNKNOWN)


def classify(error: RpcError) -> Answer:
    """
    Return which kind of answer an error is. What the table does not know may have been taken.
    """
    text = str(error).lower()
    for answer in ANSWERS:
        if any(words in text for words in answer.words) or (answer.code is not None and answer.code == error.code):
            return answer
    if isinstance(error, RateLimited):
        return _RATE_LIMITED
    return _NO_ANSWER if error.code is None else _OTHER
