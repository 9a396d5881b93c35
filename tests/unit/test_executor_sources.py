"""
What must hold of the contracts' sources and of the code that is made of them.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
CONTRACTS = ROOT / "contracts"
SOURCES = sorted(CONTRACTS.rglob("*.vy*"))
OURS = [source for source in SOURCES if "mocks" not in source.parts]

#: Opcodes by which code could be replaced, run in the executor's name, or leave.
FORBIDDEN_OPCODES = {"DELEGATECALL", "CALLCODE", "SELFDESTRUCT", "CREATE", "CREATE2"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_source__is_plain_ascii(source: Path) -> None:
    """Compilers up to 0.5.0b1 shift literals that follow other characters."""
    text = source.read_bytes()

    assert text.isascii()
    assert not set(text) & set(b"\r\f\v\0")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_source__pins_the_compiler(source: Path) -> None:
    lines = source.read_text().splitlines()

    assert lines[0] == "# pragma version 0.4.3"
    assert source.suffix == ".vyi" or lines[1] == "# pragma evm-version cancun"


@pytest.mark.parametrize("source", OURS, ids=lambda source: source.name)
def test_source__has_no_conditional_expression(source: Path) -> None:
    """Compilers up to 0.5.0b1 fold the condition away where a branch is a bit operation of a literal."""
    code = re.sub(r'""".*?"""', "", source.read_text(), flags=re.DOTALL)
    statements = [line for line in code.splitlines() if not line.strip().startswith(("#", "elif", "if "))]

    assert not [line for line in statements if re.search(r"\bif\b.*\belse\b", line)]


def test_error_strings__are_unique_and_each_is_tested() -> None:
    strings = [words for source in OURS for words in _error_strings(source.read_text())]
    tests = "".join(path.read_text() for path in Path(__file__).parent.parent.rglob("test_*.py"))

    assert {words: count for words, count in Counter(strings).items() if count > 1} == {}
    assert [words for words in strings if words not in tests and not _is_formatted(words, tests)] == []


def test_attacks__every_test_that_the_document_names__exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "attacks.md").read_text()))
    tests = "".join(path.read_text() for path in Path(__file__).parent.parent.rglob("test_*.py"))

    assert len(named) > 50
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []


@pytest.fixture(scope="module")
def compiled() -> Any:
    from vyper.cli.vyper_compile import compile_files

    formats = ["bytecode", "bytecode_runtime", "asm"]
    return next(iter(compile_files([CONTRACTS / "Executor.vy"], formats, paths=[str(ROOT)]).values()))


def test_executor__cannot_become_other_code(compiled: Any) -> None:
    """Looked for before assembly: the table of selectors is data, in which any byte may occur."""
    assert not FORBIDDEN_OPCODES & set(compiled["asm"].split())


def test_executor__fits_the_size_limits(compiled: Any) -> None:
    assert len(compiled["bytecode_runtime"]) // 2 - 1 + 9 * 32 <= 24_576
    assert len(compiled["bytecode"]) // 2 - 1 <= 49_152


def _error_strings(text: str) -> list[str]:
    return re.findall(r'(?:assert .*?, |raise )"([^"]+)"', text)


def _is_formatted(words: str, tests: str) -> bool:
    """
    Tell whether a test builds these words from a parameter.
    """
    formats = re.findall(r'f"([^"]*\{[^"]*)"', tests)
    patterns = [re.sub(r"\\\{.*?\\\}", r"\\w+", re.escape(text)) for text in formats]
    return any(re.fullmatch(pattern, words) for pattern in patterns)
