"""
``keeper doctor``.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from keeper.commands.doctor.examination import examine
from keeper.commands.doctor.finding import Verdict, as_json, healthy, show
from keeper.config import load_chain, load_settings
from keeper.errors import ConfigError, KeeperError
from keeper.monitor.logs import configure_logs
from keeper.redaction import redact
from keeper.texts import to_address
from keeper.types import Address

#: Where nobody knows how wide the reader's screen is.
_COLUMNS = 160


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option("--rpc-url", help="HTTP endpoint of a node; better in KEEPER_RPC_URL, which ps does not show.")
@click.option("--ws-url", help="WebSocket endpoint of a node.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where journal and deployment record live.")
@click.option("--chain", help="Whose facts are checked.")
@click.option("--keystore", "keystores", type=click.Path(path_type=Path), multiple=True, help="An operator's key file.")
@click.option("--operator", "operators", multiple=True, help="An operator whose key is elsewhere.")
@click.option(
    "--requests", default=9, show_default=True, type=click.IntRange(1, 100), help="To measure a node's speed."
)
@click.option("--json", "as_data", is_flag=True, help="The findings as JSON.")
def doctor(
    config: Path | None,
    keystores: tuple[Path, ...],
    operators: tuple[str, ...],
    requests: int,
    as_data: bool,
    **given: Any,
) -> None:
    """Check all that a keeper relies on, and say what to do; exit code 1 if anything fails. Nothing is changed."""
    sys.exit(run_doctor(config, keystores, operators, requests, as_data, **given))


def run_doctor(
    config: Path | None,
    keystores: tuple[Path, ...],
    operators: tuple[str, ...],
    requests: int,
    as_data: bool,
    **given: Any,
) -> int:
    """
    Print the findings, and return the process's exit code.

    Raises:
        click.ClickException: The settings cannot be read.
    """
    configure_logs("error")
    try:
        settings = load_settings(config, **given)
        facts = load_chain(settings.chain)
        addresses = [_address(operator) for operator in operators]
        findings = asyncio.run(examine(settings, facts, keystores, addresses, config, requests))
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    if as_data:
        click.echo(json.dumps({"healthy": healthy(findings), "findings": as_json(findings)}, indent=2))
    else:
        console = Console()
        show(findings, console if console.is_terminal else Console(width=_COLUMNS, file=sys.stdout))
        failed, warned = (sum(one.verdict is verdict for one in findings) for verdict in (Verdict.FAIL, Verdict.WARN))
        click.echo(f"{len(findings)} findings: {failed} to be mended, {warned} that could be better")
    return 0 if healthy(findings) else 1


def _address(text: str) -> Address:
    try:
        return Address(to_address(text))
    except ValueError as error:
        raise ConfigError(f"operator: {error}") from None
