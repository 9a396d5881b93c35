"""
A keeper in the caller's event loop, on a localnet, behind proxies that misbehave.

It is the keeper itself, as the command line puts it together; what differs is that its journal and its screen tell when
something happened, so that whoever waits for that need not look again and again.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Self

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from rich.console import Console

from keeper.assembly import assemble
from keeper.chain.arbitrum import ArbosParameters
from keeper.chain.rpc import Rpc
from keeper.config import Settings, load_chain
from keeper.errors import ChainError, JournalError
from keeper.execution.opening import open_signers
from keeper.execution.operation import Operation
from keeper.journal import Entry, Journal, State
from keeper.loop import Keeper
from keeper.monitor.table import Screen
from keeper.preflight import Deployment
from keeper.types import Hash
from localnet import Localnet, accounts
from scripts._build import Artifact
from scripts._deployment import deploy
from scripts._roles import rehearsal_roles
from soak.proxy import FaultProxy
from soak.telling import Bell, TellingJournal, TellingScreen

FACTS = load_chain("arbitrum")

#: States of what is in a block and succeeded.
EARNED = (State.SOFT, State.FINAL)

#: States of what is in a block, and has used its nonce.
IN_BLOCK = (*EARNED, State.REVERTED)

#: How long anything is waited for that must happen: much longer than it takes, for machines that do much else.
PATIENCE_SECONDS = 120.0

#: How long whatever supervises a service waits before it starts it again.
_RESTART_SECONDS = 1.0

#: Off in production, and there to be traded on a localnet.
DEXES_OF_THE_LOCALNET = ("balancer_v2_stable", "balancer_v3_weighted")


@dataclass(frozen=True, slots=True)
class Sent:
    """
    A transaction as a node was offered it.

    Attributes:
        written: Whether the journal on disk had it by then.
        state: What the keeper said that its operating state was; None if it has none.
        lost: Whether the keeper was reading its market anew.
    """

    hash: Hash
    written: bool
    state: str | None
    lost: bool


def state_of(keeper: Keeper) -> str | None:
    """
    Return the operating state that a keeper reports, in capitals, or None if it knows of none.
    """
    state = getattr(getattr(keeper, "operation", keeper), "state", None)
    return None if state is None else str(state).upper()


@dataclass(slots=True)
class Flight:
    """
    Attributes:
        first: The node that the keeper prefers, WebSocket included.
        second: The node that stands in for it.
        sent: What either of them was offered, in order.
        supervised: Whether a keeper that a node ended is started again, as whatever supervises a service does.
        restarts: How often it was.
    """

    net: Localnet
    directory: Path
    first: FaultProxy
    second: FaultProxy
    options: dict[str, Any]
    sent: list[Sent] = field(default_factory=list)
    keeper: Keeper = field(init=False)
    journal: TellingJournal = field(init=False)
    bell: Bell = field(default_factory=Bell)
    screen: TellingScreen = field(default_factory=lambda: TellingScreen("", Console(file=StringIO())))
    rpc: Rpc = field(init=False)
    task: "asyncio.Task[None] | None" = None
    supervised: bool = False
    restarts: int = 0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> Self:
        """Start a keeper, as the command line would once all is there that it relies on."""
        settings = self.settings()
        self._stop.clear()
        for proxy in (self.first, self.second):
            proxy.on_send = self._offered
        self.rpc = await self._open.enter_async_context(Rpc(*settings.nodes, chain_id=FACTS.chain_id))
        deployment = Deployment.load(settings.state_dir / "deployment.json")
        keys = [self.account]
        signers = await self._open.enter_async_context(
            open_signers(settings, FACTS.chain_id, deployment.executor, keys)
        )
        operation = Operation(settings.state_dir, settings.dry_run)
        assembled = await assemble(
            self._open,
            self.rpc,
            settings,
            FACTS,
            deployment,
            signers,
            keys,
            operation,
            journal_of=self._open_journal,
            screen_of=self._make_screen,
        )
        self.keeper = assembled.keeper
        self.task = asyncio.create_task(self.keeper.run(self._stop))
        self.task.add_done_callback(lambda task: self.bell.ring())
        return self

    def _open_journal(self, settings: Settings, chain_id: int, genesis_hash: Hash) -> Journal:
        self.journal = TellingJournal.open(settings.state_dir / "journal.sqlite", chain_id, genesis_hash)
        self.journal.bell = self.bell
        return self.journal

    def _make_screen(self, title: str) -> Screen:
        self.screen = TellingScreen(title, Console(file=StringIO()), bell=self.bell, drawn=self.screen.drawn)
        return self.screen

    async def stop(self) -> None:
        """Tell the keeper to stop, and wait until it has."""
        self._stop.set()
        try:
            if self.task is not None:
                await self.task
        finally:
            self.task = None
            await self._open.aclose()

    async def kill(self) -> None:
        """End the keeper where it stands, without its drain."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})
            self.task = None
        await self._open.aclose()

    def settings(self) -> Settings:
        """What the keeper is told; an option wins."""
        usual: dict[str, Any] = {
            "rpc_url": self.first.url,
            "rpc_urls": (self.second.url,),
            "ws_url": self.first.ws_url,
            "state_dir": self.directory / "state",
            "dexes_on": DEXES_OF_THE_LOCALNET,
            "max_routes": 2,
            "dashboard_port": 0,
            # A paced chain does not go by the machine's clock, least of all once anvil has reorganised it.
            "max_block_lag_seconds": 3_600.0,
            "max_clock_skew_seconds": 3_600.0,
            # Long enough to be seen, and no longer: every fault waits for the keeper to trade again.
            "cool_seconds": 1.0,
            "ordering_pause_seconds": 2.0,
        }
        return Settings(**usual | self.options)

    @property
    def account(self) -> LocalAccount:
        return accounts.public(0)

    @property
    def operator(self) -> str:
        return str(self.account.address).lower()

    @property
    def entries(self) -> list[Entry]:
        return self.journal.entries()

    @property
    def included(self) -> int:
        """How many transactions are in a block, as far as the journal knows."""
        return sum(entry.state in EARNED for entry in self.entries)

    @property
    def in_flight(self) -> list[Entry]:
        """Transactions whose fate the keeper does not know."""
        return list(self.keeper.in_flight)

    @property
    def disputed(self) -> set[Hash]:
        """Transactions of whose receipts the nodes tell differently, as far as the keeper has noticed."""
        return set(self.keeper.disputed)

    @property
    def lost(self) -> bool:
        """Whether the keeper is to read its market anew."""
        return self.keeper.lost

    @property
    def arbos(self) -> ArbosParameters:
        """What the keeper believes of the chain's parameters."""
        return self.keeper.conditions.arbos

    @property
    def blocks(self) -> int:
        return self.keeper.report.blocks

    async def until(self, what: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """
        Return when *what* holds.

        Raises:
            TimeoutError: It does not within so many seconds.
            KeeperError: The keeper ended instead.
        """
        async with asyncio.timeout(seconds):
            while True:
                await self.bell.until(lambda: (self.task is not None and self.task.done()) or what(), seconds)
                if what() or self.task is None:
                    return
                if not (self.supervised and isinstance(self.task.exception(), ChainError)):
                    self.task.result()
                    raise AssertionError("the keeper ended by itself")
                await self.kill()
                await asyncio.sleep(_RESTART_SECONDS)
                await self.start()
                self.restarts += 1

    def forgive(self) -> None:
        """Have nodes and transactions be as good as new to the keeper, as a quiet day would."""
        for node in self.rpc._nodes:
            node.paused_until = node.pause_seconds = 0.0
            node.lag = 0
        breakers = self.keeper.watch.breakers
        breakers._cooled.clear()
        breakers._ended.clear()

    async def pass_blocks(self, blocks: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Return when the keeper has taken in so many blocks more."""
        target = self.blocks + blocks
        await self.until(lambda: self.blocks >= target, seconds)

    @property
    def newest(self) -> int:
        """The journal's number of the newest transaction; 0 before any."""
        return max((entry.id for entry in self.entries), default=0)

    def earned_since(self, newest: int) -> bool:
        """Whether a transaction that was signed after this one is in a block."""
        return any(entry.id > newest and entry.state in EARNED for entry in self.entries)

    async def earn(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Return when a transaction that is signed from now on is in a block."""
        newest = self.newest
        await self.until(lambda: self.earned_since(newest), seconds)

    def _offered(self, raw: bytes) -> None:
        transaction_hash = Hash("0x" + keccak(raw).hex())
        self.sent.append(Sent(transaction_hash, self._is_written(transaction_hash), state_of(self.keeper), self.lost))

    def _is_written(self, transaction_hash: Hash) -> bool:
        """Asked of the file, by a connection of its own: what another process would find."""
        path = self.directory / "state" / "journal.sqlite"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                found = database.execute("SELECT 1 FROM transactions WHERE hash = ?", (transaction_hash,)).fetchone()
        except sqlite3.Error as error:
            raise JournalError(f"the journal cannot be read by another: {error}") from None
        return found is not None


def deploy_executor(net: Localnet, directory: Path, artifact: Artifact) -> None:
    """
    Put the executor on a localnet, with anvil's first public account for operator, and its record into *directory*.
    """
    operator = accounts.public(0)
    profit_tokens = tuple(FACTS.token(symbol) for symbol in FACTS.profit_tokens)
    roles = rehearsal_roles(operator.address, accounts.public(9).address, profit_tokens)
    deploy(net.url, operator, roles, "localnet", directory / "state" / "deployment.json", artifact=artifact)


@asynccontextmanager
async def flight(net: Localnet, directory: Path, **options: Any) -> AsyncIterator[Flight]:
    """
    A keeper behind two proxies of one localnet, on which the executor stands already; *options* are its settings.
    """
    async with AsyncExitStack() as stack:
        first, second = [await FaultProxy(net.url).start() for _ in range(2)]
        stack.push_async_callback(first.stop)
        stack.push_async_callback(second.stop)
        flown = Flight(net, directory, first, second, options)
        await flown.start()
        try:
            yield flown
        finally:
            if flown.task is not None and not flown.task.done():
                await flown.stop()
            else:
                await flown.kill()
