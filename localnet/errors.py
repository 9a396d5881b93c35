"""
Everything the localnet expects to go wrong.

    LocalnetError               a sentence for the person at the keyboard; exit code 1
    |-- ArtifactError           a package cannot be fetched or is not what was pinned
    |-- NodeError               anvil cannot be started, reached or stopped
    |-- RpcError                the node answered with an error
    `-- VerificationError       the generated chain is not what it claims to be
"""


class LocalnetError(Exception):
    """An expected failure: its text is one clear sentence."""


class ArtifactError(LocalnetError):
    """A package cannot be fetched or is not what was pinned."""


class NodeError(LocalnetError):
    """anvil cannot be started, reached or stopped."""


class RpcError(LocalnetError):
    """
    The node answered with an error.

    Attributes:
        code: The JSON-RPC error code.
        data: The revert data that came with it, as hex, or None.
    """

    def __init__(self, message: str, code: int, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class VerificationError(LocalnetError):
    """The generated chain is not what it claims to be."""
