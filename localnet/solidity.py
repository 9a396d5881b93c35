"""
Contracts compiled from the sources that pinned packages carry, once per input.

The compiler is npm's build of it, WebAssembly under node: seconds for most, two minutes for Balancer's Vault.
"""

import json
import posixpath
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from localnet.artifacts import normal
from localnet.errors import ArtifactError
from localnet.paths import program
from localnet.pins import COMPILATIONS, DRIVER, Compilation, compilations, contract_in, wanted

#: At the beginning of a line only: comments speak of imports too.
_IMPORT = re.compile(r"""^import\b[^;"']*["']([^"']+)["'][^;]*;""", re.MULTILINE)


def compile_all(groups: Iterable[str] = ()) -> None:
    """
    Compile what is missing of the core and of *groups*; their packages must have been fetched.
    """
    for compilation in compilations():
        if compilation.group in wanted(groups) and not compilation.folder.exists():
            _compile(compilation)


def sources(compilation: Compilation) -> dict[str, str]:
    """
    Return the sources of all contracts and of what they import, by path.
    """
    found: dict[str, str] = {}
    waiting = list(compilation.contracts.values())
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = _read(path, compilation)
            waiting.extend(_imports(path, found[path], compilation.remappings))
    return found


def _imports(path: str, source: str, remappings: Mapping[str, str]) -> Iterator[str]:
    for imported in _IMPORT.findall(source):
        if imported.startswith("."):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), imported))
            continue
        prefix = next((prefix for prefix in remappings if imported.startswith(prefix)), "")
        yield remappings.get(prefix, "") + imported.removeprefix(prefix)


def _read(path: str, compilation: Compilation) -> str:
    for name, package in compilation.sources.items():
        file = package.folder / path.removeprefix(f"{name}/")
        if path.startswith(f"{name}/") and file.exists():
            return file.read_text()
    raise ArtifactError(f"{path}, which {compilation.name} needs, is in none of its packages")


def _compile(compilation: Compilation) -> None:
    output = _run(compilation)
    COMPILATIONS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=COMPILATIONS, prefix="tmp-") as name:
        scratch = Path(name) / compilation.name
        scratch.mkdir()
        for artifact, path in compilation.contracts.items():
            compiled = output["contracts"][path][contract_in(path)]
            (scratch / f"{artifact}.json").write_text(json.dumps(normal(compiled)))
        scratch.replace(compilation.folder)


def _run(compilation: Compilation) -> dict[str, Any]:
    compiler = compilation.compiler.folder / "soljson.js"
    command = [program("node", "install Node 20 or newer"), str(DRIVER), str(compiler)]
    done = subprocess.run(command, input=json.dumps(_input(compilation)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ArtifactError(f"the compiler of {compilation.name} failed: {done.stderr.strip()}")
    output: dict[str, Any] = json.loads(done.stdout)
    errors = [error["formattedMessage"] for error in output.get("errors", ()) if error["severity"] == "error"]
    if errors:
        raise ArtifactError(f"{compilation.name} does not compile: {errors[0].strip()}")
    return output


def _input(compilation: Compilation) -> dict[str, Any]:
    found = sorted(sources(compilation).items())
    return {
        "language": "Solidity",
        "sources": {path: {"content": source} for path, source in found},
        "settings": compilation.settings,
    }
