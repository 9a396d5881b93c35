"""
A keeper that leads no more sends nothing, however far it has come.
"""

from pathlib import Path

import pytest

from keeper.errors import LeaderError
from keeper.execution.nonces import NonceManager
from keeper.journal import Journal, State
from tests.fake_node import FakeNode
from tests.operator_world import OPERATOR, TRANSACTION, transactions_on
from tests.unit.test_journal import EXECUTOR, GENESIS


class StoppedAfterTheCommit(Journal):
    """Its process was stopped when the transaction was written down, and goes on when another one leads."""

    def require_lead(self) -> None:
        raise LeaderError("this keeper's lease ran out")


async def test_send__stopped_between_commit_and_send__is_written_down_and_not_sent(tmp_path: Path) -> None:
    node, journal = FakeNode(), StoppedAfterTheCommit.open(tmp_path / "journal.sqlite", 42161, GENESIS)
    journal.begin_run(OPERATOR, EXECUTOR)
    transactions = transactions_on(node, journal, NonceManager(OPERATOR, on_chain=3))

    with pytest.raises(LeaderError):
        await transactions.send(TRANSACTION)

    assert node.sent == []
    assert [entry.state for entry in journal.open_entries(OPERATOR)] == [State.SIGNED]  # for the next leader
