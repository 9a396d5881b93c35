"""
A keeper as a process: what it checks before it starts, what it is told by signals, and how it ends.
"""

import asyncio
import fcntl
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext
from pathlib import Path

import click
from eth_account.signers.local import LocalAccount

from keeper.assembly import Assembled, assemble
from keeper.beginning import heed_kill_switch, kill_switch
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts, Settings, load_chain
from keeper.errors import ConfigError, Halted, KeeperError, LeaderError
from keeper.execution.opening import open_signers
from keeper.execution.operation import OperatingState, Operation
from keeper.loop import Keeper
from keeper.market import CacheCounts
from keeper.monitor.alerts import Severity, alert
from keeper.monitor.metrics import Metrics
from keeper.monitor.report import Report, require_place, write_report
from keeper.monitor.reporting import reporting
from keeper.monitor.table import summary
from keeper.preflight import Deployment, check_executor, check_facts, check_operator, check_profit_tokens, read_genesis
from keeper.redaction import conceal, redact
from keeper.registry import traded
from keeper.restarts import SOUND_SECONDS, Restarts
from keeper.stopping import Stopped, unless_told

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
                assembled = await _assembled(opened, settings, facts, accounts, operation)
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


async def _assembled(
    opened: AsyncExitStack,
    settings: Settings,
    facts: ChainFacts,
    accounts: Sequence[LocalAccount],
    operation: Operation,
) -> Assembled:
    """Check what the keeper relies on, and put it together."""
    rpc = await opened.enter_async_context(Rpc(*settings.nodes, chain_id=facts.chain_id))
    genesis_hash = await read_genesis(rpc, facts)
    deployment = Deployment.load(settings.state_dir / "deployment.json")
    await check_executor(rpc, deployment, facts.chain_id, genesis_hash)
    await check_facts(rpc, traded(facts, settings)[0])
    signers = await opened.enter_async_context(open_signers(settings, facts.chain_id, deployment.executor, accounts))
    for signer in signers:
        await check_operator(rpc, deployment.executor, signer.address)
    assembled = await assemble(opened, rpc, settings, facts, deployment, signers, accounts, operation)
    check_profit_tokens(deployment, facts, assembled.keeper.profit_tokens)
    return assembled


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


def stop_on_signals() -> asyncio.Event:
    """An event that Ctrl-C and SIGTERM set, whoever else handled them before."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


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
