"""
The sequencer: a block every 250 ms at Arbitrum's fee floor, with the wall clock's timestamp.
"""

import logging
import time

from localnet.actor import Actor
from localnet.auction import Auction
from localnet.errors import LocalnetError
from localnet.node import BASE_FEE_WEI
from localnet.rpc import Rpc

_LOG = logging.getLogger(__name__)
#: How often automine looks for waiting transactions.
_POLL_SECONDS = 0.005


def mine(rpc: Rpc) -> None:
    """
    Mine one block at the floor of the base fee.

    anvil lowers the base fee of idle blocks without a floor, and a set value holds for one block: it is set before this
    block in case somebody else mined the last one, and after it so that pending prices are right.
    """
    rpc("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE_WEI))
    rpc("evm_mine")
    rpc("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE_WEI))


class Sequencer(Actor):
    """
    Mines.

    Args:
        url: The node.
        block_seconds: Time from block to block; None mines as soon as a transaction waits.
        rounds: Of the priority gas auction in a block; 0 for none: first come, first served.
    """

    def __init__(self, url: str, block_seconds: float | None, rounds: int = 0) -> None:
        super().__init__(url, "sequencer")
        self._auction = Auction(self._rpc) if rounds else None
        self._rounds = max(rounds, 1)
        self._block_seconds = block_seconds

    @property
    def running(self) -> bool:
        """Whether blocks are being mined; False after the node has gone."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            if self._block_seconds is None:
                self._mine_on_demand()
            else:
                self._mine_on_schedule(self._block_seconds)
        except LocalnetError as error:
            if not self._stopping.is_set():
                _LOG.error("sequencer stopped: %s", error)

    def _mine_on_schedule(self, block_seconds: float) -> None:
        """
        Mine at fixed moments, so that the average does not drift; moments missed in a stall are not made up for.
        """
        began = time.monotonic()
        number = 0
        while True:
            number = max(number + 1, int((time.monotonic() - began) / block_seconds))
            for left in reversed(range(self._rounds)):
                moment = began + (number - left / self._rounds) * block_seconds
                if self._stopping.wait(moment - time.monotonic()):
                    return
                if self._auction is not None:
                    self._auction.close_round()
            self._mine()

    def _mine_on_demand(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            if int(self._rpc("txpool_status")["pending"], 16):
                if self._auction is not None:
                    self._auction.close_round()
                self._mine()

    def _mine(self) -> None:
        if self._auction is not None:
            self._auction.arrange()
        mine(self._rpc)
