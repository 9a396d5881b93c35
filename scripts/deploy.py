"""
``ape run deploy``: deploy the executor, verify it, and write the deployment record.
"""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from scripts._roles import NetworkRoles, Roles

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
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / "deployment.toml",
    help="Roles of each network; what is given here wins. Default: deployment.toml.",
)
@click.option("--owner", help="Appoints the operators and the guardian; default: the account that pays.")
@click.option("--treasury", help="Where all gains go, for good; default, on a rehearsal: anvil's public account 9.")
@click.option("--guardian", help="May pause and dismiss operators; default: the owner.")
@click.option(
    "--operator", "operators", multiple=True, help="May execute; default, on a rehearsal: anvil's public account 1."
)
@click.option("--chain", help="Whose profit tokens are listed; default: the configuration's, or arbitrum.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Where the deployment record goes.")
def cli(
    network: str | None, alias: str | None, config: Path, chain: str | None, record: Path | None, **given: Any
) -> None:
    """
    Deploy the executor, verify it, and write the deployment record.
    """
    # Ape imports every script at every run, and drops the checkout from the path again: imports wait until here.
    sys.path.insert(0, str(ROOT))
    from keeper.config import load_chain
    from keeper.errors import KeeperError
    from keeper.redaction import redact
    from scripts._build import check_record, compile_executor
    from scripts._deployment import deploy
    from scripts._network import account, connect
    from scripts._roles import read_section, section_of

    try:
        section = read_section(config, section_of(network))
        facts = load_chain(chain or section.chain)
        with connect(network) as found:
            payer = account(alias, found)
            symbols = section.profit_tokens or facts.profit_tokens
            roles = _roles(payer.address, found.rehearsal, section, tuple(map(facts.token, symbols)), given)
            roles = roles.checksummed()
            artifact = compile_executor()
            if not found.rehearsal:
                check_record(artifact)
            path = deploy(found.url, payer, roles, found.label, record, facts.chain_id, artifact)
            _report(path, network)
            if not found.rehearsal:
                _publish(path, roles, section)
                _advise(path, roles, found.url, payer.address)
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None


def _roles(
    payer: str, rehearsal: bool, section: "NetworkRoles", profit_tokens: tuple[str, ...], given: dict[str, Any]
) -> "Roles":
    """
    The command line's roles, else the configuration's, else those of a rehearsal.
    """
    from scripts._network import OPERATOR, public_account
    from scripts._roles import DeploymentError, Roles

    treasury = given["treasury"] or section.treasury
    operators = given["operators"] or section.operators
    if not rehearsal and not (treasury and operators):
        raise DeploymentError(
            "--treasury and --operator must be given on a network that is no rehearsal, here or in the configuration"
        )
    owner = given["owner"] or section.owner or payer
    guardian = given["guardian"] or section.guardian or owner
    operators = operators or (public_account(OPERATOR).address,)
    return Roles(owner, guardian, treasury or public_account(9).address, profit_tokens, operators)


def _report(path: Path, network: str | None) -> None:
    record = json.loads(path.read_text())
    click.echo(f"executor   {record['executor']}")
    for role in ("owner", "guardian", "treasury"):
        click.echo(f"{role:<10} {record[role]}")
    click.echo(f"operators  {', '.join(record['operators'])}")
    click.echo(f"recorded   {path}")
    click.echo(f"next       ape run keeper{f' --network {network}' if network else ''}")


def _publish(path: Path, roles: "Roles", section: "NetworkRoles") -> None:
    """
    Write what the explorer asks for, and send it if there is a key for its API. The executor stands anyway.
    """
    from scripts._explorer import KEY_VARIABLE, submit, write_input
    from scripts._roles import DeploymentError

    record = json.loads(path.read_text())
    form = write_input(path, roles)
    click.echo(f"sources    {form}")
    if section.explorer:
        click.echo(f"explorer   {section.explorer}/address/{record['executor']}")
    if not section.verifier:
        return
    if not (key := os.environ.get(KEY_VARIABLE)):
        click.echo(
            f"           {KEY_VARIABLE} is not set: the sources were not sent to the explorer; run again with it"
        )
        return
    try:
        click.echo(f"           {submit(section.verifier, key, record['chain_id'], record['executor'], form)}")
    except DeploymentError as error:
        click.echo(f"           {error}")


def _advise(path: Path, roles: "Roles", url: str, payer: str) -> None:
    from localnet.rpc import Rpc
    from scripts._checks import advice

    rpc = Rpc(url)
    for sentence in advice(rpc, json.loads(path.read_text())["executor"], roles, payer):
        click.echo(f"note       {sentence}")
    rpc.close()
