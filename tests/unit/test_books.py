"""
What became of what was sent: who moved its pools, and whom to blame.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from keeper.bidding import NO_BID
from keeper.books import Books
from keeper.config import load_chain
from keeper.execution.receipts import Outcome
from keeper.journal import Journal, PlannedRoute, SignedTransaction, State
from keeper.monitor.report import Report
from keeper.monitor.table import Screen
from keeper.races import Races
from keeper.types import Address, Block, Hash
from tests.unit.test_desk import Upkeep
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR, TRANSACTION

FACTS = load_chain("arbitrum")
WETH = FACTS.token("WETH")
POOL, OTHER = Address("0x" + "aa" * 20), Address("0x" + "bb" * 20)


@pytest.fixture
def upkeep() -> Upkeep:
    return Upkeep([])


@pytest.fixture
def books(upkeep: Upkeep, tmp_path: Path) -> Iterator[Books]:
    with closing(Journal.open(tmp_path / "journal.sqlite", FACTS.chain_id, GENESIS)) as journal:
        journal.begin_run(OPERATOR, EXECUTOR)
        screen = Screen("", Console(file=StringIO()))
        yield Books(FACTS, (WETH,), Races(NO_BID), upkeep, journal, Report(), screen)  # type: ignore[arg-type]


@pytest.fixture
def sent() -> SignedTransaction:
    route = PlannedRoute((POOL,), WETH, "none", 1, 9, 1)
    return replace(TRANSACTION, routes=(route,), predicted=((WETH, 9),), block_number=100)


def block(number: int) -> Block:
    return Block(number, Hash(f"0x{number:064x}"), Hash(f"0x{number - 1:064x}"), number, 1)


def spoken(pool: Address, index: int) -> dict[str, Any]:
    return {"address": pool, "topics": [], "data": "0x", "transactionIndex": hex(index)}


def test_book__gain_unlike_the_prediction_untouched__blames_the_pools(
    books: Books, upkeep: Upkeep, sent: SignedTransaction
) -> None:
    books.hear(block(101), [], [])

    (booking,) = books.book([Outcome(sent, State.SOFT, ((WETH, 8),), 1, (101, 0))])

    assert not booking.touched
    assert upkeep.blamed == [(POOL,)]


@pytest.mark.parametrize(
    ("pool", "number", "index", "is_touched"),
    [
        (POOL, 101, 3, True),
        (POOL, 102, 1, True),
        (POOL, 102, 2, False),  # by the transaction itself, or after it
        (POOL, 103, 0, False),
        (POOL, 100, 0, False),  # the plan knew of it
        (OTHER, 101, 0, False),
    ],
)
def test_book__pool_spoke_in_some_block__touched_if_that_was_between_the_plan_and_the_transaction(
    books: Books, upkeep: Upkeep, sent: SignedTransaction, pool: Address, number: int, index: int, is_touched: bool
) -> None:
    for each in range(100, 104):
        books.hear(block(each), [spoken(pool, index)] if each == number else [], [])

    (booking,) = books.book([Outcome(sent, State.SOFT, ((WETH, 8),), 1, (102, 2))])

    assert booking.touched == is_touched
    assert bool(upkeep.blamed) != is_touched


def test_book__block_in_between_was_not_seen__may_have_been_touched(
    books: Books, upkeep: Upkeep, sent: SignedTransaction
) -> None:
    for each in (100, 102, 103):
        books.hear(block(each), [], [])

    (booking,) = books.book([Outcome(sent, State.SOFT, ((WETH, 8),), 1, (102, 2))])

    assert booking.touched
    assert not upkeep.blamed


def test_book__token_that_is_no_profit_token_any_more__is_named_all_the_same(
    books: Books, sent: SignedTransaction
) -> None:
    usdc, strange = FACTS.token("USDC"), Address("0x" + "cc" * 20)
    gains = ((usdc, 5), (strange, 7))

    (booking,) = books.book([Outcome(replace(sent, predicted=gains), State.SOFT, gains, 1, (101, 0))])

    assert booking.symbols == {usdc: "USDC", strange: strange}
