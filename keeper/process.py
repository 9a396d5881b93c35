"""
A keeper as a process: what it is put together from, what it is told by signals, and how it ends.
"""

import asyncio
import fcntl
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import click
from eth_account.signers.local import LocalAccount
from rich.console import Console

from keeper import __version__
from keeper.beginning import heed_kill_switch, kill_switch
from keeper.chain.heads import open_heads
from keeper.chain.rpc import Rpc
from keeper.config import FUNDER_PASSPHRASE_VARIABLE, ChainFacts, Settings, load_chain
from keeper.errors import ConfigError, Halted, KeeperError, LeaderError
from keeper.execution.keystore import open_keystore, stored_passphrase
from keeper.execution.opening import open_broadcast, open_signers
from keeper.execution.operation import OperatingState, Operation
from keeper.journal import Journal, open_journal
from keeper.loop import Keeper
from keeper.market import CacheCounts
from keeper.monitor.alerts import Severity, alert
from keeper.monitor.dashboard import Controls, Dashboard, Identity
from keeper.monitor.metrics import Metrics
from keeper.monitor.report import Report, require_place, write_report
from keeper.monitor.reporting import reporting
from keeper.monitor.table import Screen, summary
from keeper.preflight import Deployment, check_executor, check_facts, check_operator, check_profit_tokens, read_genesis
from keeper.redaction import conceal, redact
from keeper.registry import traded
from keeper.restarts import SOUND_SECONDS, Restarts
from keeper.snapshot import SnapshotFile
from keeper.stopping import Stopped, unless_told
from keeper.types import Address

_KILLED = "SIGUSR1 was received"


def run_keeper(settings: Settings, accounts: Sequence[LocalAccount], report: Path | None = None) -> int:
    """
    Run the keeper until its blocks have passed or it is told to stop, and return the process's exit code.

    Every expected failure is told in one sentence on standard error.
    """
    heed_kill_switch()
    for account in accounts:
        conceal(account.key.hex().removeprefix("0x"))
    try:
        if report is not None:
            require_place(report)
        with locked(settings.state_dir):
            restarts = Restarts(settings.state_dir, settings.max_quick_failures)
            try:
                asyncio.run(_run(settings, accounts, report, restarts))
            except (ConfigError, LeaderError):
                restarts.excuse()  # a person is there to mend it, or another keeper trades
                raise
    except KeeperError as error:
        click.echo(f"keeper: {redact(str(error))}", err=True)
        return 1
    return 0


@dataclass(frozen=True, slots=True)
class _Assembled:
    """A keeper, and what it is shown by."""

    keeper: Keeper
    rpc: Rpc
    journal: Journal
    screen: Screen
    dashboard: Dashboard | None


async def _run(settings: Settings, accounts: Sequence[LocalAccount], report: Path | None, restarts: Restarts) -> None:
    stop = stop_on_signals()
    operation = Operation(settings.state_dir, settings.dry_run)
    _halt_on_signal(operation)
    facts = load_chain(settings.chain)
    decimals = {symbol: token.decimals for symbol, token in facts.tokens.items()}
    async with AsyncExitStack() as opened:
        try:
            async with unless_told(stop):
                await _back_off(settings, restarts)
                assembled = await _assemble(opened, settings, facts, accounts, operation)
        except Stopped:
            restarts.sound()
            _tell(Report(), stop, decimals)
            if report is not None:
                write_report(report, Report().as_json({}, CacheCounts()))
            _require_armed(operation, settings)
            return
        keeper, screen, dashboard = assembled.keeper, assembled.screen, assembled.dashboard
        lasts = asyncio.get_running_loop().call_later(SOUND_SECONDS, restarts.sound)
        try:
            async with dashboard or nullcontext():
                if dashboard is not None:
                    click.echo(dashboard.notice(sys.stderr.isatty()), err=True)
                screen.start()
                async with reporting(settings, keeper.metrics, screen.title, lambda: keeper.watch.ticked_at):
                    await _keep(keeper, stop)
        finally:
            lasts.cancel()
            screen.stop()
            assembled.journal.close()
        restarts.sound()
        _tell(keeper.report, stop, decimals)
        if report is not None:
            write_report(report, keeper.report.as_json(assembled.rpc.calls, keeper.cache))
        _require_armed(operation, settings)


