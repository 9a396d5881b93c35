"""
The priority gas auction: places in a block by what is bid for a unit of gas, round by round.

As Nitro's sequencer does it (``execution/gethexec/pga_tx_orderer.go``): all that arrives in a round is taken together,
the highest tip first and of equal ones the earlier; a transaction whose predecessor of the same sender is in the round
waits for it, and then takes its place by its own tip. Later rounds come after earlier ones. anvil can only sort by
``maxFeePerGas``: so it is left to keep the order of arrival, and what waits is handed to it again in the right one.

The boost that Nitro gives to what waits from round to round is not here: no block of the localnet is ever full.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from localnet.rpc import Rpc

#: In a block, by default: 125 ms each.
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    A transaction that is in no block yet.

    Attributes:
        tip_wei: What it pays for a unit of gas beyond the base fee.
        round: In which it arrived.
    """

    hash: str
    sender: str
    nonce: int
    tip_wei: int
    round: int


def ordered(arrived: Sequence[Waiting]) -> list[Waiting]:
    """
    Return the transactions in the order of the auction; *arrived* is in the order of arrival.
    """
    queues: Mapping[str, list[tuple[int, Waiting]]] = defaultdict(list)
    for place, transaction in enumerate(arrived):
        queues[transaction.sender].append((place, transaction))
    for queue in queues.values():
        queue.sort(key=lambda item: item[1].nonce)
    done: list[Waiting] = []
    while heads := [(name, *queue[0]) for name, queue in queues.items() if queue]:
        # A later round's transaction does not come before an earlier one's, but a parked one may have arrived early.
        now = min(transaction.round for _, _, transaction in heads)
        name, _, transaction = min(
            (head for head in heads if head[2].round == now), key=lambda head: (-head[2].tip_wei, head[1])
        )
        done.append(transaction)
        queues[name].pop(0)
    return done


class Auction:
    """
    Arranges what waits at a node that keeps the order of arrival.
    """

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._rounds = count()
        self._arrived: dict[str, Waiting] = {}

    def close_round(self) -> None:
        """
        What has arrived since the last round was closed belongs to the one that ends now.
        """
        block = self._rpc("eth_getBlockByNumber", "pending", True)
        base_fee_wei = int(block["baseFeePerGas"], 16)
        number = next(self._rounds)
        before, self._arrived = self._arrived, {}
        for transaction in block["transactions"]:
            name = transaction["hash"]
            self._arrived[name] = before.get(name) or Waiting(
                name, transaction["from"], int(transaction["nonce"], 16), _tip_wei(transaction, base_fee_wei), number
            )

    def arrange(self) -> None:
        """
        Have all that arrived in the closed rounds executed in the order of the auction.

        What arrived since is of the next round, though it may come into the same block: after the others.
        """
        arrived = list(self._arrived.values())
        wanted = ordered(arrived)
        self._arrived = {}
        if wanted != arrived:
            self._hand_in_again([transaction.hash for transaction in wanted])

    def _hand_in_again(self, hashes: Sequence[str]) -> None:
        raw = [self._rpc("eth_getRawTransactionByHash", name) for name in hashes]
        for name in hashes:
            self._rpc("anvil_dropTransaction", name)
        for signed in raw:
            self._rpc("eth_sendRawTransaction", signed)


def _tip_wei(transaction: Mapping[str, str], base_fee_wei: int) -> int:
    most = int(transaction.get("maxFeePerGas") or transaction["gasPrice"], 16)
    tip = int(transaction.get("maxPriorityFeePerGas") or transaction["gasPrice"], 16)
    return min(tip, most - base_fee_wei)
