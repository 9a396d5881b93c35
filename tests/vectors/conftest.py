import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Load = Callable[[str], Any]


@pytest.fixture
def load(request: pytest.FixtureRequest) -> Load:
    """Reads one JSON file of the recorded vectors."""
    folder: Path = request.config.getoption("--vectors")
    if not folder.is_dir():
        pytest.skip(f"needs recorded vectors in {folder} (or --vectors DIR)")
    return lambda name: json.loads((folder / name).read_text())
