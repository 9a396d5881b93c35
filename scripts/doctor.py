"""
``ape run doctor``: ``keeper doctor`` on an Ape network.
"""

import sys
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent


@click.command(short_help="Check all that the keeper relies on")
@click.option("--network", help="An Ape network, such as arbitrum:mainnet:node; default: the running localnet.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file (TOML).")
@click.option("--ws-url", help="WebSocket endpoint of the node; better in KEEPER_WS_URL, which ps does not show.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), help="Journal and deployment record.")
@click.option("--keystore", "keystores", type=click.Path(path_type=Path), multiple=True, help="An operator's key file.")
@click.option("--operator", "operators", multiple=True, help="An operator whose key is elsewhere.")
@click.option("--json", "as_data", is_flag=True, help="The findings as JSON.")
def cli(network: str | None, ws_url: str | None, state_dir: Path | None, **given: Any) -> None:
    """
    Check all that the keeper relies on, and say what to do; nothing is changed.
    """
    # Ape imports every script at every run, and drops the checkout from the path again: imports wait until here.
    sys.path.insert(0, str(ROOT))
    from keeper.commands.doctor.command import run_doctor
    from keeper.errors import KeeperError
    from keeper.redaction import redact
    from scripts._network import connect
    from scripts._owner import state_dir_of

    try:
        with connect(network) as found:
            directory = state_dir or state_dir_of(found.url, found.label)
            code = run_doctor(
                **given, requests=9, rpc_url=found.url, ws_url=ws_url or found.ws_url, state_dir=directory
            )
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    sys.exit(code)
