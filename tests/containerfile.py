"""
The container file, read as a builder reads it, and its steps outside of a container.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONTAINERFILE = ROOT / "packaging" / "Containerfile"

#: Folders of the image that its first stage writes, all of which are made anew.
BUILT = ("/src", "/tools", "/wheels", "/opt/keeper")


def instructions() -> list[tuple[str, str]]:
    """Return each instruction with its arguments, lines that go on joined."""
    text = CONTAINERFILE.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [
        (name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line and line[0] != "#")
    ]


def first_stage() -> list[tuple[str, str]]:
    """Return the instructions that build what the image gets."""
    every = instructions()
    begins = [place for place, (name, _) in enumerate(every) if name == "FROM"]
    return every[begins[0] + 1 : begins[1]]


def moved(text: str, root: Path) -> str:
    """Return a step with the image's folders moved below *root*."""
    return re.sub(rf"(?<![\w./-])({'|'.join(BUILT)})(?=[/\s]|$)", lambda match: f"{root}{match[1]}", text)
