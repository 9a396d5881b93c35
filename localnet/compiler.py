"""
The Vyper stand-ins, compiled once per source.
"""

import functools
import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

from localnet import universe
from localnet.abi import Abi
from localnet.errors import LocalnetError
from localnet.paths import CACHE, PACKAGE, program

CONTRACTS = PACKAGE / "contracts"
FOLDER = CACHE / "compiled"


@dataclass(frozen=True, slots=True)
class Compiled:
    """
    A compiled stand-in.

    Attributes:
        slots: Storage variable -> its slot, for what only the test harness may change.
    """

    abi: Abi
    creation: bytes
    runtime: bytes
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
    Return the compiler's lines for *source*: ABI, creation code, runtime code, storage layout.
    """
    modules = b"".join(path.read_bytes() for path in sorted(CONTRACTS.glob("[a-z]*.vy")))
    key = hashlib.sha256(version("vyper").encode() + modules + source.encode()).hexdigest()[:20]
    cached = FOLDER / f"{name}-{key}.out"
    if not cached.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        scratch = cached.with_suffix(".vy")
        scratch.write_text(source)
        vyper = program("vyper", "run make setup")
        command = [vyper, "-p", str(CONTRACTS), "-f", "abi,bytecode,bytecode_runtime,layout", str(scratch)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        scratch.unlink()
        if done.returncode:
            raise LocalnetError(f"{name}.vy does not compile: {done.stderr.strip()}")
        partial = cached.with_suffix(".tmp")
        partial.write_text(done.stdout)
        partial.replace(cached)
    return cached.read_text().splitlines()


def _read(lines: list[str]) -> Compiled:
    abi, creation, runtime, layout = lines[:4]
    slots = {
        name: place["slot"] for name, place in json.loads(layout).get("storage_layout", {}).items() if "slot" in place
    }
    return Compiled(Abi(json.loads(abi)), bytes.fromhex(creation[2:]), bytes.fromhex(runtime[2:]), slots)
