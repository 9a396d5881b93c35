"""
What the dashboard needs of whoever decides whether the keeper may send.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from keeper.execution.limits import BREAKERS
from keeper.execution.operation import OperatingState, Operation
from keeper.monitor.metrics import Metrics

#: Under which name the dashboard pauses: what it did not pause, it does not resume.
OPERATOR = "operator"

#: Where nothing holds the keeper back.
LIVE = "LIVE"
STARTING = "STARTING"
HALTED = "HALTED"


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How the keeper stands.

    Attributes:
        state: STARTING, DRY_RUN, LIVE, DEGRADED or HALTED.
        reasons: Why it is not LIVE, by the name of what holds it back.
        breakers: Whether each breaker is tripped, by name; empty where there are none.
    """

    state: str
    may_send: bool
    reasons: Mapping[str, str] = field(default_factory=dict)
    breakers: Mapping[str, bool] = field(default_factory=dict)


class Seat(Protocol):
    """
    The switches of the keeper.
    """

    def status(self) -> Standing:
        """How it stands now."""

    def pause(self, name: str, reason: str) -> None:
        """Send nothing until *name* is resumed."""

    def resume(self, name: str) -> None:
        """Take back the pause of this name."""

    def halt(self, reason: str) -> None:
        """Send nothing any more."""

    def metrics(self) -> bytes:
        """Every metric, in Prometheus' text format."""


class Controls:
    """
    The keeper's own.
    """

    def __init__(self, operation: Operation, metrics: Metrics) -> None:
        self._operation, self._metrics = operation, metrics

    def status(self) -> Standing:
        operation, reasons = self._operation, dict(self._operation.reasons)
        state = operation.state
        return Standing(
            state.upper(), state is OperatingState.LIVE, reasons, {name: name in reasons for name in BREAKERS}
        )

    def pause(self, name: str, reason: str) -> None:
        self._operation.pause(name, reason)

    def resume(self, name: str) -> None:
        self._operation.resume(name)

    def halt(self, reason: str) -> None:
        self._operation.halt(reason)

    def metrics(self) -> bytes:
        return self._metrics.render()
