"""
SIGKILL at each step of the journal, often.
"""

from pathlib import Path

from tests.faults.kill_points import ALL_POINTS, kill_everywhere
from tests.postgres import server

TIMES = 100
TIMES_ON_POSTGRESQL = 5


def test_transactions__killed_at_each_step__nothing_is_sent_twice_or_lost(tmp_path: Path) -> None:
    killed = kill_everywhere(str(tmp_path / "journal.sqlite"), TIMES, seed=101)

    assert killed == dict.fromkeys(ALL_POINTS, TIMES)


def test_transactions__killed_at_each_step_on_postgresql__nothing_is_sent_twice_or_lost() -> None:
    with server() as postgres:
        killed = kill_everywhere(postgres.create("journal"), TIMES_ON_POSTGRESQL, seed=102)

    assert killed == dict.fromkeys(ALL_POINTS, TIMES_ON_POSTGRESQL)
