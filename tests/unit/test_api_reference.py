"""
docs/api.md is what the code says of itself, and leaves nothing unsaid.
"""

import importlib
import inspect
from pathlib import Path

import pytest

from scripts._api import MODULES, reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
NAMES = [(module, name) for module, names in MODULES.items() for name in names]


def test_reference__is_what_the_code_says() -> None:
    assert reference() == DOCUMENT.read_text(), "run: python -m scripts._api > docs/api.md"


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_name__has_a_sentence(module: str, name: str) -> None:
    told = inspect.getdoc(getattr(importlib.import_module(module), name)) or ""

    assert told.split("\n\n")[0].rstrip().endswith(".") or told.split("\n\n")[0].rstrip().endswith(":")
    assert not told.startswith(f"{name}(")
