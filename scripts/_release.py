"""
Make what is under Unreleased in CHANGELOG.md a release: ``python -m scripts._release 0.2.0``.

It writes the version where it is said, in keeper/__init__.py, and the heading into the changes; commit, tag and
publication are left to whoever releases.
"""

import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_HEADING = "## [Unreleased]\n"
_RELEASED = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", re.MULTILINE)


def releases(changes: str) -> list[str]:
    """
    Return the versions that the changes have a section for, the first one first in the text.
    """
    return _RELEASED.findall(changes)


def released(changes: str, version: str, day: date) -> str:
    """
    Return the changes with what is unreleased under this version.

    Raises:
        ValueError: The version is none, or not above the last one, or nothing is unreleased.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ValueError(f"{version} is no version: three numbers are")
    before, _, after = changes.partition(_HEADING)
    if not after.strip() or after.lstrip().startswith("## "):
        raise ValueError("nothing is unreleased")
    last = max(map(_numbers, releases(changes)), default=(0, 0, 0))
    if _numbers(version) <= last:
        raise ValueError(f"{version} is not above {'.'.join(map(str, last))}")
    return f"{before}{_HEADING}\n## [{version}] - {day.isoformat()}\n{after}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def main() -> None:
    changes, package = ROOT / "CHANGELOG.md", ROOT / "keeper" / "__init__.py"
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scripts._release VERSION")
    try:
        text = released(changes.read_text(), sys.argv[1], datetime.now(UTC).date())
    except ValueError as error:
        sys.exit(f"release: {error}")
    changes.write_text(text)
    package.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{sys.argv[1]}"', package.read_text()))


if __name__ == "__main__":
    main()
