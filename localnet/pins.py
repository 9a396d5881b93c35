"""
What pins.toml says: which packages are fetched, and which contracts are compiled from their sources.
"""

import functools
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localnet.paths import CACHE, PACKAGE

PINS = PACKAGE / "pins.toml"
PACKAGES = CACHE / "artifacts"
COMPILATIONS = CACHE / "solidity"
#: What runs the compiler.
DRIVER = PACKAGE / "solc.js"

_OUTPUTS = ["abi", "evm.bytecode.object", "evm.bytecode.linkReferences", "evm.deployedBytecode.object"]

#: Downloads and compilations that are only made when they are asked for.
GROUPS = ("v4", "balancer-v3", "morpho")


@dataclass(frozen=True, slots=True)
class Package:
    """
    A pinned npm package.

    Attributes:
        sha512: Of the tarball, in base64, as npm's integrity field has it.
        group: Empty for what every localnet needs.
        members: Our name of an artifact -> its path in the tarball.
        files: Patterns of what is kept as it is: sources, or a compiler; a star matches slashes too.
    """

    name: str
    version: str
    sha512: str
    licence: str
    members: Mapping[str, str]
    files: tuple[str, ...] = ()
    group: str = ""

    @property
    def slug(self) -> str:
        """The name that npm gives the tarball, without its suffix."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}"

    @property
    def folder(self) -> Path:
        """Where the members are kept; it exists only when it is complete."""
        return PACKAGES / self.slug


@dataclass(frozen=True, slots=True)
class Compilation:
    """
    Contracts that no package ships compiled.

    Attributes:
        solc: Version of the compiler, which is a pinned package too.
        runs: How often the optimizer expects each instruction to run.
        bytecode_hash: Whether the code ends with a digest of its sources: "ipfs" or "none".
        packages: Names of the packages that have the sources.
        contracts: Our name of an artifact -> its source, as ``package/path/Contract.sol``.
        remappings: Prefixes of imports -> what they mean.
    """

    name: str
    solc: str
    evm: str
    runs: int
    via_ir: bool
    bytecode_hash: str
    packages: tuple[str, ...]
    contracts: Mapping[str, str]
    remappings: Mapping[str, str]
    group: str = ""

    @property
    def compiler(self) -> Package:
        """The compiler's package."""
        return next(package for package in pinned() if (package.name, package.version) == ("solc", self.solc))

    @property
    def sources(self) -> Mapping[str, Package]:
        """The packages that have the sources, by name."""
        return {package.name: package for package in pinned() if package.name in self.packages}

    @property
    def settings(self) -> dict[str, Any]:
        """What the compiler is told besides the sources, as its standard JSON has it."""
        return {
            "optimizer": {"enabled": True, "runs": self.runs},
            "evmVersion": self.evm,
            "viaIR": self.via_ir,
            "metadata": {"bytecodeHash": self.bytecode_hash},
            "remappings": [f"{prefix}={target}" for prefix, target in self.remappings.items()],
            "outputSelection": {path: {contract_in(path): _OUTPUTS} for path in self.contracts.values()},
        }

    @property
    def folder(self) -> Path:
        """
        Where the artifacts are kept; it exists only when it is complete.

        Its name has the hash of everything that decides what the compiler gives; packages are known by their digests.
        """
        packages = sorted(package.sha512 for package in (self.compiler, *self.sources.values()))
        inputs = json.dumps([packages, self.settings, list(self.contracts)])
        digest = hashlib.sha256(inputs.encode() + DRIVER.read_bytes())
        return COMPILATIONS / f"{self.name}-{digest.hexdigest()[:20]}"


@functools.cache
def pinned() -> tuple[Package, ...]:
    """Return every package in pins.toml."""
    return tuple(Package(**_completed(entry)) for entry in _content()["package"])


@functools.cache
def compilations() -> tuple[Compilation, ...]:
    """Return every compilation in pins.toml."""
    return tuple(
        Compilation(**{"remappings": {}} | entry | {"packages": tuple(entry["packages"])})
        for entry in _content()["compilation"]
    )


def folder_of(artifact: str) -> Path:
    """
    Return where the artifact is kept that pins.toml calls by this name.
    """
    for package in pinned():
        if artifact in package.members:
            return package.folder
    return next(compilation.folder for compilation in compilations() if artifact in compilation.contracts)


def contract_in(path: str) -> str:
    """
    Return the name of the contract that the source at *path* is named after.
    """
    return path.rpartition("/")[2].removesuffix(".sol")


def provided(group: str) -> bool:
    """
    Return whether the downloads and compilations of *group* are in the cache.
    """
    sources: tuple[Package | Compilation, ...] = (*pinned(), *compilations())
    return all(source.folder.exists() for source in sources if source.group == group)


def wanted(groups: Iterable[str]) -> frozenset[str]:
    """
    Return *groups* and the core.
    """
    return frozenset(("", *groups))


def _content() -> dict[str, Any]:
    return tomllib.loads(PINS.read_text())


def _completed(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"members": {}} | dict(entry) | {"files": tuple(entry.get("files", ()))}
