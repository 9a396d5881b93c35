"""
Compiled contracts out of pinned npm packages.

Only the members that pins.toml names are kept, in one normal form, whatever tool compiled them, and the sources of
what is compiled here (solidity.py). Nothing is installed: the packages' own dependencies would be 661 MB, and none of
them is needed to read a JSON file.
"""

import base64
import functools
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from localnet.abi import Abi
from localnet.errors import ArtifactError
from localnet.paths import program
from localnet.pins import PACKAGES, Package, folder_of, pinned, wanted


@dataclass(frozen=True, slots=True)
class Artifact:
    """
    A compiled contract.

    Attributes:
        creation: Creation code; 20-byte holes where libraries are linked.
        runtime: Runtime code as the compiler gave it (immutables zero).
        links: Library name -> offsets of its holes in the creation code.
    """

    abi: Abi
    creation: bytes
    runtime: bytes
    links: Mapping[str, tuple[int, ...]]

    def linked(self, libraries: Mapping[str, str]) -> bytes:
        """Return the creation code with the addresses of *libraries* filled in."""
        code = bytearray(self.creation)
        for library, offsets in self.links.items():
            for offset in offsets:
                code[offset : offset + 20] = bytes.fromhex(libraries[library].removeprefix("0x"))
        return bytes(code)


def fetch(groups: Iterable[str] = ()) -> None:
    """
    Download, check and unpack what is missing of the core and of *groups*.
    """
    missing = [package for package in pinned() if package.group in wanted(groups) and not package.folder.exists()]
    if not missing:
        return
    PACKAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PACKAGES, prefix="tmp-") as name:
        scratch = Path(name)
        _download(missing, scratch)
        for package in missing:
            tarball = scratch / f"{package.slug}.tgz"
            check(package, tarball)
            _unpack(package, tarball, scratch / package.slug)
            (scratch / package.slug).replace(package.folder)


@functools.cache
def load(name: str) -> Artifact:
    """
    Return the artifact that pins.toml calls *name*.
    """
    content = json.loads((folder_of(name) / f"{name}.json").read_text())
    return Artifact(
        Abi(content["abi"]),
        _code(content["creation"]),
        _code(content["runtime"]),
        {library: tuple(offsets) for library, offsets in content["links"].items()},
    )


def check(package: Package, tarball: Path) -> None:
    """
    Raise ArtifactError unless *tarball* is, byte for byte, the one that was pinned.
    """
    if not tarball.exists():
        raise ArtifactError(f"npm did not deliver {package.name}@{package.version}")
    found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != package.sha512:
        raise ArtifactError(f"{package.name}@{package.version} is not what was pinned: its sha512 is {found}")


def _download(packages: Iterable[Package], folder: Path) -> None:
    npm = program("npm", "install Node 20 or newer")
    specifiers = [f"{package.name}@{package.version}" for package in packages]
    command = [npm, "pack", "--loglevel", "error", "--pack-destination", str(folder), *specifiers]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        reasons = [line.removeprefix("npm error").strip() for line in done.stderr.splitlines() if "npm error" in line]
        reason = reasons[0] if reasons else f"exit code {done.returncode}"
        raise ArtifactError(f"npm could not download {len(specifiers)} packages, {specifiers[0]} first: {reason}")


def _unpack(package: Package, tarball: Path, folder: Path) -> None:
    folder.mkdir()
    with tarfile.open(tarball) as archive:
        _keep_files(package, archive, folder)
        for name, member in package.members.items():
            try:
                file = archive.extractfile(f"package/{member}")
            except KeyError:
                file = None
            if file is None:
                raise ArtifactError(f"{package.name}@{package.version} has no file {member}")
            text = file.read().decode()
            content = _normal_from_typescript(text) if member.endswith(".ts") else normal(json.loads(text))
            (folder / f"{name}.json").write_text(json.dumps(content))


def _keep_files(package: Package, archive: tarfile.TarFile, folder: Path) -> None:
    for member in archive.getmembers():
        path = member.name.removeprefix("package/")
        file = archive.extractfile(member) if any(fnmatch(path, pattern) for pattern in package.files) else None
        if file is not None:
            kept = folder / path
            if not kept.resolve().is_relative_to(folder.resolve()):
                raise ArtifactError(f"{package.name}@{package.version} has a file outside of itself: {path}")
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(file.read())


def normal(raw: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what is used of an artifact of Hardhat, hardhat-deploy, Foundry, Truffle or Waffle, in one form.
    """
    creation = raw["evm"]["bytecode"] if "evm" in raw else raw["bytecode"]
    runtime = raw["evm"].get("deployedBytecode") if "evm" in raw else raw.get("deployedBytecode")
    nested = creation if isinstance(creation, dict) else raw
    links: dict[str, list[int]] = {}
    for libraries in (nested.get("linkReferences") or {}).values():
        for library, places in libraries.items():
            links.setdefault(library, []).extend(place["start"] for place in places)
    return {"abi": raw["abi"], "creation": _hex(creation), "runtime": _hex(runtime), "links": links}


def _normal_from_typescript(source: str) -> dict[str, Any]:
    """
    Return the creation code out of a TypeChain factory: its one long literal.
    """
    return {"abi": [], "creation": max(re.findall(r'"0x([0-9a-f]+)"', source), key=len), "runtime": "", "links": {}}


def _hex(code: Any) -> str:
    """Return *code* without the prefix that only some of the tools write."""
    text: str = (code.get("object") if isinstance(code, dict) else code) or ""
    return text.removeprefix("0x")


def _code(text: str) -> bytes:
    # Unlinked libraries are `__$..$__`, 40 characters that are no hex digits.
    return bytes.fromhex(re.sub(r"__.{38}", "0" * 40, text))
