"""
A block's logs as a node told them, put in order or refused.
"""

from collections.abc import Iterable, Sequence

from keeper.chain.bloom import Log, bloom_of
from keeper.errors import Unproved
from keeper.types import Block


def in_order(logs: Iterable[Log], block: Block) -> list[Log]:
    """
    Return the logs of *block* in chain order, each once.

    Raises:
        Unproved: They are no logs, of another block, taken back, or two different ones claim one place.
    """
    placed: dict[int, Log] = {}
    try:
        for log in logs:
            if log["blockHash"] != block.hash:
                raise Unproved(f"the node's logs of block {block.number} are of another block")
            if log.get("removed"):
                raise Unproved(f"the node says that logs of block {block.number} were taken back")
            index = int(log["logIndex"], 16)
            int(log["transactionIndex"], 16)  # by which others are told from ours
            if not all(isinstance(text, str) for text in (log["address"], *log["topics"])):
                raise TypeError
            if placed.setdefault(index, log) != log:
                raise Unproved(f"the node has two logs {index} of block {block.number}")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unproved(f"the node's logs of block {block.number} are malformed") from None
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
