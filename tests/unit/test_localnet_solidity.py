from dataclasses import replace
from pathlib import Path

import pytest

from localnet import pins, solidity
from localnet.errors import ArtifactError
from localnet.pins import Compilation, Package

POOL = """
// import "./Absent.sol"; is not an import
pragma solidity ^0.8.0;
import { Math } from
    "./libraries//Math.sol";
import "lib/Token.sol";
contract Pool is Token {}
"""
PACKAGES = (
    Package("@dex/core", "1.0.0", "", "MIT", {}, files=("*.sol",)),
    Package("tokens", "1.0.0", "", "MIT", {}, files=("*.sol",)),
    Package("solc", "0.8.27", "", "MIT", {}, files=("soljson.js",)),
)
COMPILATION = Compilation(
    name="dex",
    solc="0.8.27",
    evm="shanghai",
    runs=200,
    via_ir=False,
    bytecode_hash="ipfs",
    packages=("@dex/core", "tokens"),
    contracts={"DexPool": "@dex/core/src/Pool.sol"},
    remappings={"lib/": "tokens/contracts/"},
)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(pins, "PACKAGES", tmp_path / "packages")
    monkeypatch.setattr(pins, "pinned", lambda: PACKAGES)
    monkeypatch.setattr(solidity, "compilations", lambda: (COMPILATION,))
    for path, source in {
        "dex-core-1.0.0/src/Pool.sol": POOL,
        "dex-core-1.0.0/src/libraries/Math.sol": "library Math {}",
        "tokens-1.0.0/contracts/Token.sol": "contract Token {}",
    }.items():
        file = pins.PACKAGES / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return tmp_path


def compiler_that(cache: Path, body: str) -> None:
    folder = COMPILATION.compiler.folder
    folder.mkdir(parents=True)
    (folder / "soljson.js").write_text(f"module.exports = {{ cwrap: () => (input) => {{ {body} }} }};")


def test_sources__imports_relative_and_remapped__are_all_that_is_taken() -> None:
    found = solidity.sources(COMPILATION)

    assert sorted(found) == ["@dex/core/src/Pool.sol", "@dex/core/src/libraries/Math.sol", "tokens/contracts/Token.sol"]
    assert found["@dex/core/src/Pool.sol"] == POOL


def test_sources__import_of_no_package__is_refused() -> None:
    with pytest.raises(ArtifactError, match="lib/Token.sol, which dex needs, is in none of its packages"):
        solidity.sources(replace(COMPILATION, remappings={}))


def test_compile_all__twice__runs_the_compiler_once(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(pins, "COMPILATIONS", cache / "solidity")
    monkeypatch.setattr(solidity, "COMPILATIONS", cache / "solidity")
    compiler_that(
        cache,
        """
        const { outputSelection } = JSON.parse(input).settings;
        const code = (object) => ({ object, linkReferences: {} });
        const evm = { bytecode: code("6001"), deployedBytecode: code("60") };
        const [[path, names]] = Object.entries(outputSelection);
        const contracts = { [path]: { [Object.keys(names)[0]]: { abi: [], evm } } };
        return JSON.stringify({ contracts });
        """,
    )

    solidity.compile_all()
    compiler_gone = COMPILATION.compiler.folder / "soljson.js"
    compiler_gone.unlink()
    solidity.compile_all()

    assert (COMPILATION.folder / "DexPool.json").read_text() == (
        '{"abi": [], "creation": "6001", "runtime": "60", "links": {}}'
    )


def test_compile_all__source_with_an_error__is_told_in_the_compilers_words(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setattr(pins, "COMPILATIONS", cache / "solidity")
    compiler_that(
        cache,
        'return JSON.stringify({ errors: [{ severity: "error", formattedMessage: "ParserError: expected ;" }] });',
    )

    with pytest.raises(ArtifactError, match="dex does not compile: ParserError: expected ;"):
        solidity.compile_all()


def test_compile_all__compiler_that_fails__is_one_sentence(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(pins, "COMPILATIONS", cache / "solidity")
    compiler_that(cache, 'throw new Error("out of memory");')

    with pytest.raises(ArtifactError, match="the compiler of dex failed: out of memory$"):
        solidity.compile_all()
