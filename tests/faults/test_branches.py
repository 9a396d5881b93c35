"""
A chain that takes blocks back, and nodes that are on different branches of it.
"""

from contextlib import ExitStack

import pytest

from keeper.journal import State
from localnet import Localnet
from soak import faults
from soak.flight import EARNED, Flight

pytestmark = pytest.mark.asyncio(loop_scope="module")


def branch_off(flight: Flight, stack: ExitStack, net: Localnet, depth: int) -> None:
    """Have both nodes be on a branch that left the chain so many blocks ago, and no head be told."""
    height = int(net.rpc("eth_blockNumber"), 16) - depth
    stack.enter_context(flight.first.relay.refusing())
    for proxy in (flight.first, flight.second):
        stack.enter_context(proxy.inject(faults.forked(height)))


def states_of(flight: Flight, entry_id: int) -> list[str]:
    """All that became of a transaction so far."""
    rows = flight.journal._store.query("SELECT state FROM steps WHERE transaction_id = ?", (entry_id,))
    return [row["state"] for row in rows]


@pytest.mark.parametrize("depth", [1, 2, 5, 20])
async def test_chain__takes_blocks_back__market_and_journal_follow(
    checked: Flight, chain: Localnet, depth: int
) -> None:
    reorgs = checked.keeper.report.reorgs
    await checked.pass_blocks(2)

    chain.reorganise(depth)

    await checked.until(lambda: checked.keeper.report.reorgs > reorgs)


async def test_chain__takes_back_our_transaction__it_is_looked_for_again(checked: Flight, chain: Localnet) -> None:
    await checked.earn()
    last = max(entry.id for entry in checked.entries if entry.state in EARNED)
    included = next(entry for entry in checked.entries if entry.id == last)
    depth = int(chain.rpc("eth_blockNumber"), 16) - included.detail["block_number"] + 1
    chain.reorganise(depth)

    await checked.until(lambda: State.REORGED in states_of(checked, last))

    # Its nonce is free again, or it is in a block again: the keeper finds out which.
    await checked.until(lambda: all(entry.id != last for entry in checked.in_flight))


async def test_nodes__are_on_a_branch_for_a_while__keeper_follows_there_and_back(
    checked: Flight, chain: Localnet
) -> None:
    reorgs = checked.keeper.report.reorgs
    with ExitStack() as stack:
        branch_off(checked, stack, chain, 3)
        await checked.first.relay.close_all()
        await checked.until(lambda: checked.keeper.report.reorgs > reorgs)
        await checked.pass_blocks(4)

    await checked.until(lambda: checked.keeper.report.reorgs > reorgs + 1)


async def test_node__is_on_a_branch_while_the_other_is_not__keeper_changes_with_whom_it_asks(
    checked: Flight, chain: Localnet
) -> None:
    height = int(chain.rpc("eth_blockNumber"), 16) - 3
    reorgs = checked.keeper.report.reorgs
    with checked.first.relay.refusing(), checked.first.inject(faults.forked(height)):
        await checked.first.relay.close_all()
        await checked.until(lambda: checked.keeper.report.reorgs > reorgs)
        with checked.first.inject(faults.status(503)):
            await checked.until(lambda: checked.keeper.report.reorgs > reorgs + 1)
            await checked.pass_blocks(2)


async def test_heads__of_two_branches_alternate__keeper_trades_on_neither_wrongly(
    checked: Flight, chain: Localnet
) -> None:
    # Its WebSocket tells the chain, and its HTTP a branch.
    height = int(chain.rpc("eth_blockNumber"), 16)
    with checked.first.inject(faults.forked(height)) as rule:
        await rule.hit(40)
    assert sum(sent.written for sent in checked.sent) == len(checked.sent)


async def test_branch__is_deeper_than_the_memory__market_is_read_anew_and_nothing_sent_meanwhile(
    checked: Flight, chain: Localnet
) -> None:
    read = checked.keeper.cache.read
    with ExitStack() as stack:
        # The ring holds 256 blocks: a chain of which not one is known.
        branch_off(checked, stack, chain, int(chain.rpc("eth_blockNumber"), 16))
        await checked.first.relay.close_all()
        await checked.until(lambda: checked.lost)
        sent = len(checked.sent)
        await checked.until(lambda: not checked.lost)
        assert len(checked.sent) == sent
        await checked.pass_blocks(2)

    assert checked.keeper.cache.read >= read + len(checked.keeper.market)
