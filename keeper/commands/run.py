"""
``keeper run``: trade.
"""

import signal
import sys
from pathlib import Path
from typing import Any

import click

from keeper.config import PASSPHRASE_VARIABLE, load_settings
from keeper.errors import ConfigError, KeeperError
from keeper.execution.keystore import open_keystore, stored_passphrase
from keeper.monitor.logs import configure_logs
from keeper.monitor.report import Report
from keeper.monitor.table import summary
from keeper.process import run_keeper
from keeper.redaction import redact


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option("--rpc-url", help="HTTP endpoint of a node; better in KEEPER_RPC_URL, which ps does not show.")
@click.option("--ws-url", help="WebSocket endpoint of a node.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where journal and deployment record live.")
@click.option("--keystore", "keystores", type=click.Path(path_type=Path), multiple=True, help="An operator's key file.")
@click.option("--blocks", type=int, help="Stop after so many blocks.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the run's numbers there as JSON.")
@click.option("--dry-run/--live", default=None, help="Do everything but send.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--json-logs", is_flag=True, help="One JSON object a log line.")
def run(
    config: Path | None, keystores: tuple[Path, ...], report: Path | None, log_level: str, json_logs: bool, **given: Any
) -> None:
    """Trade until told to stop; with every key that is given, all of one passphrase."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    configure_logs(log_level, json_logs)
    try:
        settings = load_settings(config, **given)
        passphrase = _passphrase(keystores[0]) if keystores else ""
        accounts = [open_keystore(keystore, passphrase) for keystore in keystores]
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    sys.exit(run_keeper(settings, accounts, report))


def _leave(_number: int, _frame: object) -> None:
    """Nothing has begun yet, and nothing is to be ended."""
    click.echo(summary(Report(), "when told to", {}))
    sys.exit(0)


def _passphrase(keystore: Path) -> str:
    """From the environment, and out of it at once; else from whoever sits at the terminal."""
    passphrase = stored_passphrase(PASSPHRASE_VARIABLE)
    if passphrase is None and sys.stdin.isatty():
        passphrase = click.prompt(f"Passphrase of {keystore.name}", hide_input=True)
    if passphrase is None:
        raise ConfigError(f"no passphrase for {keystore.name}: set {PASSPHRASE_VARIABLE}")
    return passphrase
