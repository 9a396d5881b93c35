"""
A block's logs as a node told them, put in order or refused.
"""

from collections.abc import Iterable, Sequence

from keeper.chain.bloom import Log, bloom_of
from keeper.errors import Unproved
from keeper.types import Block


def in_order(logs: Sequence[Log], block: Block) -> list[Log]:
    """
    Return the logs of *block* in chain order, each once.

    Raises:
        Unproved: They are no logs, of another block, taken back, or two different ones claim one place.
    """
    try:
        indices = [int(log["logIndex"], 16) for log in logs]
        # by which others are told from ours
        _ = [int(log["transactionIndex"], 16) for log in logs]
        if not {str}.issuperset([type(text) for log in logs for text in (log["address"], *log["topics"])]):
            raise TypeError
        if not {block.hash}.issuperset([log["blockHash"] for log in logs]):
            raise Unproved(f"the node's logs of block {block.number} are of another block")
        if any(log.get("removed") for log in logs):
            raise Unproved(f"the node says that logs of block {block.number} were taken back")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unproved(f"the node's logs of block {block.number} are malformed") from None
    placed = dict(zip(indices, logs, strict=True))
    if len(placed) < len(logs):
        for index, log in zip(indices, logs, strict=True):
            if placed[index] != log:
                raise Unproved(f"the node has two logs {index} of block {block.number}")
    return [placed[index] for index in sorted(placed)]


def require_held(logs: Iterable[Log], block: Block) -> None:
    """
    Raises:
        Unproved: A log is not one that the block's header knows of.
    """
    try:
        strange = block.logs_bloom is not None and bloom_of(logs) & ~block.logs_bloom
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unproved(f"the node's logs of block {block.number} are malformed") from None
    if strange:
        raise Unproved(f"the node's logs of block {block.number} are not in the bloom filter of its header")


def require_complete(logs: Sequence[Log], block: Block) -> None:
    """
    Require that *logs*, in order, are all logs of the block, of whatever contract and topic.

    Raises:
        Unproved: Some were withheld.
    """
    try:
        contiguous = [int(log["logIndex"], 16) for log in logs] == list(range(len(logs)))
        complete = contiguous and bloom_of(logs) == block.logs_bloom
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unproved(f"the node's logs of block {block.number} are malformed") from None
    if not complete:
        raise Unproved(
            f"the node's logs of block {block.number} are not all that its header's bloom filter tells of"
            " (bloom_check = false if the node has no such filters)"
        )
