"""
How the executor's sources are broken, and how it is told whether a test noticed.
"""

import os
import re
import time
from pathlib import Path

import pytest

from mutants import processes
from mutants.campaign import _key
from mutants.equivalent import Entry, ListError, read, select
from mutants.mutator import Mutant, Source, mutate, sources
from mutants.processes import CrashError, Job
from mutants.verdicts import Memory, Verdict

CONTRACTS = Path(__file__).parent.parent.parent / "contracts"

SOURCE = '''
import module

MASK: constant(uint256) = 2**8 - 1
total: uint256

@external
@nonreentrant
def change(amount: uint256, held: bool):
    """
    @notice assert nothing here == 0
    """
    local: uint256 = 0
    local = amount
    self._check()
    if held:
        module.state[0] = 1
    if not held and (
        amount <= 3
    ) and amount not in [1, 2]:
        raise "no"
    assert local == amount, "a == b"
    assert extcall IToken(msg.sender).pay(1), "unpaid"
    self.total = 0

@internal
def _check():
    pass
'''


def changes(source: str) -> list[tuple[str, str]]:
    return [(mutant.before, mutant.after) for mutant in Source("module.vy", source).mutants()]


def test_mutants__of_a_source__are_all_of_these_in_order() -> None:

    assert [after for _, after in changes(SOURCE)] == [
        "MASK: constant(uint256) = 2**7 - 1",
        "MASK: constant(uint256) = 2**9 - 1",
        "(nothing)",
        "pass",
        "if not (held):",
        "pass",
        "if (held) and (",
        "if not held or (",
        "amount < 3",
        "amount > 3",
        ") or amount not in [1, 2]:",
        ") and amount in [1, 2]:",
        "pass",
        "pass",
        'assert local != amount, "a == b"',
        "extcall IToken(msg.sender).pay(1)",
        "pass",
        "pass",
    ]


def test_mutant__is_the_source_with_one_change() -> None:
    (drop,) = (mutant for mutant in Source("roles.vy", SOURCE).mutants() if mutant.before == "self.total = 0")

    assert drop.source == SOURCE.replace("self.total = 0", "pass")
    assert (drop.file, drop.function, drop.line) == (
        "roles.vy",
        "change",
        SOURCE[: SOURCE.index("self.total")].count("\n") + 1,
    )
    assert str(drop) == f"contracts/roles.vy:{drop.line}: self.total = 0  ->  pass"


def test_mutants__of_the_executor__drop_every_assertion_and_role_check() -> None:
    dropped = {(mutant.file, mutant.line) for mutant in mutate(CONTRACTS) if mutant.after == "pass"}
    wanted = {
        (path.relative_to(CONTRACTS).as_posix(), number)
        for path in sources(CONTRACTS)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.match(r"\s+(assert |raise |\w+\._check_|self\._permission = )", line)
    }

    assert len(wanted) > 30
    assert wanted <= dropped


def test_mutants__of_the_executor__have_distinct_sources() -> None:
    mutants = mutate(CONTRACTS)

    assert len({(mutant.file, mutant.source) for mutant in mutants}) == len(mutants)
    assert all(mutant.source != (CONTRACTS / mutant.file).read_text() for mutant in mutants)


def test_key__other_change_or_other_tests__is_another() -> None:
    first, second = Source("a.vy", SOURCE).mutants()[:2]

    assert len({_key("tests", first), _key("tests", second), _key("other tests", first)}) == 3


def test_equivalent__entries__name_the_mutants_of_today() -> None:
    listed = select(read(), mutate(CONTRACTS))

    assert all(len(entry.proof) > 20 for entry in listed.values())


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('file = "a.vy"', "entry 1 lacks after, before, function, proof"),
        ('file="a"\nfunction="f"\nbefore="b"\nafter="c"\nproof="d"\nwhy="e"', "unknown keys: why"),
        ('file="a"\nfunction="f"\nbefore="b"\nafter="c"\nproof=" "', "has no proof"),
    ],
)
def test_equivalent__bad_entry__is_refused(tmp_path: Path, toml: str, words: str) -> None:
    path = tmp_path / "equivalent.toml"
    path.write_text(f"[[equivalent]]\n{toml}\n")

    with pytest.raises(ListError, match=words):
        read(path)


def test_equivalent__entry_without_a_mutant__is_refused() -> None:
    mutants = Source("a.vy", SOURCE).mutants()
    gone = Entry(("a.vy", "change", "self.total = 1", "pass"), 1, "proof")

    with pytest.raises(ListError, match="0 mutants are"):
        select([gone], mutants)


def test_equivalent__one_entry_for_two_mutants__must_say_so() -> None:
    doubled = SOURCE.replace("    self.total = 0\n", "    self.total = 0\n    self.total = 0\n")
    mutants = Source("a.vy", doubled).mutants()
    identity = ("a.vy", "change", "self.total = 0", "pass")

    assert select([Entry(identity, 2, "proof")], mutants)
    with pytest.raises(ListError, match="2 mutants are"):
        select([Entry(identity, 1, "proof")], mutants)
    with pytest.raises(ListError, match="listed twice"):
        select([Entry(identity, 2, "proof"), Entry(identity, 2, "proof")], mutants)


def test_memory__verdicts_and_killers__outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "mutants.jsonl"
    mutant, neighbour, stranger = ("a.vy", "f", "x", "y"), ("a.vy", "f", "x", "z"), ("b.vy", "f", "x", "y")
    Memory(path).note("key", mutant, Verdict("killed", "test_x"))

    again = Memory(path)

    assert again.verdict("key") == Verdict("killed", "test_x")
    assert again.verdict("other key") is None
    assert again.killers(mutant) == again.killers(neighbour) == ["test_x"]
    assert again.killers(stranger) == []


def test_fork__does_the_work_elsewhere() -> None:
    assert processes.call(lambda: [os.getpid() != parent, 1]) == [True, 1]


parent = os.getpid()


def test_fork__raises__is_a_crash_with_its_words() -> None:
    def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(CrashError, match="ValueError: broken"):
        processes.call(fail)


def test_jobs__one_does_not_end__is_killed_and_the_others_answered() -> None:
    jobs = [Job("slow", lambda: time.sleep(60), 0.2), Job("quick", lambda: "done", 10), Job("last", lambda: 3, 10)]

    answers = {job.subject: answer for job, answer in processes.run(jobs, 2)}

    assert answers == {"slow": None, "quick": "done", "last": 3}


def test_mutant__identity__does_not_depend_on_its_line() -> None:
    moved = Source("a.vy", "\n# one more line\n" + SOURCE).mutants()

    assert [mutant.identity for mutant in moved] == [mutant.identity for mutant in Source("a.vy", SOURCE).mutants()]
    assert isinstance(moved[0], Mutant)
