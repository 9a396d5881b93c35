"""
The command line: ``python -m keeper run``.
"""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import click
from eth_account.signers.local import LocalAccount
from rich.console import Console

from keeper import __version__
from keeper.chain.heads import Heads, PolledHeads, SubscribedHeads
from keeper.chain.rpc import Rpc
from keeper.config import PASSPHRASE_VARIABLE, Settings, load_chain, load_settings
from keeper.errors import ConfigError, KeeperError
from keeper.execution.signer import LocalSigner, open_keystore
from keeper.journal import Journal
from keeper.loop import Keeper
from keeper.monitor.alerts import Severity, alert
from keeper.monitor.logs import configure_logs
from keeper.monitor.report import write_report
from keeper.monitor.table import Screen, summary
from keeper.preflight import Deployment, check_executor, check_facts, check_operator, check_profit_tokens, read_genesis
from keeper.redaction import redact


def run_keeper(settings: Settings, account: LocalAccount, report: Path | None = None) -> int:
    """
    Run the keeper until its blocks have passed or it is told to stop, and return the process's exit code.

    Every expected failure is told in one sentence on standard error.
    """
    try:
        with _lock(settings.state_dir):
            asyncio.run(_run(settings, account, report))
    except KeeperError as error:
        click.echo(f"keeper: {redact(str(error))}", err=True)
        return 1
    return 0


async def _run(settings: Settings, account: LocalAccount, report: Path | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    facts = load_chain(settings.chain)
    async with Rpc(settings.rpc_url.get_secret_value()) as rpc, _heads(settings) as heads:
        genesis_hash = await read_genesis(rpc, facts)
        deployment = Deployment.load(settings.state_dir / "deployment.json")
        await check_executor(rpc, deployment, facts.chain_id, genesis_hash)
        await check_facts(rpc, facts)
        signer = LocalSigner(account, facts.chain_id, deployment.executor)
        await check_operator(rpc, deployment.executor, signer.address)
        journal = Journal.open(settings.state_dir / "journal.sqlite", facts.chain_id, genesis_hash)
        screen = Screen(f"{facts.name}, executor {deployment.executor}", Console(stderr=True))
        keeper = Keeper(rpc, heads, settings, facts, deployment, signer, journal, screen)
        check_profit_tokens(deployment, facts, keeper.profit_tokens)
        screen.start()
        try:
            await keeper.run(stop)
        except KeeperError as error:
            alert(Severity.PAGE, "stopped", str(error))
            raise
        finally:
            screen.stop()
            journal.close()
        decimals = {symbol: token.decimals for symbol, token in facts.tokens.items()}
        click.echo(summary(keeper.report, "when told to" if stop.is_set() else "as asked", decimals))
        if report is not None:
            write_report(report, keeper.report.as_json(rpc.calls, keeper.cache))


@asynccontextmanager
async def _heads(settings: Settings) -> AsyncIterator[Heads]:
    if settings.ws_url is None:
        yield PolledHeads(settings.poll_seconds)
    else:
        async with SubscribedHeads(settings.ws_url.get_secret_value(), settings.poll_seconds) as heads:
            yield heads


@contextmanager
def _lock(state_dir: Path) -> Iterator[None]:
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


@click.group()
@click.version_option(__version__, prog_name="keeper")
def cli() -> None:
    """A keeper that earns from price differences between the DEXes of Arbitrum One."""


@cli.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option("--rpc-url", help="HTTP endpoint of a node; better in KEEPER_RPC_URL, which ps does not show.")
@click.option("--ws-url", help="WebSocket endpoint of a node.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where journal and deployment record live.")
@click.option("--keystore", type=click.Path(path_type=Path), required=True, help="The operator's key file.")
@click.option("--blocks", type=int, help="Stop after so many blocks.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the run's numbers there as JSON.")
@click.option("--dry-run/--live", default=None, help="Do everything but send.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--json-logs", is_flag=True, help="One JSON object a log line.")
def run(
    config: Path | None, keystore: Path, report: Path | None, log_level: str, json_logs: bool, **given: Any
) -> None:
    """Trade until told to stop."""
    configure_logs(log_level, json_logs)
    try:
        settings = load_settings(config, **given)
        account = open_keystore(keystore, _passphrase(keystore))
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    sys.exit(run_keeper(settings, account, report))


def _passphrase(keystore: Path) -> str:
    """From the environment, and out of it at once; else from whoever sits at the terminal."""
    passphrase = os.environ.pop(PASSPHRASE_VARIABLE, None)
    if passphrase is None and sys.stdin.isatty():
        passphrase = click.prompt(f"Passphrase of {keystore.name}", hide_input=True)
    if passphrase is None:
        raise ConfigError(f"no passphrase for {keystore.name}: set {PASSPHRASE_VARIABLE}")
    return passphrase


if __name__ == "__main__":
    cli()
