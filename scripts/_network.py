"""
What ``--network`` and ``--account`` mean to the scripts.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from keeper.errors import KeeperError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

#: Noted in a localnet that ends with the keeper: with the one that started it, or with the next after a crash.
_OURS = "ape run keeper"


@dataclass(frozen=True, slots=True)
class Network:
    """
    Where a script works.

    Attributes:
        ws_url: None where nothing is known of a WebSocket.
        label: "localnet", or Ape's name: "mainnet", "mainnet-fork".
    """

    url: str
    ws_url: str | None
    label: str

    @property
    def rehearsal(self) -> bool:
        """Whether nothing there is worth anything, so that public keys may pay and hold roles."""
        return self.label in ("localnet", "local") or self.is_fork

    @property
    def is_fork(self) -> bool:
        return self.label.endswith("-fork")


@contextmanager
def connect(network: str | None) -> Iterator[Network]:
    """
    Yield the network that was chosen, while it runs; None is the localnet that runs in the background.

    Raises:
        KeeperError: It does not run, cannot be reached, or Ape does not know it.
    """
    from localnet import background
    from localnet.paths import STATE_FILE

    if network is not None:
        with _ape(network) as found:
            yield found
        return
    state = background.read(STATE_FILE)
    if state is None:
        raise KeeperError("no localnet is running: start one (python -m localnet run --detach) or give --network")
    yield Network(state.url, state.ws_url, "localnet")


@contextmanager
def connect_with_blocks(network: str | None) -> Iterator[Network]:
    """
    Like ``connect``; a localnet is started if none runs, and a fork, which would stand still, gets a sequencer.
    """
    if network is None:
        with _localnet(), connect(None) as found:
            yield found
        return
    with _ape(network) as found:
        if found.is_fork:
            with _sequencer(found.url):
                yield found
        else:
            yield found


#: On a rehearsal, who pays for deployments and owns what is deployed, and who operates: two accounts, for what an owner
#: signs moves his nonce, and an operator whose nonce moves without its keeper takes its key for stolen.
OWNER, OPERATOR = 0, 1


def account(alias: str | None, network: Network, number: int = OWNER) -> "LocalAccount":
    """
    Return an Ape account; its passphrase comes from the environment or, at a terminal, is asked for.

    Args:
        number: Of the public test account that stands for it on a rehearsal where no alias is given.

    Raises:
        KeeperError: There is no such account, or its passphrase is missing or wrong.
    """
    from keeper.execution.keystore import open_keystore

    if alias is None:
        if not network.rehearsal:
            raise KeeperError("--account must be given on a network that is no rehearsal")
        return public_account(number)
    from ape import config

    path = config.DATA_FOLDER / "accounts" / f"{alias}.json"
    if not path.is_file():
        raise KeeperError(f"there is no Ape account {alias}: ape accounts import {alias}")
    variable = f"APE_ACCOUNTS_{alias}_PASSPHRASE"
    passphrase = os.environ.pop(variable, None)
    if passphrase is None:
        if not sys.stdin.isatty():
            raise KeeperError(f"account {alias} is locked: set {variable}")
        passphrase = click.prompt(f"Passphrase of {alias}", hide_input=True)
    return open_keystore(path, passphrase)


def public_account(number: int) -> "LocalAccount":
    """
    Return one of anvil's public test accounts.
    """
    from localnet import accounts

    return accounts.public(number)


@contextmanager
def _ape(network: str) -> Iterator[Network]:
    from ape import networks
    from ape.exceptions import ApeException

    try:
        provider = networks.parse_network_choice(network)
        with provider as connected:
            url = connected.http_uri
            # anvil speaks both on one port; of other nodes nothing is known.
            ws_url = url.replace("http", "ws", 1) if connected.network.is_fork else None
            yield Network(url, ws_url, connected.network.name)
    except ApeException as error:
        raise KeeperError(f"network {network}: {str(error).splitlines()[0]}") from None


@contextmanager
def _localnet() -> Iterator[None]:
    """A localnet that runs, or one of our own that ends with us."""
    from localnet import background
    from localnet.paths import STATE_FILE

    state = background.read(STATE_FILE)
    if state is None:
        state = background.detach(["--port", "0", "--started-by", _OURS], STATE_FILE)
    try:
        yield
    finally:
        if state.started_by == _OURS:
            background.stop(STATE_FILE)


@contextmanager
def _sequencer(url: str) -> Iterator[None]:
    """Blocks for a fork, and stand-ins for the precompiles, of which a fork has only the marker of their code."""
    from localnet import precompiles
    from localnet.rpc import Rpc
    from localnet.sequencer import Sequencer

    precompiles.apply(url)
    rpc = Rpc(url)
    rpc("evm_setAutomine", False)
    rpc.close()
    sequencer = Sequencer(url, 0.25)
    sequencer.start()
    try:
        yield
    finally:
        sequencer.stop()
