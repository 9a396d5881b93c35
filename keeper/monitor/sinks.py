"""
Where alerts go: Slack's incoming webhooks, and any URL that takes JSON.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import aiohttp

from keeper.monitor.alerts import Alert, Severity
from keeper.redaction import redact, redact_url

#: How long a receiver may take for one alert.
TIMEOUT_SECONDS = 10.0

_TOO_MANY_REQUESTS = 429


class NotDelivered(Exception):  # noqa: N818 - what happened
    """
    A receiver did not take an alert.

    Attributes:
        retry_after: How many seconds it wants to be left alone, or None if it does not say.
        final: Whether another attempt would end the same.
    """

    def __init__(self, reason: str, retry_after: float | None = None, final: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.final = final


class Sink(Protocol):
    """
    One receiver.

    Attributes:
        name: Fit to be shown, for the metrics and the log.
    """

    name: str

    async def deliver(self, alert: Alert) -> None:
        """
        Raises:
            NotDelivered: It did not take it.
        """
        ...


class _Posted:
    """A receiver that takes JSON over HTTP."""

    kind = ""

    def __init__(self, session: aiohttp.ClientSession, url: str, sender: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """
        Args:
            sender: Which keeper this is, for whoever has several.
        """
        self.name = f"{self.kind} {redact_url(url)}"
        self._session, self._url, self._sender = session, url, sender
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def deliver(self, alert: Alert) -> None:
        try:
            async with self._session.post(
                self._url, json=self.message(alert), timeout=self._timeout, allow_redirects=False
            ) as answer:
                _require_taken(answer)
        except TimeoutError:
            raise NotDelivered("it timed out") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):  # whose words are the URL
            raise NotDelivered("that is not the URL of a web server", final=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotDelivered(redact(str(error)) or type(error).__name__) from None

    def message(self, alert: Alert) -> Mapping[str, Any]:
        raise NotImplementedError


class Slack(_Posted):
    """An incoming webhook of Slack, or of whatever understands its messages (Mattermost, Discord's ``/slack``)."""

    kind = "slack"

    def message(self, alert: Alert) -> Mapping[str, Any]:
        mark = ":rotating_light:" if alert.severity is Severity.PAGE else ":warning:"
        return {"text": f"{mark} *{alert.name}* ({self._sender}): {_escaped(redact(alert.text))}"}


class Webhook(_Posted):
    """Any URL that takes JSON: ``severity``, ``name``, ``text``, ``sender``, ``at``."""

    kind = "webhook"

    def message(self, alert: Alert) -> Mapping[str, Any]:
        return {
            "severity": str(alert.severity),
            "name": alert.name,
            "text": redact(alert.text),
            "sender": self._sender,
            "at": datetime.now(UTC).isoformat(),
        }


def _require_taken(answer: aiohttp.ClientResponse) -> None:
    if 200 <= answer.status < 300:
        return
    reason = f"it answered with HTTP status {answer.status}"
    if answer.status == _TOO_MANY_REQUESTS:
        raise NotDelivered(reason, _seconds(answer.headers.get("Retry-After")))
    raise NotDelivered(reason, final=answer.status < 500)


def _seconds(retry_after: str | None) -> float | None:
    """The header, a number of seconds or a date, as seconds from now."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _escaped(text: str) -> str:
    """As Slack wants it, so that no text is taken for a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
