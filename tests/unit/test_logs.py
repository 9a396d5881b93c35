"""
What is written to the log, what is kept for the dashboard, and what is in neither. It is never a reason to stop.
"""

import io
import json
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from keeper.monitor.logs import TAIL, Tail, configure_logs


@pytest.fixture
def written() -> Iterator[StringIO]:
    stream = StringIO()
    configure_logs("warning", stream=stream)
    yield stream


def test_logs__below_the_level__is_kept_and_not_written(written: StringIO) -> None:
    before = TAIL.count

    structlog.get_logger("test").info("pool_found", pool="0x01")
    structlog.get_logger("test").warning("node_lagged", blocks=7)

    kept = TAIL.since(before)
    assert [(line["level"], line["event"], line["text"]) for line in kept] == [
        ("info", "pool_found", "pool=0x01"),
        ("warning", "node_lagged", "blocks=7"),
    ]
    assert "pool_found" not in written.getvalue()
    assert "node_lagged" in written.getvalue()


def test_logs__debug__is_neither_kept_nor_written(written: StringIO) -> None:
    before = TAIL.count

    structlog.get_logger("test").debug("detail")

    assert TAIL.count == before
    assert written.getvalue() == ""


def test_logs__secret_inside_a_value__is_blanked_in_what_is_kept(written: StringIO) -> None:
    before = TAIL.count

    structlog.get_logger("test").warning(
        "failed", nodes=[{"url": "https://node.example/v2/SECRET"}], at="ws://u:pw@n/K"
    )

    (line,) = TAIL.since(before)
    assert "SECRET" not in str(line)
    assert "pw" not in str(line)
    assert "https://node.example/..." in line["text"]


def test_tail__many_lines__keeps_the_last() -> None:
    tail = Tail()
    for number in range(500):
        tail.add({"event": f"event {number}", "level": "info"})

    assert [line["event"] for line in tail.since(498)] == ["event 498", "event 499"]
    assert len(tail.since(0)) == 120
    assert tail.since(500) == []


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

    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [Full(), io.StringIO()])
def test_stream__is_full_or_closed__loses_lines_only(stream: io.StringIO) -> None:
    configure_logs("info", stream=stream)
    if not isinstance(stream, Full):
        stream.close()

    structlog.get_logger("x").info("node_failed")
