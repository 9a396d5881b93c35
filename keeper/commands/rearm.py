"""
``keeper rearm``: let a halted keeper send again.
"""

from pathlib import Path

import click

from keeper.config import load_settings
from keeper.errors import KeeperError
from keeper.execution.operation import OperatingState, Operation
from keeper.journal.halts import open_halts
from keeper.monitor.logs import configure_logs
from keeper.process import locked
from keeper.redaction import redact

#: No node is asked; the setting must be there all the same.
_NO_NODE = "http://127.0.0.1"


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (TOML); it may name the journal.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Of the keeper that is halted.",
)
def rearm(config: Path | None, state_dir: Path | None) -> None:
    """Let a halted keeper send again, from its next start on; it must not be running. Its journal is armed, too."""
    configure_logs("warning")
    try:
        settings = load_settings(config, state_dir=state_dir, rpc_url=_NO_NODE)
        with locked(settings.state_dir), open_halts(settings) as halts:
            operation = Operation(settings.state_dir)
            if halts is not None:
                operation.look_elsewhere(halts)
            if operation.state is not OperatingState.HALTED:
                click.echo("the keeper is not halted")
                return
            reasons = dict(operation.reasons)
            operation.rearm(halts)
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    for name, reason in reasons.items():
        click.echo(f"forgotten: {name}: {reason}")
