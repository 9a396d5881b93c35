"""
The keeper goes first: what the dashboard does waits while a block is handled, and is done piece by piece in between.
"""

import asyncio

#: How long a block, or one block after the other, may hold up what is shown.
PATIENCE_SECONDS = 1.0


class Gate:
    """
    Shut while a block is handled. Whatever the dashboard does in the keeper's event loop, it asks for its turn first.
    """

    def __init__(self) -> None:
        self._idle = asyncio.Event()
        self._idle.set()
        self._line = asyncio.Lock()

    def shut(self) -> None:
        """From now on nobody has his turn."""
        self._idle.clear()

    def open(self) -> None:
        """From now on one after the other has."""
        self._idle.set()

    async def turn(self) -> None:
        """
        Return when there is time for one piece of work, until the next await: in the order of asking, one in a turn of
        the event loop, none while the gate is shut; but at the latest when ``PATIENCE_SECONDS`` have passed and whoever
        asked before had his turn.
        """
        loop = asyncio.get_running_loop()
        latest = loop.time() + PATIENCE_SECONDS
        async with self._line:
            await asyncio.sleep(0)
            # Opened is not open: before whoever waits comes to run, the next block may have begun.
            while not self._idle.is_set() and loop.time() < latest:
                try:
                    async with asyncio.timeout_at(latest):
                        await self._idle.wait()
                except TimeoutError:
                    pass  # a block that takes so long is what people want to see
