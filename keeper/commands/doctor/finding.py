"""
What a check has found, and whether that is well.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keeper.errors import KeeperError
from keeper.redaction import redact


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  # a keeper can trade, though not as well as it might, or not as safely
    FAIL = "fail"  # a keeper would refuse to start, send nothing, or lose


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Attributes:
        check: What was looked at.
        found: What it is, in words, without secrets.
        advice: What to do; empty where nothing is to be done.
    """

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Verdict.OK, redact(found))


def warn(check: str, found: str, advice: str) -> Finding:
    """Return what could be better."""
    return Finding(check, Verdict.WARN, redact(found), advice)


def fail(check: str, found: str, advice: str) -> Finding:
    """Return what has to be mended."""
    return Finding(check, Verdict.FAIL, redact(found), advice)


async def gathered(check: str, findings: AsyncIterator[Finding]) -> list[Finding]:
    """
    Return what a part of the examination found; where it could not go on, the reason is its last finding.
    """
    found = []
    try:
        async for finding in findings:
            found.append(finding)  # noqa: PERF401 - what was found before an error is kept
    except KeeperError as error:
        found.append(fail(check, str(error), "mend this first: what comes after it could not be looked at"))
    return found


def healthy(findings: Iterable[Finding]) -> bool:
    """Tell whether nothing failed."""
    return all(finding.verdict is not Verdict.FAIL for finding in findings)


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return the findings as plain data."""
    return [
        {"check": one.check, "verdict": one.verdict.value, "found": one.found, "advice": one.advice} for one in findings
    ]


_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def show(findings: Iterable[Finding], console: Console) -> None:
    """Print the findings as a table."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("")
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for one in findings:
        # What was found, and names of files, may have brackets, which are not markup.
        verdict = Text(one.verdict.value, style=_STYLES[one.verdict])
        table.add_row(Text(one.check), verdict, Text(one.found), Text(one.advice))
    console.print(table)
