"""
The keeper looks at itself.
"""

from keeper.watch.subject import Subject
from keeper.watch.watch import Watch

__all__ = ["Subject", "Watch"]
