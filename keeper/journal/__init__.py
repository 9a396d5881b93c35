"""
The append-only record of every decision and outcome.

Rows are only ever added: a transaction's row is written (and synced to disk) before its first byte leaves, and each
step of its life is a row of its own. What a transaction is now is its last step.
"""

from keeper.journal.journal import Journal, open_journal
from keeper.journal.records import IN_BLOCK, OPEN, Amounts, Decision, Entry, PlannedRoute, SignedTransaction, State
from keeper.journal.schema import SCHEMA_VERSION

__all__ = [
    "IN_BLOCK",
    "OPEN",
    "SCHEMA_VERSION",
    "Amounts",
    "Decision",
    "Entry",
    "Journal",
    "PlannedRoute",
    "SignedTransaction",
    "State",
    "open_journal",
]
