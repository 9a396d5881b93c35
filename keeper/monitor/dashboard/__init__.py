"""
The operator's page: what the keeper does, live in a browser, and the switches to pause, resume and halt it.

It only looks: the loop hands it what there is at the end of a block, and everything it makes of that it makes while the
keeper waits for the next one.
"""

from keeper.monitor.dashboard.board import Identity
from keeper.monitor.dashboard.dashboard import Dashboard
from keeper.monitor.dashboard.moment import Moment, Unwatched, Watcher
from keeper.monitor.dashboard.seat import Controls, Seat, Standing

__all__ = ["Controls", "Dashboard", "Identity", "Moment", "Seat", "Standing", "Unwatched", "Watcher"]
