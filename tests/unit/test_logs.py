"""
What is written to the log, what is kept for the dashboard, and what is in neither. It is never a reason to stop.
"""

import io
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from eth_account import Account

from keeper.execution.keystore import open_keystore
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


URL, KEY = (
    "https://arb.example.com/v2/k3y-of-a-provider",
    "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318",
)


class Odd:
    """Shows of itself what it should not."""

    def __repr__(self) -> str:
        return f"Odd(url={URL})"


@pytest.mark.parametrize("json_lines", [True, False])
@pytest.mark.parametrize(
    "planted",
    [
        {"nodes": [{"url": URL, "tried": 3}]},
        {"nodes": ({"deep": [[{"url": URL}]]},)},
        {"by_node": {URL: "paused"}},
        {"reasons": {f"{URL} gives no answer"}},
        {"error": ConnectionError(f"cannot connect to {URL}")},
        {"errors": [ConnectionError(f"cannot connect to {URL}"), {"caused_by": ValueError(f"private_key={KEY}")}]},
        {"account": {"private_key": "0x" + KEY}},
        {"accounts": [{"name": "hot", "keys": {"privateKey": KEY}}]},
        {"private_key": KEY},
        {"raw": URL.encode()},
        {"odd": [Odd()]},
    ],
)
def test_logs__secret_however_deep__is_in_no_line(json_lines: bool, planted: dict[str, Any]) -> None:
    stream = io.StringIO()
    configure_logs("info", json_lines=json_lines, stream=stream)
    before = TAIL.count

    structlog.get_logger("x").warning("node_failed", block=7, **planted)

    for told in (stream.getvalue(), str(TAIL.since(before))):
        assert "node_failed" in told
        assert "k3y-of-a-provider" not in told
        assert KEY not in told


def test_logs__what_is_no_secret__stays_as_it_is() -> None:
    stream = io.StringIO()
    configure_logs("info", json_lines=True, stream=stream)

    structlog.get_logger("x").info("found", pools=[{"address": "0x01", "fee": 3_000}], share=0.5, none=None, yes=True)

    told = json.loads(stream.getvalue())
    assert told["pools"] == [{"address": "0x01", "fee": 3_000}]
    assert (told["share"], told["none"], told["yes"]) == (0.5, None, True)


def test_logs__exception__is_told_without_its_secrets() -> None:
    stream = io.StringIO()
    configure_logs("info", json_lines=True, stream=stream)

    try:
        raise ConnectionError(f"cannot connect to {URL}")
    except ConnectionError:
        structlog.get_logger("x").error("failed", exc_info=True)

    assert "https://arb.example.com/..." in stream.getvalue()
    assert "k3y-of-a-provider" not in stream.getvalue()


def test_logs__key_of_this_process__is_blanked_wherever_it_turns_up(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logs("info", json_lines=True, stream=stream)
    keystore = tmp_path / "hot.json"
    keystore.write_text(json.dumps(Account.encrypt("0x" + KEY, "correct horse", kdf="pbkdf2", iterations=1)))
    open_keystore(keystore, "correct horse")
    other_hash = "0x" + "ab" * 32

    structlog.get_logger("x").info("odd", words=[f"of 0x{KEY.upper()}, by correct horse, in {other_hash}"])

    assert KEY not in stream.getvalue().lower()
    assert "horse" not in stream.getvalue()
    assert other_hash in stream.getvalue()


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
