"""
News that a person should hear of.

Whoever has news calls ``alert`` and goes on: the news is logged at once, and handed to whoever delivers it elsewhere.
Each name has its line in docs/operations.md, which says what to do.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import structlog

_log = structlog.get_logger("alerts")


class Severity(StrEnum):
    PAGE = "page"  # the keeper stopped, or money may be lost
    TICKET = "ticket"  # look at it today


@dataclass(frozen=True, slots=True)
class Alert:
    """
    Attributes:
        name: Of the kind of news, as in docs/operations.md.
        text: One sentence.
    """

    severity: Severity
    name: str
    text: str


Receiver = Callable[[Alert], None]

_receivers: list[Receiver] = []


def alert(severity: Severity, name: str, text: str) -> None:
    """
    Tell a person. *name* says what kind of news it is; *text* is one sentence.
    """
    tell = _log.error if severity is Severity.PAGE else _log.warning
    tell("alert_raised", severity=str(severity), name=name, text=text)
    for receiver in _receivers:
        receiver(Alert(severity, name, text))


@contextmanager
def received_by(receiver: Receiver) -> Iterator[None]:
    """
    Hand every alert to *receiver*, too, which must neither wait nor fail.
    """
    _receivers.append(receiver)
    try:
        yield
    finally:
        _receivers.remove(receiver)
