"""
What became of the mutants, remembered between runs.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

Identity = tuple[str, str, str, str]

_LINES_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Attributes:
        outcome: "killed", "timeout" (killed, too), "survived", "invalid" or "same".
        detail: The test that failed, or the compiler's error.
    """

    outcome: str
    detail: str = ""


@dataclass(slots=True)
class Memory:
    """
    A file of verdicts, one JSON object a line.
    """

    path: Path
    _verdicts: dict[str, Verdict] = field(default_factory=dict)
    _killers: dict[Identity, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lines = self.path.read_text().splitlines()[-_LINES_KEPT:] if self.path.is_file() else []
        for line in lines:
            record = json.loads(line)
            self._remember(record["key"], tuple(record["mutant"]), Verdict(record["outcome"], record["detail"]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(f"{line}\n" for line in lines))

    def verdict(self, key: str) -> Verdict | None:
        """
        Return the verdict on the same mutant of the same sources by the same tests.
        """
        return self._verdicts.get(key)

    def note(self, key: str, mutant: Identity, verdict: Verdict) -> None:
        """
        Keep a verdict.
        """
        self._remember(key, mutant, verdict)
        record = {"key": key, "mutant": mutant, "outcome": verdict.outcome, "detail": verdict.detail}
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def killers(self, mutant: Identity) -> list[str]:
        """
        Return tests that failed on this mutant, on others of its function, and of its file, the likeliest first.
        """
        file, function, *_ = mutant
        near = Counter(test for other, test in self._killers.items() if other[:2] == (file, function))
        far = Counter(test for other, test in self._killers.items() if other[0] == file)
        own = [self._killers[mutant]] if mutant in self._killers else []
        ranked = [*own, *(test for test, _ in near.most_common(2)), *(test for test, _ in far.most_common(2))]
        return list(dict.fromkeys(ranked))

    def _remember(self, key: str, mutant: Identity, verdict: Verdict) -> None:
        self._verdicts[key] = verdict
        if verdict.outcome == "killed":
            self._killers[mutant] = verdict.detail
