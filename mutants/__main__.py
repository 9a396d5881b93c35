"""
``python -m mutants``: break the executor in every way, and see whether the tests notice.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import TextIO

import pytest
from hypothesis import HealthCheck, Phase, settings

from mutants.campaign import BaselineError, Campaign, tally
from mutants.equivalent import ListError, read, select
from mutants.mutator import Mutant, mutate
from mutants.processes import CrashError
from mutants.suites import CONTRACTS, ROOT, Suites, files
from mutants.verdicts import Identity, Memory, Verdict

MEMORY = ROOT / "var" / "mutants.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Return 0 if every mutant is killed or listed as equivalent.
    """
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=2, help="mutants tested at once (default: 2)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the mutants whose line contains this")
    parser.add_argument("--fresh", action="store_true", help="test all again, whatever is remembered")
    parser.add_argument("--list", action="store_true", help="print the mutants and test nothing")
    parser.add_argument("--toml", action="store_true", help="print the survivors as entries of equivalent.toml")
    options = parser.parse_args(arguments)
    mutants = mutate(CONTRACTS)
    try:
        listed = select(read(), mutants)
        chosen = [mutant for mutant in mutants if options.only in str(mutant)]
        if options.list:
            print(*chosen, sep="\n")
            return 0
        verdicts = _test(chosen, options.jobs, options.fresh)
    except (ListError, BaselineError, CrashError) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    if options.toml:
        print(*map(_entry, _with(verdicts, "survived", set(listed))), sep="\n")
    return _report(verdicts, set(listed))


def _test(mutants: Sequence[Mutant], jobs: int, fresh: bool) -> dict[Mutant, Verdict]:
    """Collect the tests, and have the mutants tested where pytest would run them."""
    os.chdir(ROOT)
    # Any failure kills: the smallest example is of no interest, and chance must not decide.
    quick = settings(
        phases=[Phase.explicit, Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    settings.register_profile("mutants", quick)
    settings.load_profile("mutants")
    host = _Host(mutants, jobs, fresh, sys.stderr)
    console = io.StringIO()
    with redirect_stdout(console):
        code = pytest.main(["-q", "-s", "-p", "no:ape_test", "-p", "no:cacheprovider", *files()], plugins=[host])
    if host.error:
        raise host.error
    if not host.ran:
        raise BaselineError(f"the tests cannot be collected (pytest says {code}):\n{console.getvalue()}")
    return host.verdicts


class _Host:
    """A pytest plugin that takes over when all tests are collected."""

    def __init__(self, mutants: Sequence[Mutant], jobs: int, fresh: bool, out: TextIO) -> None:
        self._mutants, self._jobs, self._fresh, self._out = mutants, jobs, fresh, out
        self.ran = False
        self.error: BaselineError | CrashError | None = None
        self.verdicts: dict[Mutant, Verdict] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            return True
        self.ran = True
        campaign = Campaign(Suites(session), Memory(MEMORY), self._jobs, self._out)
        try:
            self.verdicts = campaign.run(self._mutants, self._fresh)
        except (BaselineError, CrashError) as error:
            self.error = error
        return True


def _report(verdicts: Mapping[Mutant, Verdict], listed: set[Identity]) -> int:
    survivors = _with(verdicts, "survived", set())
    refuted = [mutant for outcome in ("killed", "timeout") for mutant in _with(verdicts, outcome, set())]
    refuted = [mutant for mutant in refuted if mutant.identity in listed]
    unlisted = [mutant for mutant in survivors if mutant.identity not in listed]
    counts = tally(list(verdicts.values()))
    killed = counts["killed"] + counts["timeout"]
    print()
    for mutant in sorted(unlisted, key=lambda mutant: (mutant.file, mutant.line)):
        print(f"survived  {mutant}")
    for mutant in refuted:
        print(f"listed as equivalent, but killed by {verdicts[mutant].detail or 'a timeout'}  {mutant}")
    print(
        f"{counts['invalid']} do not compile, {counts['same']} make the same code, "
        f"{len(survivors) - len(unlisted)} are equivalent, {counts['timeout']} did not end"
    )
    print(f"{killed + len(unlisted)} mutants, {killed} killed")
    return 1 if unlisted or refuted else 0


def _with(verdicts: Mapping[Mutant, Verdict], outcome: str, without: set[Identity]) -> list[Mutant]:
    return [
        mutant for mutant, verdict in verdicts.items() if verdict.outcome == outcome and mutant.identity not in without
    ]


def _entry(mutant: Mutant) -> str:
    fields = zip(("file", "function", "before", "after"), mutant.identity, strict=True)
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields]
    return "\n".join(["", "[[equivalent]]", *lines, 'proof = ""'])


if __name__ == "__main__":
    sys.exit(main())
