"""
One operator key's nonces: counted by the keeper, compared with the chain.
"""

from collections.abc import Collection

from keeper.errors import NonceError
from keeper.types import Address


class NonceManager:
    """
    Hands out each nonce once, until it is known that its transaction can no longer be included.

    Attributes:
        sender: Whose nonces they are.
    """

    def __init__(self, sender: Address, on_chain: int) -> None:
        """
        Args:
            on_chain: The account's nonce at the head.
        """
        self.sender = sender
        self._next = on_chain

    @property
    def next(self) -> int:
        """The lowest nonce that no block has, as far as the journal explains it."""
        return self._next

    def free(self, in_flight: Collection[int]) -> int:
        """
        Return the lowest nonce that neither a block has nor anything in flight.
        """
        nonce = self._next
        while nonce in in_flight:
            nonce += 1
        return nonce

    def gaps(self, in_flight: Collection[int]) -> list[int]:
        """
        Return the nonces that something in flight waits for and nothing in flight has, lowest first.
        """
        return [nonce for nonce in range(self._next, max(in_flight, default=0)) if nonce not in in_flight]

    def compare(self, in_journal: int | None) -> None:
        """
        Compare with the nonce after the last one that the journal saw used, or None if it saw none.

        Raises:
            NonceError: The chain and the journal disagree: somebody else uses the key, or the journal is not its own.
        """
        if in_journal is not None and in_journal != self._next:
            raise NonceError(
                f"operator {self.sender} is at nonce {self._next} on chain and at {in_journal} in the journal:"
                " another process uses its key, or the journal is not this key's"
            )

    def used(self, nonce: int) -> None:
        """
        A transaction with this nonce is in a block.
        """
        self._next = max(self._next, nonce + 1)

    def returned(self, nonce: int) -> None:
        """
        The block with this nonce left the chain.
        """
        self._next = min(self._next, nonce)
