"""
``ape run deploy``: deploy the executor, verify it, and write the deployment record.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
# Nothing has to be activated: the checkout's own anvil and compiler come first.
os.environ["PATH"] = os.pathsep.join(
    [str(ROOT / "node_modules" / ".bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
)


@click.command(short_help="Deploy the executor")
@click.option("--network", help="An Ape network, such as arbitrum:mainnet:node; default: the running localnet.")
@click.option(
    "--account", "alias", help="The Ape account that pays; default, on a rehearsal: anvil's public account 0."
)
@click.option("--owner", help="Appoints the operators and the guardian; default: the account that pays.")
@click.option("--treasury", help="Where all gains go, for good; default, on a rehearsal: anvil's public account 9.")
@click.option("--guardian", help="May pause and dismiss operators; default: the owner.")
@click.option(
    "--operator", "operators", multiple=True, help="May execute; default, on a rehearsal: the account that pays."
)
@click.option("--chain", default="arbitrum", show_default=True, help="Whose profit tokens are listed.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Where the deployment record goes.")
def cli(
    network: str | None,
    alias: str | None,
    owner: str | None,
    treasury: str | None,
    guardian: str | None,
    operators: tuple[str, ...],
    chain: str,
    record: Path | None,
) -> None:
    """
    Deploy the executor, verify it, and write the deployment record.
    """
    # Ape imports every script at every run, and drops the checkout from the path again: imports wait until here.
    sys.path.insert(0, str(ROOT))
    from keeper.config import load_chain
    from keeper.errors import KeeperError
    from keeper.redaction import redact
    from scripts._deployment import deploy, rehearsal_roles
    from scripts._network import account, connect, public_account

    try:
        facts = load_chain(chain)
        with connect(network) as found:
            payer = account(alias, found)
            if not found.rehearsal and not (treasury and operators):
                raise KeeperError("--treasury and --operator must be given on a network that is no rehearsal")
            profit_tokens = tuple(facts.token(symbol) for symbol in facts.profit_tokens)
            roles = rehearsal_roles(payer.address, treasury or public_account(9).address, profit_tokens)
            owner = owner or roles.owner
            roles = replace(roles, owner=owner, guardian=guardian or owner, operators=operators or roles.operators)
            path = deploy(found.url, payer, roles, found.label, record)
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    _report(path, network)


def _report(path: Path, network: str | None) -> None:
    record = json.loads(path.read_text())
    click.echo(f"executor   {record['executor']}")
    for role in ("owner", "guardian", "treasury"):
        click.echo(f"{role:<10} {record[role]}")
    click.echo(f"operators  {', '.join(record['operators'])}")
    click.echo(f"recorded   {path}")
    click.echo(f"next       ape run keeper{f' --network {network}' if network else ''}")
