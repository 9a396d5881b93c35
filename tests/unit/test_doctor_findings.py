"""
What the doctor says of files that are none, and of words that look like markup.
"""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from keeper.commands.doctor.finding import Verdict, fail, show
from keeper.commands.doctor.machine import look_at_keystore


@pytest.mark.parametrize("content", [b"\x7fELF\xd0", b"[" * 5_000, b"3", b"{}"])
def test_keystore__is_none__is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "hot.json"
    file.write_bytes(content)

    finding, address = look_at_keystore(file, "keystore hot.json")

    assert (finding.verdict, address) == (Verdict.FAIL, None)
    assert "hot.json is not a keystore file" in finding.found


def test_show__brackets__are_no_markup() -> None:
    told = StringIO()

    show([fail("keystore [/x].json", r"reverted: \[/bold]", "chmod 600 [/y]")], Console(file=told, width=120))

    for words in ("keystore [/x].json", r"reverted: \[/bold]", "chmod 600 [/y]"):
        assert words in told.getvalue()
