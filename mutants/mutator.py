"""
All the ways to break a Vyper source in one place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from vyper import ast as vy

#: What a comparison becomes: its opposite, and where it has one its neighbour at the boundary.
COMPARISONS = {
    "Eq": ("==", ["!="]),
    "NotEq": ("!=", ["=="]),
    "Lt": ("<", ["<=", ">="]),
    "LtE": ("<=", ["<", ">"]),
    "Gt": (">", [">=", "<="]),
    "GtE": (">=", [">", "<"]),
    "In": ("in", ["not in"]),
    "NotIn": ("not in", ["in"]),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    One change of one source.

    Attributes:
        file: The source, relative to the contracts' folder.
        function: Where the change is; empty outside of functions.
        before: The lines that change, as one line.
        after: The same lines changed.
        source: The whole source changed.
    """

    file: str
    line: int
    function: str
    before: str
    after: str
    source: str

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What tells a mutant from others also after lines were added elsewhere."""
        return self.file, self.function, self.before, self.after

    def __str__(self) -> str:
        return f"contracts/{self.file}:{self.line}: {self.before}  ->  {self.after}"


def sources(contracts: Path) -> list[Path]:
    """
    Return the sources that are the executor: no mocks, no interfaces.
    """
    return sorted(path for path in contracts.rglob("*.vy") if "mocks" not in path.relative_to(contracts).parts)


def mutate(contracts: Path) -> list[Mutant]:
    """
    Return every mutant of the executor.
    """
    return [
        mutant
        for path in sources(contracts)
        for mutant in Source(path.relative_to(contracts).as_posix(), path.read_text()).mutants()
    ]


class Source:
    """
    A Vyper source and where its syntax stands in it.
    """

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._line_starts = [0, *accumulate(len(line) for line in text.splitlines(keepends=True))]
        self._tree: Any = vy.parse_to_ast(text)
        self._modules = {node.alias or node.name for node in self._nodes(vy.Import, vy.ImportFrom)}

    def mutants(self) -> list[Mutant]:
        """
        Return the mutants in the order of their places.
        """
        changes = {*self._statements(), *self._conditions(), *self._operators(), *self._decorators(), *self._masks()}
        return [self._mutant(*change) for change in sorted(changes)]

    def _statements(self) -> Iterator[tuple[int, int, str]]:
        """Assertions, calls, and assignments to what outlives the function, dropped."""
        for node in self._nodes(vy.Assert):
            yield *self._span(node), "pass"
            if isinstance(node.test, vy.Call | vy.ExtCall):
                yield *self._span(node), self._slice(node.test)
        for node in self._nodes(vy.Raise):
            yield *self._span(node), "pass"
        for node in self._nodes(vy.Expr):
            if isinstance(node.value, vy.Call | vy.ExtCall) and self._function(node):
                yield *self._span(node), "pass"
        for node in self._nodes(vy.Assign, vy.AugAssign):
            if self._is_state(node.target):
                yield *self._span(node), "pass"

    def _conditions(self) -> Iterator[tuple[int, int, str]]:
        """Conditions without an operator, negated; negations dropped."""
        for node in self._nodes(vy.If):
            if not isinstance(node.test, vy.Compare | vy.BoolOp | vy.UnaryOp):
                yield *self._span(node.test), f"not ({self._slice(node.test)})"
        for node in self._nodes(vy.UnaryOp):
            if isinstance(node.op, vy.Not):
                yield *self._span(node), f"({self._slice(node.operand)})"

    def _operators(self) -> Iterator[tuple[int, int, str]]:
        """Comparisons flipped and moved by one, ``and`` and ``or`` exchanged."""
        for node in self._nodes(vy.Compare):
            sign, others = COMPARISONS[type(node.op).__name__]
            start, end = self._between(node.left, node.right, sign)
            for other in others:
                yield start, end, other
        for node in self._nodes(vy.BoolOp):
            sign, other = ("and", "or") if isinstance(node.op, vy.And) else ("or", "and")
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield *self._between(left, right, sign), other

    def _decorators(self) -> Iterator[tuple[int, int, str]]:
        """Locks removed."""
        for node in self._nodes(vy.FunctionDef):
            for decorator in node.decorator_list:
                if getattr(decorator, "id", "") == "nonreentrant":
                    start, end = self._span(decorator)
                    yield start - 1, end, ""

    def _masks(self) -> Iterator[tuple[int, int, str]]:
        """Powers of two, of which masks and flags are made, off by one bit."""
        for node in self._nodes(vy.BinOp):
            is_power = isinstance(node.op, vy.Pow) and isinstance(node.right, vy.Int)
            if is_power and getattr(node.left, "value", None) == 2:
                for bits in (node.right.value - 1, node.right.value + 1):
                    yield *self._span(node.right), str(bits)

    def _is_state(self, target: Any) -> bool:
        while isinstance(target, vy.Attribute | vy.Subscript):
            target = target.value
        return getattr(target, "id", "") in {"self", *self._modules}

    def _between(self, left: Any, right: Any, sign: str) -> tuple[int, int]:
        """Return where an operator stands: parentheses may stand there too."""
        start, end = self._span(left)[1], self._span(right)[0]
        pattern = r"\s+".join(map(re.escape, sign.split()))
        found = re.compile(pattern).search(self._text, start, end)
        assert found is not None, f"{self._file}: there is no {sign} in {self._text[start:end]!r}"
        return found.span()

    def _mutant(self, start: int, end: int, replacement: str) -> Mutant:
        first = self._text.rindex("\n", 0, start) + 1
        last = self._text.index("\n", end)
        changed = self._text[first:start] + replacement + self._text[end:last]
        line = self._text.count("\n", 0, start) + 1
        return Mutant(
            self._file,
            line,
            next((node.name for node in self._nodes(vy.FunctionDef) if _covers(node, line)), ""),
            " ".join(self._text[first:last].split()),
            " ".join(changed.split()) or "(nothing)",
            self._text[:first] + changed + self._text[last:],
        )

    def _function(self, node: Any) -> str:
        return next((found.name for found in self._nodes(vy.FunctionDef) if _covers(found, node.lineno)), "")

    def _nodes(self, *kinds: type[Any]) -> Iterator[Any]:
        for kind in kinds:
            yield from self._tree.get_descendants(kind)

    def _slice(self, node: Any) -> str:
        start, end = self._span(node)
        return self._text[start:end]

    def _span(self, node: Any) -> tuple[int, int]:
        starts = self._line_starts
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


def _covers(node: Any, line: int) -> bool:
    covered: bool = node.lineno <= line <= node.end_lineno
    return covered
