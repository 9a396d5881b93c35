"""
Everything the keeper expects to go wrong.

    KeeperError                 a sentence for the operator; exit code 1
    |-- ConfigError             a setting, key or record is missing or wrong
    |-- ChainError              what a node says cannot be used
    |   |-- RpcError            a request failed (transport, limit, or the node's own error)
    |   |   `-- RateLimited     the node wants fewer requests
    |   |-- Unproved            what a node says contradicts what it said before
    |   `-- ReorgError          a block does not extend the head
    |-- PoolError               a pool cannot answer
    |   |-- StalePool           it changed on chain and was not read since
    |   |-- SwapReverts         the contract would revert
    |   `-- MalformedLog        a log is not what its topic promises
    |-- PlanError               a plan cannot be encoded or decoded
    |-- JournalError            the journal cannot be trusted or written
    |   `-- JournalOutOfReach   its server is: another keeper may lead meanwhile
    |-- LeaderError             another keeper has this one's key, and leads
    |-- NonceError              an account's nonce is not where the journal says
    |-- LifeCycleError          a transaction cannot go from one state to the other
    |-- SubmissionError         a node answers for other bytes than those that were sent
    |-- PolicyError             a transaction is not one that a keeper has reason to sign
    |-- SignerError             whoever holds a key does not sign, or not what was asked
    `-- Halted                  the keeper sends nothing until a person arms it again
"""


class KeeperError(Exception):
    """An expected failure: its text is one clear sentence without secrets."""


class ConfigError(KeeperError):
    """A setting, key or deployment record is missing or wrong."""


class ChainError(KeeperError):
    """What a node says cannot be used."""


class RpcError(ChainError):
    """
    A request to a node failed.

    Attributes:
        code: The JSON-RPC error code, or None where the transport failed.
        data: The revert data that came with it, as hex, or None.
    """

    def __init__(self, message: str, code: int | None = None, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class RateLimited(RpcError):  # noqa: N818 - what happened, in the providers' words
    """
    The node wants fewer requests.

    Attributes:
        retry_after: How many seconds it wants to be left alone, or None if it does not say.
    """

    def __init__(self, message: str, code: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, code)
        self.retry_after = retry_after


class Unproved(ChainError):  # noqa: N818 - what it is
    """What a node says contradicts what it said before: its logs are not those that the block's header tells of."""


class ReorgError(ChainError):
    """A block does not extend the head that is known."""


class PoolError(KeeperError):
    """A pool cannot answer."""


class StalePool(PoolError):  # noqa: N818 - the word of the domain, see the glossary
    """The pool changed on chain and was not read since."""


class SwapReverts(PoolError):  # noqa: N818 - says what the contract does
    """The contract would revert on this swap."""


class BeyondKnownTicks(SwapReverts):
    """
    The swap leaves the ticks that were read. What the contract would do is not known, so there is no quote; whoever
    passes over swaps that revert passes over this one.
    """


class MalformedLog(PoolError):  # noqa: N818 - names the thing
    """A log is not what its topic promises."""


class PlanError(KeeperError):
    """A plan cannot be encoded or decoded."""


class JournalError(KeeperError):
    """The journal cannot be trusted or written."""


class JournalOutOfReach(JournalError):  # noqa: N818 - what it is
    """The journal's server cannot be asked: nothing is wrong with what it has, and another keeper may lead by now."""


class LeaderError(KeeperError):
    """Another keeper leads, or may: this one must not send."""


class NonceError(KeeperError):
    """An account's nonce is not where the journal says."""


class LifeCycleError(KeeperError):
    """A transaction cannot go from one state to the other."""


class SubmissionError(KeeperError):
    """A node answers for other bytes than those that were sent."""


class PolicyError(KeeperError):
    """A transaction is not one that a keeper has reason to sign."""


class SignerError(KeeperError):
    """Whoever holds a key does not sign, or signs something else than was asked."""


class Halted(KeeperError):  # noqa: N818 - the state that it is in
    """The keeper sends nothing until a person arms it again."""
