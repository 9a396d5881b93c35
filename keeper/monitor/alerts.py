"""
News that a person should hear of.
"""

from enum import StrEnum

import structlog

_log = structlog.get_logger("alerts")


class Severity(StrEnum):
    PAGE = "page"  # the keeper stopped, or money may be lost
    TICKET = "ticket"  # look at it today


def alert(severity: Severity, name: str, text: str) -> None:
    """
    Tell a person. *name* says what kind of news it is; *text* is one sentence.
    """
    tell = _log.error if severity is Severity.PAGE else _log.warning
    tell("alert_raised", severity=str(severity), name=name, text=text)
