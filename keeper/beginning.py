"""
What signals do while all other modules are being loaded, which takes a second or two: to be imported before them.

Ctrl-C ends the process without a traceback. SIGUSR1, the kill switch, is remembered for whoever can halt something: it
would end the process unheeded, and whatever starts it again would have it trade.
"""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

#: As a shell tells of a process that Ctrl-C ended.
_INTERRUPTED = 130

#: Set where SIGUSR1 came before there was anything to halt.
kill_switch = threading.Event()


def heed_kill_switch() -> None:
    """
    From now on SIGUSR1 is remembered.
    """
    signal.signal(signal.SIGUSR1, lambda _number, _frame: kill_switch.set())


def _leave(_number: int, _frame: FrameType | None) -> None:
    # Not by an exception: half of a module that is being loaded would have it.
    os.write(2, b"\nAborted!\n")
    os._exit(_INTERRUPTED)


def _begin() -> Callable[[], Any]:
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    heed_kill_switch()
    before = signal.signal(signal.SIGINT, _leave)
    return lambda: signal.signal(signal.SIGINT, before)


#: To be called once all is loaded: Ctrl-C is the command's affair again.
loaded = _begin()
