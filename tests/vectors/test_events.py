"""
Logs that the real contracts' bytecode emitted, and what they say. Those of contracts whose bytecode no package ships
are written after their ABI.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from keeper import events
from keeper.events import TOPICS, decode

_GOLDEN = json.loads((Path(__file__).parent / "events.json").read_text())


@pytest.mark.parametrize("golden", _GOLDEN, ids=lambda golden: golden["event"])
def test_decode__golden_log__event_with_its_fields(golden: dict[str, Any]) -> None:
    # JSON has lists only; what is frozen has tuples.
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in golden["fields"].items()}
    expected = getattr(events, golden["event"])(**fields)

    assert decode(golden["log"]) == expected


def test_golden_logs__every_topic__is_there() -> None:
    assert {golden["log"]["topics"][0] for golden in _GOLDEN} == set(TOPICS)
