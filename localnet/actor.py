"""
Whoever does something with the chain all the time: mines its blocks, trades on it, competes.
"""

import threading
from abc import ABC, abstractmethod

from localnet.rpc import Rpc


class Actor(ABC):
    """
    Acts in a thread of his own, over a connection of his own.
    """

    def __init__(self, url: str, name: str) -> None:
        """
        Args:
            url: The node.
            name: What his thread is called.
        """
        self._rpc = Rpc(url)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and return when what he was about is done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._rpc.close()

    @abstractmethod
    def _run(self) -> None:
        """Act until he is stopping."""
