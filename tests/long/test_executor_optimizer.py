"""
The executor does the same whatever the optimizer made of it: where levels differ, the compiler is wrong.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mutants.suites import files

ROOT = Path(__file__).parents[2]

_CODE = """
import sys, types
tests = sys.modules["tests"] = types.ModuleType("tests")
tests.__path__ = ["tests"]
from tests.executor_world import deployer
print(deployer("Executor").compiler_data.bytecode.hex())
"""


def test_levels__make_different_code() -> None:
    """Else the tests below would compare the code with itself."""
    codes = [_run(level, "-c", _CODE).stdout for level in ("none", "gas", "codesize")]

    assert all(re.fullmatch(r"[0-9a-f]{10000,}\n", code) for code in codes)
    assert len(set(codes)) == 3


@pytest.mark.parametrize("level", ["none", "gas", "codesize"])
def test_executor__at_any_level__passes_its_tests(level: str) -> None:
    units = [file for file in files() if file.startswith("tests/unit/")]

    done = _run(level, "-m", "pytest", "-p", "no:ape_test", "-p", "no:cacheprovider", "-q", *units)

    assert done.returncode == 0, done.stdout[-3_000:]
    assert re.search(r"\d{3,} passed", done.stdout)


def _run(level: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"EXECUTOR_OPTIMIZE": level, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
