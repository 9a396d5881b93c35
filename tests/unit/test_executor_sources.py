"""
What must hold of the contracts' sources.
"""

import re
from collections import Counter
from pathlib import Path

import pytest
from vyper import ast as vy
from vyper.compiler import compile_code

from tests.evm import Chain

ROOT = Path(__file__).parent.parent.parent
CONTRACTS = ROOT / "contracts"
SOURCES = sorted(CONTRACTS.rglob("*.vy*"))
OURS = [source for source in SOURCES if "mocks" not in source.parts]

#: What CVE-2026-114117 is about: up to 0.5.0b1 the optimizer takes the union for a condition, and gives 1 for it.
MISCOMPILED = """
@external
@payable
def union(wanted: bool) -> uint256:
    return (msg.value | 2) if wanted else 7
"""


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_source__is_plain_ascii(source: Path) -> None:
    """Compilers up to 0.5.0b1 shift literals that follow other characters."""
    text = source.read_bytes()

    assert text.isascii()
    assert not set(text) & set(b"\r\f\v\0")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_source__pins_the_compiler(source: Path) -> None:
    """Neither the experimental code generator nor another optimizer can be asked for by a pragma."""
    lines = source.read_text().splitlines()
    pragmas = [line for line in lines if re.match(r"\s*#\s*(pragma|@version)", line)]

    assert lines[: len(pragmas)] == pragmas
    assert pragmas[0] == "# pragma version 0.4.3"
    assert pragmas[1:] == ["# pragma evm-version cancun"] or (source.suffix == ".vyi" and not pragmas[1:])


@pytest.mark.parametrize("source", OURS, ids=lambda source: source.name)
def test_source__has_no_conditional_expression(source: Path) -> None:
    assert conditional_expressions(source.read_text(), source.suffix == ".vyi") == []


def test_conditional_expression__that_the_compiler_spoils__is_seen() -> None:
    assert conditional_expressions(MISCOMPILED) == [5]


def test_conditional_expression__is_still_spoilt_by_the_pinned_compiler() -> None:
    """Where this fails the compiler has been mended, and conditional expressions may be allowed."""
    chain = Chain()
    code = compile_code(MISCOMPILED, output_formats=["bytecode"])["bytecode"]
    contract = chain.deploy(bytes.fromhex(code.removeprefix("0x")))

    assert chain.call(contract, "union(bool)", False, returns=["uint256"]) == 7
    assert chain.call(contract, "union(bool)", True, returns=["uint256"]) == 1


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


def test_attacks__every_number__is_in_the_document() -> None:
    cells = re.findall(r"^\| (\d[\d, -]*) \|", (ROOT / "docs" / "attacks.md").read_text(), re.MULTILINE)
    numbers = []
    for part in ",".join(cells).split(","):
        first, _, last = part.strip().partition("-")
        numbers += range(int(first), int(last or first) + 1)

    assert sorted(numbers) == list(range(1, 111))


def conditional_expressions(source: str, is_interface: bool = False) -> list[int]:
    """
    Return the lines of all ``a if b else c``.
    """
    tree = vy.parse_to_ast(source, is_interface=is_interface)
    return [node.lineno for node in tree.get_descendants(vy.IfExp)]


def _error_strings(text: str) -> list[str]:
    return re.findall(r'(?:assert .*?, |raise )"([^"]+)"', text)


def _is_formatted(words: str, tests: str) -> bool:
    """
    Tell whether a test builds these words from a parameter.
    """
    formats = re.findall(r'f"([^"]*\{[^"]*)"', tests)
    patterns = [re.sub(r"\\\{.*?\\\}", r"\\w+", re.escape(text)) for text in formats]
    return any(re.fullmatch(pattern, words) for pattern in patterns)
