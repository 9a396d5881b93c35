"""
Structured logs: events in the past tense, without secrets.
"""

import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from keeper.redaction import redact


def configure_logs(level: str = "info", json_lines: bool = False, stream: TextIO | None = None) -> None:
    """
    Send log lines of at least *level* to *stream* (standard error), as text or as JSON lines.
    """
    renderer: Any = structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts" if json_lines else "timestamp"),
            _redact_values,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
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
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}
