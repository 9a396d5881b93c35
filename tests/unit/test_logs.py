"""
Log lines: without secrets, and never a reason to stop.
"""

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from keeper.monitor.logs import configure_logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_json_lines__have_time_level_and_event_and_no_secret() -> None:
    stream = io.StringIO()
    configure_logs("info", json_lines=True, stream=stream)

    structlog.get_logger("x").info("node_failed", reason="https://arb.example.com/v2/KEY gives no answer", block=7)
    structlog.get_logger("x").debug("not_of_interest")

    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert told.pop("ts")
    assert told == {
        "level": "info",
        "event": "node_failed",
        "reason": "https://arb.example.com/... gives no answer",
        "block": 7,
    }


class Full(io.StringIO):
    """A disk without room."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [Full(), io.StringIO()])
def test_stream__is_full_or_closed__loses_lines_only(stream: io.StringIO) -> None:
    configure_logs("info", stream=stream)
    if not isinstance(stream, Full):
        stream.close()

    structlog.get_logger("x").info("node_failed")
