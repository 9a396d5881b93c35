"""
Transactions on their way to the chain: refused, lost, taken without a word, late.
"""

from typing import Any

import pytest

from keeper.journal import Entry, State
from soak import faults
from soak.flight import IN_BLOCK, Flight
from soak.proxy import SENDS, Exchange, Fault, Reaction
from soak.tables import DOUBTS, REFUSALS
from tests.clock import advance

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: A transaction that is in no block is given up the sooner.
OPTIONS: dict[str, Any] = {"deadline_seconds": 1}


async def struck(flight: Flight, fault: Fault) -> str:
    """Have the fault befall one transaction, and return its hash."""
    with flight.first.inject(fault, SENDS, count=1) as rule:
        await rule.hit()
        return flight.sent[-1].hash


def entry_of(flight: Flight, name: str) -> Entry:
    return next(entry for entry in flight.entries if entry.transaction.hash == name)


async def becomes(flight: Flight, name: str, *states: State) -> Entry:
    """Return a transaction's entry once it is in one of the states."""
    await flight.until(lambda: entry_of(flight, name).state in states)
    return entry_of(flight, name)


@pytest.mark.parametrize(("code", "words"), REFUSALS.values(), ids=REFUSALS)
async def test_send__node_refuses_for_good__nonce_is_free_at_once(checked: Flight, code: int, words: str) -> None:
    name = await struck(checked, faults.error(code, words))

    entry = await becomes(checked, name, State.DROPPED)
    assert words[:20] in entry.detail["reason"]


@pytest.mark.parametrize(("code", "words"), DOUBTS.values(), ids=DOUBTS)
async def test_send__node_may_have_taken_it_and_did_not__nonce_goes_to_a_sibling(
    checked: Flight, code: int, words: str
) -> None:
    name = await struck(checked, faults.error(code, words))

    # Until its deadline the same bytes are offered again; after that the nonce is a sibling's.
    entry = await becomes(checked, name, *IN_BLOCK, State.DROPPED)
    nonce = entry.transaction.nonce
    await checked.until(lambda: checked.entries[-1].transaction.nonce > nonce)
    (used,) = [other for other in checked.entries if other.transaction.nonce == nonce and other.state in IN_BLOCK]
    assert (used.transaction.hash == name) == (used.transaction.sibling_of is None)


@pytest.mark.parametrize("words", ["already known", "AlreadyKnown: transaction already in mempool", "nonce too low"])
async def test_send__node_has_it_already__is_followed(checked: Flight, words: str) -> None:
    async def known(exchange: Exchange) -> Reaction:
        await exchange.forward()
        return exchange.error(-32000, words)

    await becomes(checked, await struck(checked, known), *IN_BLOCK)


async def test_send__taken_and_never_answered__is_followed(checked: Flight) -> None:
    with checked.first.inject(faults.take_and_hang, SENDS, count=1) as rule:
        await rule.hit()
        advance(17.0)
        name = checked.sent[-1].hash

        await becomes(checked, name, *IN_BLOCK)


async def test_send__taken_and_the_connection_cut__is_followed(checked: Flight) -> None:
    async def taken(exchange: Exchange) -> Reaction:
        await exchange.forward()
        return await faults.abort(exchange)

    await becomes(checked, await struck(checked, taken), *IN_BLOCK)


@pytest.mark.parametrize("fault", [faults.abort, faults.status(503), faults.body("<html>")], ids=["cut", "503", "HTML"])
async def test_send__not_taken_and_no_answer__is_offered_again_or_given_up(checked: Flight, fault: Fault) -> None:
    await becomes(checked, await struck(checked, fault), *IN_BLOCK, State.DROPPED)


async def test_send__hash_is_told_and_not_included__is_offered_again_or_given_up(checked: Flight) -> None:
    await becomes(checked, await struck(checked, faults.swallow), *IN_BLOCK, State.DROPPED)


@pytest.mark.parametrize("seconds", [0.6, 4.0])
async def test_send__refused_and_taken_later__at_most_one_of_its_nonce_is_included(
    checked: Flight, seconds: float
) -> None:
    late = faults.late(seconds, faults.error(-32000, "context deadline exceeded"))
    with checked.first.inject(late, SENDS, count=1) as rule:
        await rule.hit()
        name = checked.sent[-1].hash
    await becomes(checked, name, *IN_BLOCK, State.DROPPED)

    await checked.pass_blocks(round(seconds / 0.25))


async def test_send__keeper_is_killed_before_the_answer__next_life_knows_what_became_of_it(checked: Flight) -> None:
    with checked.first.inject(faults.take_and_hang, SENDS, count=1) as rule:
        await rule.hit()
        name = checked.sent[-1].hash
        await checked.kill()
    assert sum(sent.hash == name for sent in checked.sent) == 1

    await checked.start()

    await becomes(checked, name, *IN_BLOCK)
    # Until a block has it, the same bytes may be offered again; others with its nonce never are.
    (nonce,) = {entry.transaction.nonce for entry in checked.entries if entry.transaction.hash == name}
    assert [entry.transaction.hash for entry in checked.entries if entry.transaction.nonce == nonce] == [name]


async def test_send__node_keeps_no_transaction_for_a_while__keeper_loses_nothing(checked: Flight) -> None:
    with checked.first.inject(faults.swallow, SENDS) as rule:
        await rule.hit(2)
