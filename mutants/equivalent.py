"""
The mutants that no test can kill, because they do what the executor does; each with the proof.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mutants.mutator import Mutant

LIST = Path(__file__).with_name("equivalent.toml")
_KEYS = {"file", "function", "before", "after", "proof"}


class ListError(Exception):
    """The list of equivalent mutants is wrong; the message says where."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    An equivalent mutant, named by what changes.

    Attributes:
        count: How many mutants it is, where one function has the same lines several times.
    """

    identity: tuple[str, str, str, str]
    count: int
    proof: str


def read(path: Path = LIST) -> tuple[Entry, ...]:
    """
    Raises:
        ListError: An entry lacks something, or its proof.
    """
    entries = tomllib.loads(path.read_text()).get("equivalent", [])
    return tuple(_entry(number, fields) for number, fields in enumerate(entries, start=1))


def select(entries: Iterable[Entry], mutants: Iterable[Mutant]) -> Mapping[tuple[str, str, str, str], Entry]:
    """
    Return the entries by their mutants' identity.

    Raises:
        ListError: An entry names no mutant, or another number of them than it says.
    """
    known = [mutant.identity for mutant in mutants]
    listed: dict[tuple[str, str, str, str], Entry] = {}
    for entry in entries:
        if (found := known.count(entry.identity)) != entry.count:
            raise ListError(f"{LIST.name}: {found} mutants are {entry.identity}, the entry says {entry.count}")
        if entry.identity in listed:
            raise ListError(f"{LIST.name}: {entry.identity} is listed twice")
        listed[entry.identity] = entry
    return listed


def _entry(number: int, fields: Mapping[str, object]) -> Entry:
    if missing := _KEYS - fields.keys():
        raise ListError(f"{LIST.name}: entry {number} lacks {', '.join(sorted(missing))}")
    if unknown := fields.keys() - _KEYS - {"count"}:
        raise ListError(f"{LIST.name}: entry {number} has unknown keys: {', '.join(sorted(unknown))}")
    if not str(fields["proof"]).strip():
        raise ListError(f"{LIST.name}: entry {number} has no proof")
    file, function, before, after = (str(fields[key]) for key in ("file", "function", "before", "after"))
    return Entry((file, function, before, after), int(str(fields.get("count", 1))), str(fields["proof"]).strip())
