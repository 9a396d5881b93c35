"""
What routes cost is what the snapshot says, within two per cent.
"""

import json
from pathlib import Path

import pytest

from benchmarks import gas
from benchmarks._executor import provided
from localnet.pins import GROUPS
from tests.executor_artifact import artifact

SNAPSHOT = Path(gas.__file__).with_name("gas_snapshot.json")
TOLERANCE = 0.02


def test_gas__of_every_route__is_that_of_the_snapshot() -> None:
    """To accept a change: ``python -m benchmarks gas --json benchmarks/gas_snapshot.json``."""
    expected = json.loads(SNAPSHOT.read_text())

    measured = gas.run(artifact=artifact())

    assert measured.keys() <= expected.keys()
    assert len(measured) > 50 if set(GROUPS) - set(provided()) else measured.keys() == expected.keys()
    for name, values in measured.items():
        assert values == pytest.approx(expected[name], rel=TOLERANCE), name


def test_gas__of_a_lost_race__is_within_its_budget() -> None:
    for name, values in json.loads(SNAPSHOT.read_text()).items():
        if name.startswith(gas.LOST) and "short program" in name:
            assert values["gas"] <= (31_000 if name.endswith("first guard") else 37_000)


def test_gas__tables_of_the_document__are_those_of_the_snapshot() -> None:
    document = SNAPSHOT.parent.parent / "docs" / "gas.md"

    assert "\n".join(gas.lines(json.loads(SNAPSHOT.read_text()))) in document.read_text()
