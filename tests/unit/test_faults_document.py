"""
docs/faults.md: complete, and true in what it names.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"
FAULTS = 108


def test_faults__every_test_that_the_document_names__exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT.read_text()))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    assert len(named) > 60
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []


def test_faults__every_test_of_a_fault__is_in_the_document() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT.read_text()))
    written = {
        name
        for path in (ROOT / "tests" / "faults").glob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text())
    }

    assert sorted(written - named) == []


def test_faults__every_number__is_in_the_document_once_and_in_order() -> None:
    numbers: list[int] = []
    for cell in re.findall(r"^\| (\d[\d, -]*) \|", DOCUMENT.read_text(), re.MULTILINE):
        for part in cell.split(","):
            first, _, last = part.strip().partition("-")
            numbers += range(int(first), int(last or first) + 1)

    assert numbers == list(range(1, FAULTS + 1))
