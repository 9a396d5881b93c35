"""
Who is who at an executor: its constructor's arguments, and where they come from.

They are set in a file, deployment.toml by default, with a section for each network, so that one file serves several;
the command line wins.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import is_address, to_checksum_address
from pydantic import BaseModel, ConfigDict, ValidationError

from keeper.errors import KeeperError
from keeper.texts import AddressText

#: The section of the localnet that runs in the background; others are named as Ape names the network.
LOCALNET = "localnet"


class DeploymentError(KeeperError):
    """The executor is not deployed, or not as it should be."""


@dataclass(frozen=True, slots=True)
class Roles:
    """
    The executor's constructor arguments, in its order.

    Attributes:
        profit_tokens: At most eight; a program names them by their place.
        operators: At most eight.
    """

    owner: str
    guardian: str
    treasury: str
    profit_tokens: tuple[str, ...]
    operators: tuple[str, ...]

    def checksummed(self) -> "Roles":
        """
        Raises:
            DeploymentError: Something is not an address.
        """
        try:
            return Roles(
                to_checksum_address(self.owner),
                to_checksum_address(self.guardian),
                to_checksum_address(self.treasury),
                tuple(map(to_checksum_address, self.profit_tokens)),
                tuple(map(to_checksum_address, self.operators)),
            )
        except (ValueError, TypeError):
            told = (self.owner, self.guardian, self.treasury, *self.profit_tokens, *self.operators)
            wrong = next((one for one in told if not is_address(one)), "")
            raise DeploymentError(f"a role or profit token is not an address: {wrong!r}") from None


def rehearsal_roles(operator: str, treasury: str, profit_tokens: tuple[str, ...], owner: str | None = None) -> Roles:
    """
    Return the roles where nothing is worth anything: the operator is owner and guardian, too, if there is no other one.
    """
    owner = owner or operator
    return Roles(owner, owner, treasury, profit_tokens, (operator,))


class NetworkRoles(BaseModel):
    """
    A section of the file; what is not set takes the command line's default.

    Attributes:
        chain: Name of the chain's facts in keeper/deployments.
        profit_tokens: Symbols; empty takes the chain's list.
        explorer: Where people look at contracts.
        verifier: The explorer's API, where source code is sent to be verified.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    chain: str = "arbitrum"
    owner: AddressText | None = None
    guardian: AddressText | None = None
    treasury: AddressText | None = None
    operators: tuple[AddressText, ...] = ()
    profit_tokens: tuple[str, ...] = ()
    explorer: str | None = None
    verifier: str | None = None


def section_of(network: str | None) -> str:
    """
    Return the name of a network's section: ``arbitrum:mainnet`` for ``arbitrum:mainnet:node``.
    """
    return LOCALNET if network is None else ":".join(network.split(":")[:2])


def read_section(path: Path, section: str) -> NetworkRoles:
    """
    Return what the file says of a network; nothing where it has no such section.

    Raises:
        DeploymentError: The file cannot be read, or any section of it is wrong.
    """
    try:
        sections = tomllib.loads(path.read_text())
    except OSError as error:
        raise DeploymentError(f"{path} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise DeploymentError(f"{path.name} is not valid TOML: {error}") from None
    except (ValueError, RecursionError):
        raise DeploymentError(f"{path.name} is not valid TOML: it is no text, or nested too deep") from None
    networks = {name: _network(path.name, name, fields) for name, fields in sections.items()}
    return networks.get(section, NetworkRoles())


def _network(file: str, name: str, fields: Any) -> NetworkRoles:
    try:
        return NetworkRoles.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = (
            "is not a known key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        )
        raise DeploymentError(f"{file}, [{name}]: {place} {what}") from None
