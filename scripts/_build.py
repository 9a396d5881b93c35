"""
Compiles the executor, and says what must come out of it.

``python -m scripts._build`` writes what comes out to scripts/executor_build.json, which is committed: whoever compiles
the same sources gets the same code, and whoever changes the code sees it in the record.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from scripts._roles import DeploymentError, Roles

ROOT = Path(__file__).resolve().parent.parent
EXECUTOR = ROOT / "contracts" / "Executor.vy"
RECORD = Path(__file__).with_name("executor_build.json")
COMPILER = "0.4.3"
EVM_VERSION = "cancun"
PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
SALT = bytes(32)
MAX_PROFIT_TOKENS = 8

_COMMAND = "python -m scripts._build"


class BuildError(DeploymentError):
    """The executor cannot be compiled as it was when it was tested."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """
    What the compiler made of the executor.

    Attributes:
        runtime: The code on the chain, without the immutables that stand behind it.
        immutables: Where each immutable stands behind the runtime code: name to (offset, length).
        selectors: Signature to selector.
        layout: Where each variable stands: kind of storage to name to first slot, slots and type.
        opcodes: What the code is made of, with the words of the assembler's own.
    """

    init_code: bytes
    runtime: bytes
    immutables: Mapping[str, tuple[int, int]]
    selectors: Mapping[str, str]
    layout: Mapping[str, Mapping[str, str]]
    opcodes: frozenset[str]

    def deployment_code(self, roles: Roles) -> bytes:
        """
        Return the init code with its arguments.
        """
        return self.init_code + constructor_arguments(roles)

    def deployed_code(self, roles: Roles) -> bytes:
        """
        Return the code that then stands on the chain: the runtime code with the immutables filled in.

        Raises:
            BuildError: There is an immutable whose value is not known here.
        """
        tokens = [encode(["address"], [token]) for token in roles.profit_tokens]
        tokens += [bytes(32)] * (MAX_PROFIT_TOKENS - len(tokens))
        values = {f"_TOKEN{place}": token for place, token in enumerate(tokens)}
        values["TREASURY"] = encode(["address"], [roles.treasury])
        if unknown := set(self.immutables) - set(values):
            raise BuildError(f"the deployment does not know the value of the executor's immutable {min(unknown)}")
        data = bytearray(sum(length for _, length in self.immutables.values()))
        for name, (offset, length) in self.immutables.items():
            data[offset : offset + length] = values[name]
        return self.runtime + bytes(data)

    def address(self, roles: Roles) -> str:
        """
        Return where the proxy deploys it.
        """
        code = self.deployment_code(roles)
        return str(to_checksum_address(keccak(b"\xff" + bytes.fromhex(PROXY[2:]) + SALT + keccak(code))[12:]))

    def record(self) -> dict[str, Any]:
        """
        Return what is committed of it.
        """
        return {
            "compiler": f"vyper {COMPILER}",
            "evm_version": EVM_VERSION,
            "creation_code_hash": "0x" + keccak(self.init_code).hex(),
            "creation_code_bytes": len(self.init_code),
            "runtime_code_hash": "0x" + keccak(self.runtime).hex(),
            "runtime_code_bytes": len(self.runtime),
            "selectors": dict(sorted(self.selectors.items())),
            "immutables": {name: f"{offset}, {length} bytes" for name, (offset, length) in self.immutables.items()},
            **{kind: dict(variables) for kind, variables in self.layout.items()},
        }


def compile_executor(root: Path = ROOT) -> Artifact:
    """
    Compile the executor from its sources; no cache is read.

    Args:
        root: Where the folder ``contracts`` is.

    Raises:
        BuildError: The compiler is another version than the one that was tested.
    """
    source = root / EXECUTOR.relative_to(ROOT)
    output = _compile(source, ["bytecode", "bytecode_runtime", "layout", "method_identifiers", "asm"])
    layouts = output["layout"]
    return Artifact(
        bytes.fromhex(output["bytecode"][2:]),
        bytes.fromhex(output["bytecode_runtime"][2:]),
        dict(_immutables(layouts["code_layout"])),
        {name: f"0x{int(selector, 16):08x}" for name, selector in output["method_identifiers"].items()},
        {kind: dict(_variables(layouts.get(f"{kind}_layout", {}))) for kind in ("storage", "transient_storage")},
        frozenset(output["asm"].split()),
    )


def standard_json() -> dict[str, Any]:
    """
    Return the compiler's input, sources and settings, in the form in which explorers verify code.
    """
    found: dict[str, Any] = _compile(EXECUTOR, ["solc_json"])["solc_json"]
    # The pragmas say the same; a verifier may not read them.
    found["settings"] |= {"evmVersion": EVM_VERSION, "optimize": "gas"}
    return found


def check_record(artifact: Artifact) -> None:
    """
    Raises:
        BuildError: The code is not the one whose hash is committed.
    """
    expected = json.loads(RECORD.read_text())
    if artifact.record() != expected:
        raise BuildError(
            f"the sources compile to creation code {artifact.record()['creation_code_hash']}, "
            f"{RECORD.name} says {expected['creation_code_hash']}: look at the change, then {_COMMAND}"
        )


def constructor_arguments(roles: Roles) -> bytes:
    """
    Return the roles as the constructor takes them.
    """
    types = ["address", "address", "address", "address[]", "address[]"]
    return encode(types, list(asdict(roles).values()))


def _compile(source: Path, formats: list[str]) -> Mapping[str, Any]:
    import vyper  # a slow import, and Ape imports every script at every run
    from vyper.cli.vyper_compile import compile_files
    from vyper.compiler.settings import OptimizationLevel, Settings

    if vyper.__version__.split("+")[0] != COMPILER:
        raise BuildError(
            f"Vyper {vyper.__version__} is installed, the executor is compiled with {COMPILER}: make setup"
        )
    settings = Settings(optimize=OptimizationLevel.GAS, experimental_codegen=False)
    (output,) = compile_files([source], formats, paths=[str(source.parent.parent)], settings=settings).values()
    return dict(output)


def _immutables(layout: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each immutable with its offset and length; those of a module are grouped under its name."""
    for name, entry in layout.items():
        if "offset" in entry:
            yield name, (entry["offset"], entry["length"])
        else:
            yield from _immutables(entry)


def _variables(layout: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each variable and its place; a module's have its name before theirs."""
    for name, entry in layout.items():
        if isinstance(entry.get("slot"), int):
            yield prefix + name, f"slot {entry['slot']}, {entry['n_slots']} slots, {entry['type']}"
        else:
            yield from _variables(entry, f"{prefix}{name}.")


if __name__ == "__main__":
    RECORD.write_text(json.dumps(compile_executor().record(), indent=2) + "\n")
    print(f"wrote {RECORD.relative_to(ROOT)}")
