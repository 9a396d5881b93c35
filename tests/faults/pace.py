"""
Blocks that come when the keeper is ready for them.

A chain that waits for its keeper is quick on a fast machine and fair on a slow one. Where the keeper is not ready for
long, because a fault keeps it from anything, blocks come all the same. Four of them are a second of the chain's clock,
which has nothing to do with any other.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from localnet import Localnet
from soak.flight import Flight

BLOCKS_PER_SECOND = 4

#: The least that the keeper is waited for.
_LEAST_SECONDS = 0.25

#: How many times as long as usual it is waited for.
_TIMES_USUAL = 5.0

_MEMORY = 0.9


class Pacer:
    """
    Mines a localnet that has no sequencer, with the traders' transactions.
    """

    def __init__(self, net: Localnet) -> None:
        self._net = net
        self._seconds = int(net.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        self._quarters = 0
        self._usual = 0.5
        self._going = asyncio.Event()
        self._going.set()

    def jump(self, seconds: int) -> None:
        """Put the chain's clock forward."""
        self._seconds += seconds

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Mine nothing while the block runs, but what is told to."""
        self._going.clear()
        try:
            yield
        finally:
            self._going.set()

    def mine(self, blocks: int = 1) -> None:
        """Mine at once."""
        assert self._net.traders is not None
        for _ in range(blocks):
            self._quarters += 1
            self._net.traders.step()
            self._net.rpc("evm_setTime", self._seconds + self._quarters // BLOCKS_PER_SECOND)
            self._net.mine()

    async def run(self, flight: Flight) -> None:
        """Mine for a keeper, without end."""
        loop = asyncio.get_running_loop()
        while True:
            await self._going.wait()
            drawn, began = flight.screen.drawn, loop.time()
            self.mine()
            number = int(self._net.rpc("eth_blockNumber"), 16)
            with suppress(TimeoutError):
                # Not after any block: a keeper that is behind would stay so.
                await flight.bell.until(
                    lambda drawn=drawn, number=number: (  # type: ignore[misc]
                        flight.screen.drawn > drawn and flight.keeper.market.head.number >= number
                    ),
                    max(_LEAST_SECONDS, _TIMES_USUAL * self._usual),
                )
                self._usual = _MEMORY * self._usual + (1 - _MEMORY) * min(loop.time() - began, 2.0)
            await asyncio.sleep(0)
