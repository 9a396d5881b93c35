"""
One schema for SQLite and PostgreSQL, and the way to it from every earlier version.

A database is made as version 2 and brought up step by step like any older one, so that there is one schema however
old a journal is. Each step is a transaction: a database is of one version or of the next.
"""

from collections.abc import Mapping
from types import MappingProxyType

SCHEMA_VERSION = 5

#: The oldest version that is brought up to date.
OLDEST_VERSION = 2

_VERSION_2 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL){strict};
CREATE TABLE runs (
    id {id}, started_at {real} NOT NULL, operator TEXT NOT NULL, executor TEXT NOT NULL
){strict};
CREATE TABLE decisions (
    id {id}, run_id {integer} NOT NULL REFERENCES runs, at {real} NOT NULL, block_number {integer} NOT NULL,
    routes TEXT NOT NULL, gains TEXT NOT NULL, loan_fees TEXT NOT NULL, worth_wei TEXT NOT NULL, l2_wei TEXT NOT NULL,
    l1_wei TEXT NOT NULL, bid_wei TEXT NOT NULL, profits TEXT NOT NULL, profit_wei TEXT NOT NULL, outcome TEXT NOT NULL
){strict};
CREATE TABLE transactions (
    id {id}, run_id {integer} NOT NULL REFERENCES runs, at {real} NOT NULL, sender TEXT NOT NULL,
    nonce {integer} NOT NULL, hash TEXT NOT NULL UNIQUE, raw {bytes} NOT NULL,
    sibling_of {integer} REFERENCES transactions, block_number {integer} NOT NULL, deadline {integer} NOT NULL,
    routes TEXT NOT NULL, predicted TEXT NOT NULL, predicted_profit_wei TEXT NOT NULL, gas_limit {integer} NOT NULL,
    max_fee_wei TEXT NOT NULL
){strict};
CREATE TABLE steps (
    id {id}, transaction_id {integer} NOT NULL REFERENCES transactions, at {real} NOT NULL, state TEXT NOT NULL,
    detail TEXT NOT NULL
){strict};
CREATE INDEX steps_by_transaction ON steps (transaction_id, id);
CREATE INDEX transactions_by_nonce ON transactions (sender, nonce);
"""

# One leader for each sender, and no two signatures for a nonce unless each of them names another one before it.
_VERSION_3 = """
CREATE TABLE leaders (
    sender TEXT NOT NULL PRIMARY KEY, epoch {integer} NOT NULL, holder TEXT NOT NULL, at {real} NOT NULL,
    lease_seconds {real} NOT NULL, resigned {integer} NOT NULL
){strict};
ALTER TABLE transactions ADD COLUMN epoch {integer} NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX one_signature_for_a_nonce ON transactions (sender, nonce, coalesce(sibling_of, 0));
DROP INDEX transactions_by_nonce;
"""

# What a report is made of: which DEX a pool is of, and what a gain was worth when it was made.
_VERSION_4 = """
CREATE TABLE pools (address TEXT NOT NULL PRIMARY KEY, dex TEXT NOT NULL){strict};
CREATE TABLE valuations (
    id {id}, transaction_id {integer} NOT NULL REFERENCES transactions, at {real} NOT NULL, worths TEXT NOT NULL
){strict};
CREATE INDEX valuations_by_transaction ON valuations (transaction_id, id);
CREATE INDEX decisions_by_time ON decisions (at);
CREATE INDEX transactions_by_time ON transactions (at);
"""

# What is in a block is soft until it is final; and what was bid for it, bids are learned from.
_VERSION_5 = """
ALTER TABLE transactions ADD COLUMN bid_wei TEXT NOT NULL DEFAULT '0';
UPDATE steps SET state = 'soft' WHERE state = 'included';
"""

#: What makes a version of the one before it; the first of nothing.
STEPS: Mapping[int, str] = MappingProxyType({2: _VERSION_2, 3: _VERSION_3, 4: _VERSION_4, 5: _VERSION_5})


def statements(version: int, words: Mapping[str, str]) -> list[str]:
    """
    Return what makes a database of *version* of one of the version before.

    Args:
        words: The database's own words for ``id``, ``integer``, ``real``, ``bytes`` and ``strict``.
    """
    return [statement for statement in STEPS[version].format(**words).split(";") if statement.strip()]
