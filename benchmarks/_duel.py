"""
A keeper and a rival on one localnet, block by block: the same noise, and the same rival, for whoever bids.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

import localnet
from keeper.chain.changes import Change
from keeper.chain.heads import PolledHeads
from keeper.chain.rpc import Rpc
from keeper.config import Settings, load_chain, load_settings
from keeper.execution.opening import open_broadcast, open_signers
from keeper.journal import Entry, Journal, State
from keeper.loop import Keeper
from keeper.market import Market
from keeper.monitor.report import Report
from keeper.monitor.table import Screen
from keeper.preflight import Deployment
from keeper.snapshot import SnapshotFile
from localnet import Localnet, RivalSettings, TraderSettings, accounts
from localnet.sequencer import Sequencer
from scripts._build import Artifact
from scripts._deployment import deploy, rehearsal_roles

_FACTS = load_chain("arbitrum")

#: What a transaction takes at most that ends at one of its first guards.
_GUARD_GAS = 45_000

#: How long a keeper may take over a block; then the chain goes on without him.
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Meeting:
    """
    A transaction of the keeper's and one of the rival's in one block, through a pool that they share.

    Attributes:
        first: Whether the keeper's was executed before.
    """

    entry: Entry
    first: bool


@dataclass(frozen=True, slots=True)
class Duel:
    """
    What came of it.

    Attributes:
        entries: The keeper's transactions.
        rival_sent: How many the rival sent, and
        rival_won: how many of them succeeded.
        changes: What the keeper was told of the chain's parameters.
    """

    report: Report
    entries: tuple[Entry, ...]
    meetings: tuple[Meeting, ...]
    rival_sent: int
    rival_won: int
    changes: tuple[Change, ...]


class _Turns(Screen):
    """Notes which block the keeper is done with."""

    def __init__(self) -> None:
        super().__init__("", Console(file=StringIO()))
        self._done = threading.Condition()
        self._head = -1

    def draw(self, market: Market, report: Report, in_flight: int, state: str = "") -> None:  # noqa: ARG002 - a screen's
        with self._done:
            self._head = market.head.number
            self._done.notify_all()

    def wait_for(self, head: int) -> None:
        with self._done:
            self._done.wait_for(lambda: self._head >= head, _PATIENCE_SECONDS)


def duel(
    folder: Path,
    blocks: int,
    traders: TraderSettings,
    rival: RivalSettings,
    artifact: Artifact | None = None,
    before_block: Callable[[Localnet, int], None] = lambda net, block: None,  # noqa: ARG005 - nothing happens
    **settings: Any,
) -> Duel:
    """
    Let a keeper with these *settings* and a rival meet for so many blocks of a priority gas auction.

    *before_block* may do something to the chain before each block, counted from 0.

    In each block the keeper has had its turn before the rival has his, and both before the noise: who comes first is
    decided by tips alone, and how fast the machine is decides nothing.
    """
    operator = accounts.public(0)
    tokens = tuple(_FACTS.token(symbol) for symbol in _FACTS.profit_tokens)
    with localnet.start(sequencer=False, traders=traders, order="fees", rival=rival) as net:
        mining = Sequencer(net.url, None)
        mining.start()
        roles = rehearsal_roles(operator.address, accounts.public(9).address, tokens)
        deploy(net.url, operator, roles, "localnet", folder / "deployment.json", artifact=artifact)
        mining.stop()
        net.mine(2)
        # Races are lost here on purpose.
        fearless = {"max_reverts_in_a_row": 10**6, "max_revert_share": 1.0, "max_failed_gas_wei": 10**18}
        pools = {"dexes_on": ("balancer_v2_stable", "balancer_v3_weighted")}
        given = {**pools, **fearless, "deadline_seconds": 600, **settings}
        chosen = load_settings(rpc_url=net.url, state_dir=folder, **given)
        return asyncio.run(_fought(net, chosen, operator, blocks, before_block))


async def _fought(
    net: Localnet, settings: Settings, operator: Any, blocks: int, before_block: Callable[[Localnet, int], None]
) -> Duel:
    deployment = Deployment.load(settings.state_dir / "deployment.json")
    journal = Journal.open(settings.state_dir / "journal.sqlite", _FACTS.chain_id, deployment.genesis_hash)
    turns, stop = _Turns(), asyncio.Event()
    file = SnapshotFile(settings.state_dir / "market.jsonl", {"duel": 1})
    with closing(journal):
        async with (
            Rpc(*settings.nodes) as rpc,
            open_signers(settings, _FACTS.chain_id, deployment.executor, [operator]) as signers,
            open_broadcast(settings, _FACTS, rpc, [operator]) as broadcast,
        ):
            heads = PolledHeads(settings.poll_seconds)
            keeper = Keeper(rpc, heads, settings, _FACTS, deployment, signers, broadcast, journal, turns, file)
            changes: list[Change] = []
            keeper.conditions.changes.listeners.append(changes.append)
            running = asyncio.create_task(keeper.run(stop))
            await asyncio.to_thread(_blocks, net, turns, blocks, before_block)
            stop.set()
            while not running.done():
                await asyncio.to_thread(net.mine)
                await asyncio.wait({running}, timeout=0.2)
            await running
        entries = tuple(journal.entries())
    return _told(net, keeper.report, entries, tuple(changes))


def _blocks(net: Localnet, turns: _Turns, blocks: int, before_block: Callable[[Localnet, int], None]) -> None:
    assert net.rival is not None
    assert net.traders is not None
    for block in range(blocks):
        before_block(net, block)
        turns.wait_for(int(net.rpc("eth_blockNumber"), 16))
        net.rival.step()
        net.traders.step()
        net.mine()


def _told(net: Localnet, report: Report, entries: tuple[Entry, ...], changes: tuple[Change, ...]) -> Duel:
    assert net.rival is not None
    receipts: Mapping[str, Any] = {
        attempt.hash: net.rpc("eth_getTransactionReceipt", attempt.hash) for attempt in net.rival.attempts
    }
    by_block = {int(receipts[attempt.hash]["blockNumber"], 16): attempt for attempt in net.rival.attempts}
    meetings = []
    for entry in entries:
        attempt = by_block.get(entry.detail.get("block_number", -1))
        if attempt is not None and not set(attempt.pools).isdisjoint(entry.transaction.pools):
            his = int(receipts[attempt.hash]["transactionIndex"], 16)
            meetings.append(Meeting(entry, entry.detail["transaction_index"] < his))
    won = sum(int(receipt["status"], 16) for receipt in receipts.values())
    return Duel(report, entries, tuple(meetings), len(receipts), won, changes)


def counted(fought: Duel) -> dict[str, float]:
    """
    Return its figures: races are transactions of both in one block that share a pool.
    """
    lost = [meeting.entry for meeting in fought.meetings if not meeting.first]
    reverted = [entry for entry in fought.entries if entry.state is State.REVERTED]
    return {
        "blocks": fought.report.blocks,
        "sent": len(fought.entries),
        "races": len(fought.meetings),
        "won": sum(m.first and m.entry.state in (State.SOFT, State.FINAL) for m in fought.meetings),
        "lost": len(lost),
        "reverted": len(reverted),
        "reverted_late": sum(int(entry.detail["gas_used"]) > _GUARD_GAS for entry in reverted),
        "reverted_gas": sum(int(entry.detail["gas_used"]) for entry in reverted),
        "reverted_eth": sum(int(entry.detail["gas_wei"]) for entry in reverted) / 10**18,
        "bids_eth": sum(
            entry.transaction.bid_wei for entry in fought.entries if entry.state in (State.SOFT, State.FINAL)
        ) / 10**18,
        "net_profit_eth": fought.report.net_profit_wei / 10**18,
        "rival_sent": fought.rival_sent,
        "rival_succeeded": fought.rival_won,
    }  # fmt: skip


def timed(folder: Path, blocks: int, seed: int, rival: RivalSettings, **settings: Any) -> dict[str, float]:
    """
    Return the figures of a duel, and how many seconds it took.
    """
    began = time.perf_counter()
    figures = counted(duel(folder, blocks, TraderSettings(seed=seed), rival, **settings))
    return figures | {"seconds": round(time.perf_counter() - began, 1)}
