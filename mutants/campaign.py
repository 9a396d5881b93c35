"""
Every mutant is compiled and tested until a test fails on it.
"""

import hashlib
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from vyper.exceptions import VyperException, VyperInternalException

from mutants import processes
from mutants.mutator import Mutant, sources
from mutants.processes import Job
from mutants.suites import CONTRACTS, Suites
from mutants.verdicts import Memory, Verdict

_COMPILE_SECONDS = 120
_BASELINE_SECONDS = 1_800
#: How many tests that killed a mutant's neighbours are tried before everything.
_HINTS = 3


class BaselineError(Exception):
    """The tests fail on the executor itself, so they judge nothing."""


@dataclass(slots=True)
class Campaign:
    """
    Attributes:
        jobs: How many mutants are tested at once.
        out: Where progress is told.
    """

    suites: Suites
    memory: Memory
    jobs: int
    out: TextIO

    def run(self, mutants: Sequence[Mutant], fresh: bool = False) -> dict[Mutant, Verdict]:
        """
        Return what became of each mutant.

        Raises:
            BaselineError: A test fails on the executor itself.
            CrashError: A test process ended without a verdict.
        """
        digest = self.suites.digest() + _digest()
        keys = {mutant: _key(digest, mutant) for mutant in mutants}
        known = {} if fresh else {mutant: found for mutant in mutants if (found := self.memory.verdict(keys[mutant]))}
        if len(known) == len(mutants):
            return known
        self.suites.warm()
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            trial = _Trial(self.suites, self.memory, Path(folder))
            seconds = trial.baseline(self.jobs)
            self._tell(f"the executor itself passes in {seconds:.0f} s")
            unknown = [mutant for mutant in mutants if mutant not in known]
            for job, answer in processes.run(trial.jobs(unknown, _COMPILE_SECONDS + 5 * seconds), self.jobs):
                verdict = Verdict(*answer) if answer else Verdict("timeout")
                known[job.subject] = verdict
                self.memory.note(keys[job.subject], job.subject.identity, verdict)
                if verdict.outcome in ("survived", "timeout"):
                    self._tell(f"{verdict.outcome}  {job.subject}")
                if len(known) % 25 == 0:
                    self._tell(f"{len(known)} of {len(mutants)}")
        return known

    def _tell(self, words: str) -> None:
        print(words, file=self.out, flush=True)


class _Trial:
    """
    How one mutant is judged, in a fork.
    """

    def __init__(self, suites: Suites, memory: Memory, folder: Path) -> None:
        self._suites = suites
        self._memory = memory
        self._folder = folder
        self._code = ""
        #: Whether a test passes, run alone on the executor itself: only then it may be run before its turn.
        self._passes: dict[str, bool] = {}

    def baseline(self, jobs: int) -> float:
        """
        Run every test on the executor itself, and return how long that takes.
        """
        self._code = processes.call(lambda: self._suites.compile(self._copy()))
        seconds = 0.0
        work = [Job(file, partial(self._time, file), _BASELINE_SECONDS) for file in self._suites.by_file]
        for job, answer in processes.run(work, jobs):
            if answer is None or answer[0]:
                raise BaselineError(f"{job.subject} fails on the executor itself:\n{answer and answer[0]}")
            seconds += answer[1]
        return seconds

    def jobs(self, mutants: Sequence[Mutant], seconds: float) -> Iterator[Job]:
        for mutant in mutants:
            hints = [name for name in self._hints(mutant) if self._is_sound(name)]
            yield Job(mutant, partial(self._judge, mutant, hints), seconds)

    def _judge(self, mutant: Mutant, hints: Sequence[str]) -> tuple[str, str]:
        contracts = self._copy()
        (contracts / mutant.file).write_text(mutant.source)
        try:
            code = self._suites.compile(contracts)
            return ("same", "") if code == self._code else self._test(hints)
        except (VyperException, VyperInternalException) as error:
            return "invalid", type(error).__name__
        finally:
            shutil.rmtree(contracts.parent)

    def _test(self, hints: Sequence[str]) -> tuple[str, str]:
        # Each file's tests begin in a process of their own: what they do depends on nothing but the sources.
        for names in [*([name] for name in hints), *self._suites.by_file.values()]:
            if killer := processes.call(partial(self._suites.run, names)):
                return "killed", killer
        return "survived", ""

    def _hints(self, mutant: Mutant) -> list[str]:
        """Return the tests that killed it or its neighbours the last time, the most promising first."""
        candidates = self._memory.killers(mutant.identity)
        return [name for name in candidates if name in self._suites.tests][:_HINTS]

    def _is_sound(self, name: str) -> bool:
        if name not in self._passes:
            self._passes[name] = not processes.call(partial(self._on_original, [name]))
        return self._passes[name]

    def _time(self, file: str) -> tuple[str, float]:
        start = time.monotonic()
        self._on_original(self._suites.by_file[file])
        return self._suites.failure, time.monotonic() - start

    def _on_original(self, names: Sequence[str]) -> str:
        self._suites.compile(self._copy())
        return self._suites.run(names)

    def _copy(self) -> Path:
        copy = Path(tempfile.mkdtemp(dir=self._folder)) / "contracts"
        shutil.copytree(CONTRACTS, copy)
        return copy


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sources(CONTRACTS):
        digest.update(f"\0{path.relative_to(CONTRACTS)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _key(digest: str, mutant: Mutant) -> str:
    return hashlib.sha256(f"{digest}\0{mutant.file}\0{mutant.source}".encode()).hexdigest()


def tally(verdicts: Sequence[Verdict]) -> Counter[str]:
    """
    Count the outcomes.
    """
    return Counter(verdict.outcome for verdict in verdicts)
