"""
What ``ape run pause``, ``unpause``, ``operators`` and ``sweep`` have in common.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from scripts._owner import Desk

_F = TypeVar("_F", bound=Callable[..., Any])


def where(command: _F) -> _F:
    """
    Add the options that say which executor, and who signs.
    """
    for option in (
        click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="The deployment record."),
        click.option("--chain", default="arbitrum", show_default=True, help="Whose facts count."),
        click.option("--account", "alias", help="The Ape account that signs; default, on a rehearsal: anvil's 0."),
        click.option("--network", help="An Ape network, such as arbitrum:mainnet:node; default: the running localnet."),
    ):
        command = option(command)
    return command


def run(
    act: "Callable[[Desk], str]",
    network: str | None,
    alias: str | None,
    chain: str,
    record: Path | None,
    signs: bool = True,
) -> None:
    """
    Do it, and print what was done.
    """
    from keeper.config import load_chain
    from keeper.errors import KeeperError
    from keeper.redaction import redact
    from scripts._network import account, connect
    from scripts._owner import at_executor

    try:
        with connect(network) as found:
            signer = account(alias, found) if signs else None
            click.echo(at_executor(found.url, found.label, signer, record, load_chain(chain), act))
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
