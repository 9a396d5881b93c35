"""
Everybody who has the page open: each gets every update, and who cannot keep up is let go.
"""

import asyncio

#: Updates that may wait for a viewer; his browser connects again by itself, and begins with everything.
_WAITING = 16

#: How many are served; more would be an attack, or a mistake.
MOST_VIEWERS = 250


class Viewer:
    """
    One open page.
    """

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self._gone = False

    def tell(self, update: bytes) -> bool:
        """Have an update sent; return False if too many wait already."""
        if self._gone:
            return False
        try:
            self._waiting.put_nowait(update)
        except asyncio.QueueFull:
            self.let_go()
            return False
        return True

    def let_go(self) -> None:
        """Send nothing more, what waits included."""
        self._gone = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def next(self) -> bytes | None:
        """Return the next update, or None if there will be none."""
        return await self._waiting.get()


class Viewers:
    """
    Attributes:
        dropped: How many could not keep up.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._viewers: set[Viewer] = set()

    def __len__(self) -> int:
        return len(self._viewers)

    def join(self) -> Viewer | None:
        """
        Return a new one, or None if there are enough.
        """
        if len(self._viewers) >= MOST_VIEWERS:
            return None
        viewer = Viewer()
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget him."""
        self._viewers.discard(viewer)

    def tell(self, update: bytes) -> None:
        """
        Have an update sent to all, as each has his turn.
        """
        for viewer in list(self._viewers):
            if not viewer.tell(update):
                self.dropped += 1
                self.leave(viewer)

    def let_go(self) -> None:
        """Let all of them go."""
        for viewer in self._viewers:
            viewer.let_go()
