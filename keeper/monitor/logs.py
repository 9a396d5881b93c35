"""
Structured logs: events in the past tense, without secrets.
"""

import logging
import sys
from collections import deque
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TextIO, cast

import structlog

from keeper.redaction import redact_value

_LEVELS = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error", "critical")}


@dataclass(slots=True)
class Tail:
    """
    The last lines, at least all from ``info`` on, whatever level is written.

    Attributes:
        count: How many there were.
    """

    lines: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=120))
    count: int = 0

    def add(self, event: MutableMapping[str, Any]) -> None:
        """
        Keep a line.
        """
        self.count += 1
        rest = {key: value for key, value in event.items() if key not in ("event", "level", "timestamp")}
        self.lines.append(
            {
                "n": self.count,
                "at": event.get("timestamp"),
                "level": event.get("level"),
                "event": str(event.get("event")),
                "text": " ".join(f"{key}={value}" for key, value in rest.items()),
            }
        )

    def since(self, count: int) -> list[dict[str, Any]]:
        """Return the lines after the first *count*, as far as they are kept."""
        return list(islice(self.lines, max(len(self.lines) - (self.count - count), 0), None))


#: Of this process.
TAIL = Tail()


def configure_logs(level: str = "info", json_lines: bool = False, stream: TextIO | None = None) -> None:
    """
    Send log lines of at least *level* to *stream* (standard error), as text or as JSON lines.
    """
    renderer: Any = structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts" if json_lines else "timestamp"),
            structlog.processors.format_exc_info,
            _redact_values,
            _keep,
            _from(_LEVELS[level]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min(_LEVELS[level], logging.INFO)),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Unfailing(stream or sys.stderr))),
        cache_logger_on_first_use=False,
    )
    # web3 and aiohttp log through the standard library; they may quote URLs.
    logging.getLogger("web3").setLevel(logging.CRITICAL)
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)


class _Unfailing:
    """A full disk or a closed pipe loses log lines; it does not stop a keeper."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def _redact_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    redacted: dict[str, Any] = redact_value(event)
    return redacted


def _keep(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    TAIL.add(event)
    return event


def _from(least: int) -> Any:
    """What lets lines of at least this level pass."""

    def sift(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if _LEVELS.get(event["level"], least) < least:
            raise structlog.DropEvent
        return event

    return sift
