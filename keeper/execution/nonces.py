"""
One operator key's nonces: counted by the keeper, compared with the chain.
"""

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

    @property
    def next(self) -> int:
        """The nonce of the next transaction."""
        return self._next

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
