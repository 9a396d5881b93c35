"""
What a keeper is put together from, in whatever process.
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount
from rich.console import Console

from keeper import __version__
from keeper.chain.heads import open_heads
from keeper.chain.rpc import Rpc
from keeper.config import FUNDER_PASSPHRASE_VARIABLE, ChainFacts, Settings
from keeper.errors import ConfigError
from keeper.execution.keystore import open_keystore, stored_passphrase
from keeper.execution.opening import open_broadcast
from keeper.execution.operation import Operation
from keeper.execution.signer import Signer
from keeper.journal import Journal, open_journal
from keeper.loop import Keeper
from keeper.monitor.dashboard import Controls, Dashboard, Identity
from keeper.monitor.metrics import Metrics
from keeper.monitor.table import Screen
from keeper.preflight import Deployment
from keeper.snapshot import SnapshotFile
from keeper.types import Address, Hash


def _on_the_terminal(title: str) -> Screen:
    """A screen on standard error."""
    return Screen(title, Console(stderr=True))


@dataclass(frozen=True, slots=True)
class Assembled:
    """A keeper, and what it is shown by."""

    keeper: Keeper
    rpc: Rpc
    screen: Screen
    dashboard: Dashboard | None


async def assemble(
    opened: AsyncExitStack,
    rpc: Rpc,
    settings: Settings,
    facts: ChainFacts,
    deployment: Deployment,
    signers: Sequence[Signer],
    accounts: Sequence[LocalAccount],
    operation: Operation,
    journal_of: Callable[[Settings, int, Hash], Journal] = open_journal,
    screen_of: Callable[[str], Screen] = _on_the_terminal,
) -> Assembled:
    """
    Put a keeper together; no node is asked whether what it relies on is there.

    Args:
        opened: Closes what the keeper uses, the journal first.
        accounts: The keys in memory; the first controls an express lane.
        journal_of: Opens the journal of these settings, for a chain with this id and this hash of block 0.
        screen_of: Makes a screen with this title.

    Raises:
        ConfigError: A setting names what does not exist, or what cannot be used here.
        JournalError: The journal cannot be used.
    """
    heads = await opened.enter_async_context(open_heads(settings))
    broadcast = await opened.enter_async_context(open_broadcast(settings, facts, rpc, accounts))
    journal = journal_of(settings, facts.chain_id, deployment.genesis_hash)
    opened.callback(journal.close)
    screen = screen_of(f"{facts.name}, executor {deployment.executor}")
    file = SnapshotFile(
        settings.market_file or settings.state_dir / "market.jsonl",
        {"chain_id": facts.chain_id, "genesis_hash": deployment.genesis_hash, "executor": deployment.executor},
    )
    metrics = Metrics()
    metrics.describe(__version__, deployment.executor, deployment.code_hash)
    operators = [signer.address for signer in signers]
    dashboard = _dashboard(settings, facts, deployment, operators, Controls(operation, metrics))
    keeper = Keeper(
        rpc,
        heads,
        settings,
        facts,
        deployment,
        signers,
        broadcast,
        journal,
        screen,
        file,
        operation,
        metrics,
        _funder(settings),
        dashboard,
    )
    return Assembled(keeper, rpc, screen, dashboard)


def _dashboard(
    settings: Settings, facts: ChainFacts, deployment: Deployment, operators: Sequence[Address], controls: Controls
) -> Dashboard | None:
    """The operator's page, unless it is off."""
    if not settings.dashboard_port:
        return None
    identity = Identity(
        facts.name,
        facts.chain_id,
        deployment.executor,
        deployment.treasury,
        operators[0],
        __version__,
        settings.dry_run,
        facts.token_by_address,
    )
    where = settings.dashboard_host, settings.dashboard_port, settings.dashboard_names
    return Dashboard(identity, controls, *where, settings.state_dir)


def _funder(settings: Settings) -> LocalAccount | None:
    """Who pays for gas, if anybody does; the passphrase leaves the environment at once."""
    passphrase = stored_passphrase(FUNDER_PASSPHRASE_VARIABLE)
    if settings.funder_keystore is None:
        return None
    if passphrase is None:
        raise ConfigError(f"no passphrase for {settings.funder_keystore.name}: set {FUNDER_PASSPHRASE_VARIABLE}")
    return open_keystore(settings.funder_keystore, passphrase)
