"""
The Vyper stand-ins, compiled once per source.
"""

import functools
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from localnet import universe
from localnet.abi import Abi
from localnet.errors import LocalnetError
from localnet.paths import CACHE, PACKAGE, program

CONTRACTS = PACKAGE / "contracts"
FOLDER = CACHE / "compiled"

_FORMATS = "abi,bytecode,layout"


@dataclass(frozen=True, slots=True)
class Compiled:
    """
    A compiled stand-in.

    Attributes:
        slots: Storage variable ("module.variable" in a module) -> its slot, for what only the harness may change.
    """

    abi: Abi
    creation: bytes
    slots: Mapping[str, int]


@functools.cache
def compiled(name: str, **constants: int) -> Compiled:
    """
    Return the contract *name*, its constants set to *constants*: Vyper has no generics, and Curve's ABI has the number
    of coins in its types.
    """
    source = (CONTRACTS / f"{name}.vy").read_text()
    for constant, value in constants.items():
        pattern = rf"(?m)^({constant}: constant\(\w+\) = )\d+$"
        source, count = re.subn(pattern, rf"\g<1>{value}", source)
        if count != 1:
            raise LocalnetError(f"{name}.vy has {count} constants {constant}, not one")
    return _read(_output(name, source))


def compile_all() -> None:
    """
    Compile every stand-in that is not in the cache, several at a time.
    """
    names = [path.stem for path in CONTRACTS.glob("[A-Z]*.vy") if path.stem != "StableSwap"]
    counts = {len(spec.tokens) for spec in universe.CURVE.values()}
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(compiled, name) for name in names]
        jobs += [pool.submit(compiled, "StableSwap", N_COINS=count) for count in counts]
        for job in jobs:
            job.result()


def _output(name: str, source: str) -> list[str]:
    """
    Return the compiler's lines for *source*, in the order of _FORMATS.
    """
    modules = b"".join(path.read_bytes() for path in sorted(CONTRACTS.glob("[a-z]*.vy")))
    key = hashlib.sha256(version("vyper").encode() + _FORMATS.encode() + modules + source.encode()).hexdigest()[:20]
    cached = FOLDER / f"{name}-{key}.out"
    if not cached.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
            output = Path(scratch) / cached.name
            output.write_text(_compile(name, source, Path(scratch)))
            output.replace(cached)
    return cached.read_text().splitlines()


def _compile(name: str, source: str, folder: Path) -> str:
    file = folder / f"{name}.vy"
    file.write_text(source)
    command = [program("vyper", "run make setup"), "-p", str(CONTRACTS), "-f", _FORMATS, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalnetError(f"{name}.vy does not compile: {done.stderr.strip()}")
    return done.stdout


def _read(lines: list[str]) -> Compiled:
    abi, creation, layout = lines
    slots = dict(_slots(json.loads(layout).get("storage_layout", {})))
    return Compiled(Abi(json.loads(abi)), bytes.fromhex(creation[2:]), slots)


def _slots(places: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    for name, place in places.items():
        if "slot" in place:
            yield prefix + name, place["slot"]
        else:
            yield from _slots(place, f"{prefix}{name}.")
