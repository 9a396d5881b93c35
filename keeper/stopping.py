"""
Being told to stop while something is waited for.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Stopped(Exception):  # noqa: N818 - what it is
    """Whoever runs the keeper told it to stop."""


@asynccontextmanager
async def unless_told(stop: asyncio.Event) -> AsyncIterator[None]:
    """
    Cut the block short once *stop* is set: whatever it waits for is cancelled.

    Raises:
        Stopped: It was.
    """
    end = asyncio.timeout(None)

    async def watch() -> None:
        await stop.wait()
        end.reschedule(asyncio.get_running_loop().time())

    try:
        async with end:
            watching = asyncio.create_task(watch())
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        if end.expired():
            raise Stopped from None
        raise


async def in_background(work: Callable[[], None]) -> None:
    """
    Do *work* in a thread that nobody waits for when the process ends, unlike those of ``asyncio.to_thread``.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if done.done():
            return  # whoever waited was cancelled
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except BaseException as caught:  # noqa: BLE001 - it is raised where it is waited for
            error = caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=run, name=getattr(work, "__name__", "work"), daemon=True).start()
    await done