async def _back_off(settings: Settings, restarts: Restarts) -> None:
    """Wait where the lives before this one ended at once, and tell somebody."""
    if not (seconds := restarts.begin()):
        return
    # No sign of life goes out meanwhile.
    async with reporting(settings, Metrics(), "keeper", lambda: float("-inf")):
        words = f"the keeper was started {restarts.failures} times and ended at once: it waits for {seconds:g} s"
        alert(Severity.PAGE, "restart_loop", words)
        await asyncio.sleep(seconds)


async def _assemble(
    opened: AsyncExitStack,
    settings: Settings,
    facts: ChainFacts,
    accounts: Sequence[LocalAccount],
    operation: Operation,
) -> _Assembled:
    """Check what the keeper relies on, and put it together."""
    rpc = await opened.enter_async_context(Rpc(*settings.nodes, chain_id=facts.chain_id))
    heads = await opened.enter_async_context(open_heads(settings))
    genesis_hash = await read_genesis(rpc, facts)
    deployment = Deployment.load(settings.state_dir / "deployment.json")
    await check_executor(rpc, deployment, facts.chain_id, genesis_hash)
    await check_facts(rpc, traded(facts, settings)[0])
    signers = await opened.enter_async_context(open_signers(settings, facts.chain_id, deployment.executor, accounts))
    for signer in signers:
        await check_operator(rpc, deployment.executor, signer.address)
    broadcast = await opened.enter_async_context(open_broadcast(settings, facts, rpc, accounts))
    journal = open_journal(settings, facts.chain_id, genesis_hash)
    screen = Screen(f"{facts.name}, executor {deployment.executor}", Console(stderr=True))
    file = SnapshotFile(
        settings.market_file or settings.state_dir / "market.jsonl",
        {"chain_id": facts.chain_id, "genesis_hash": genesis_hash, "executor": deployment.executor},
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
    check_profit_tokens(deployment, facts, keeper.profit_tokens)
    return _Assembled(keeper, rpc, journal, screen, dashboard)


def _require_armed(operation: Operation, settings: Settings) -> None:
    """
    Raises:
        Halted: A person must look before anything is sent again.
    """
    if operation.state is OperatingState.HALTED:
        reasons = "; ".join(operation.reasons.values())
        how = f"python -m keeper rearm --state-dir {settings.state_dir}"
        raise Halted(f"halted, nothing is sent until it is armed again ({how}): {reasons}")


def _tell(report: Report, stop: asyncio.Event, decimals: Mapping[str, int]) -> None:
    click.echo(summary(report, "when told to" if stop.is_set() else "as asked", decimals))


async def _keep(keeper: Keeper, stop: asyncio.Event) -> None:
    try:
        await keeper.run(stop)
    except ConfigError:
        raise  # whoever starts it is there to read it
    except KeeperError as error:
        alert(Severity.PAGE, "stopped", str(error))
        raise


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


def stop_on_signals() -> asyncio.Event:
    """An event that Ctrl-C and SIGTERM set, whoever else handled them before."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _funder(settings: Settings) -> LocalAccount | None:
    """Who pays for gas, if anybody does; the passphrase leaves the environment at once."""
    passphrase = stored_passphrase(FUNDER_PASSPHRASE_VARIABLE)
    if settings.funder_keystore is None:
        return None
    if passphrase is None:
        raise ConfigError(f"no passphrase for {settings.funder_keystore.name}: set {FUNDER_PASSPHRASE_VARIABLE}")
    return open_keystore(settings.funder_keystore, passphrase)


def _halt_on_signal(operation: Operation) -> None:
    """SIGUSR1 is a kill switch: no file, no token, no node is needed for it."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, operation.halt, _KILLED)
    if kill_switch.is_set():
        kill_switch.clear()
        operation.halt(_KILLED)


@contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """One process per journal: two with one key would use each other's nonces."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        handle = (state_dir / "lock").open("w")
    except OSError as error:
        raise ConfigError(f"state_dir {state_dir} cannot be used: {error.strerror}") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"another keeper is running on {state_dir}") from None
        yield
