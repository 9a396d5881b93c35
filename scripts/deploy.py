"""
``ape run deploy``: deploy the executor, verify it, and write the deployment record.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
# Nothing has to be activated: the checkout's own anvil and compiler come first.
os.environ["PATH"] = os.pathsep.join(
    [str(ROOT / "node_modules" / ".bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
)

#: Where the public test accounts may pay and hold roles: nothing there is worth anything.
_REHEARSALS = ("localnet", "local")


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
    # Ape imports every script at every run: what is heavy waits until this one is chosen.
    from _deployment import Roles, deploy

    from keeper.config import load_chain
    from keeper.errors import KeeperError

    try:
        facts = load_chain(chain)
        with _node(network) as (url, label):
            rehearsal = _is_rehearsal(label)
            account = _account(alias, rehearsal)
            if not rehearsal and not (treasury and operators):
                raise KeeperError("--treasury and --operator must be given on a network that is no rehearsal")
            owner = owner or account.address
            roles = Roles(
                owner=owner,
                guardian=guardian or owner,
                treasury=treasury or _public(9).address,
                profit_tokens=tuple(facts.token(symbol) for symbol in facts.profit_tokens),
                operators=operators or (account.address,),
            )
            path = deploy(url, account, roles, label, record)
    except KeeperError as error:
        raise click.ClickException(str(error)) from None
    _report(path, network)


@contextmanager
def _node(network: str | None) -> Iterator[tuple[str, str]]:
    """
    Yield a node's HTTP endpoint and its network's label, while the node runs.
    """
    from ape import networks
    from ape.exceptions import ApeException

    from keeper.errors import KeeperError
    from localnet import background
    from localnet.paths import STATE_FILE

    if network is None:
        state = background.read(STATE_FILE)
        if state is None:
            raise KeeperError("no localnet is running: start one (python -m localnet run --detach) or give --network")
        yield state.url, "localnet"
        return
    try:
        with networks.parse_network_choice(network) as provider:
            yield provider.http_uri, provider.network.name
    except ApeException as error:
        raise KeeperError(f"network {network}: {str(error).splitlines()[0]}") from None


def _is_rehearsal(label: str) -> bool:
    return label in _REHEARSALS or label.endswith("-fork")


def _account(alias: str | None, rehearsal: bool) -> "LocalAccount":
    """
    Return the account that pays; its passphrase comes from the environment or, at a terminal, is asked for.
    """
    from ape import config

    from keeper.errors import KeeperError
    from keeper.execution.signer import open_keystore

    if alias is None:
        if not rehearsal:
            raise KeeperError("--account must be given on a network that is no rehearsal")
        return _public(0)
    path = config.DATA_FOLDER / "accounts" / f"{alias}.json"
    if not path.is_file():
        raise KeeperError(f"there is no Ape account {alias}: ape accounts import {alias}")
    variable = f"APE_ACCOUNTS_{alias}_PASSPHRASE"
    passphrase = os.environ.get(variable)
    if passphrase is None:
        if not sys.stdin.isatty():
            raise KeeperError(f"account {alias} is locked: set {variable}")
        passphrase = click.prompt(f"Passphrase of {alias}", hide_input=True)
    return open_keystore(path, passphrase)


def _public(number: int) -> "LocalAccount":
    from localnet import accounts

    return accounts.public(number)


def _report(path: Path, network: str | None) -> None:
    record = json.loads(path.read_text())
    click.echo(f"executor   {record['executor']}")
    for role in ("owner", "guardian", "treasury"):
        click.echo(f"{role:<10} {record[role]}")
    click.echo(f"operators  {', '.join(record['operators'])}")
    click.echo(f"recorded   {path}")
    click.echo(f"next       ape run keeper{f' --network {network}' if network else ''}")
