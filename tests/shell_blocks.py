"""
The shell blocks of the documentation, as somebody who follows it would copy them.

A block is indented by four spaces or fenced. One that is fenced as another language than the shell is no command. Any
other is run, unless a comment after it says why not: ``<!-- REASON; CI does not run the block above -->``. A comment
with ``CI does not run the blocks of this page`` speaks for all of its page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))

SHELLS = ("", "sh", "bash", "shell")

_ABOVE = re.compile(r"<!-- (?P<reason>\S.*?)[;:,]? CI does not run the block above\b.*-->")
_PAGE = re.compile(r"<!-- (?P<reason>\S.*?)[;:,]? CI does not run the blocks of this page\b.*-->")
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Block:
    """
    Attributes:
        place: Page and line, as editors understand it.
        text: What is copied.
        reason: Why it is not run; None if it is.
    """

    place: str
    text: str
    reason: str | None


def blocks() -> Iterator[Block]:
    """
    Yield every shell block, in the order of the pages.
    """
    for path in PAGES:
        yield from blocks_of(path.read_text(), str(path.relative_to(ROOT)))


def blocks_of(page: str, name: str) -> Iterator[Block]:
    """
    Yield the shell blocks of one page.
    """
    whole = _PAGE.search(page)
    lines = page.splitlines()
    at = 0
    while at < len(lines):
        begin = at
        if (fence := re.match(r" {0,3}```(\S*)", lines[at])) is not None:
            end = next(place for place in range(at + 1, len(lines)) if lines[place].strip() == "```")
            language, text, at = fence[1], lines[begin + 1 : end], end + 1
        elif lines[at].startswith(_INDENT) and (at == 0 or not lines[at - 1].strip()):
            while at < len(lines) and (lines[at].startswith(_INDENT) or not lines[at].strip()):
                at += 1
            language, text = "", [line.removeprefix(_INDENT) for line in lines[begin:at]]
        else:
            at += 1
            continue
        if language in SHELLS:
            after = next((line for line in lines[at:] if line.strip()), "")
            mark = _ABOVE.match(after) or whole
            yield Block(f"{name}:{begin + 1}", "\n".join(text).strip(), mark and mark["reason"])
