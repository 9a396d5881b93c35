"""
What docs/extending.md quotes is in the code, and no place that a family or lender needs is missing there.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text()
QUOTED = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
PATHS = sorted(set(re.findall(r"`((?:keeper|contracts|tests|scripts|localnet)/[^`*]*)`", PAGE)))
PLACES = {"toml": "keeper/deployments/arbitrum.toml", "python": "keeper/plan/dexes.py"}


@pytest.mark.parametrize(("language", "text"), QUOTED)
def test_quotation__is_in_the_code(language: str, text: str) -> None:
    assert text in (ROOT / PLACES[language]).read_text()


@pytest.mark.parametrize("path", PATHS)
def test_path__that_is_named__is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    ("section", "named"),
    [("## A new family", r"camelot_v2|CamelotV2|camelot\.py"), ("## A lender", r'"morpho"|\bMORPHO\b|morpho\.')],
)
def test_places__of_the_example__are_all_listed(section: str, named: str) -> None:
    told = PAGE.partition(section)[2].partition("\n## ")[0]
    needed = {
        str(path.relative_to(ROOT))
        for folder in ("keeper", "contracts")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".py", ".vy", ".toml") and re.search(named, path.read_text())
    }

    assert needed
    assert {path for path in needed if f"`{path}`" not in told} == set()


def test_derivation__numbers_of_the_example__are_the_contracts() -> None:
    text = (ROOT / "contracts" / "derivation.vy").read_text().lower().replace("_", "")

    assert "c35dadb65012ec5796536bd9864ed8773abc74c4" in text
    assert "e18a34eb0e04b04f7a0ac29a6e80748dca96319b42c54d679cb821dca90c6303" in text
