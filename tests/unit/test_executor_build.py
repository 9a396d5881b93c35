"""
What must hold of the code that is made of the executor's sources: it is the code in scripts/executor_build.json.

To accept a change: ``python -m scripts._build``.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import vyper
from eth_utils.crypto import keccak

from scripts import _build
from scripts._build import RECORD, ROOT, Artifact, BuildError, check_record, compile_executor, standard_json
from tests import executor_artifact

#: Opcodes by which code could be replaced, run in the executor's name, or leave.
FORBIDDEN_OPCODES = {"DELEGATECALL", "CALLCODE", "SELFDESTRUCT", "CREATE", "CREATE2"}

_LARGEST_CODE = 24_576
_LARGEST_INIT_CODE = 49_152
#: Five words, and at most eight profit tokens and eight operators with their lengths.
_LARGEST_ARGUMENTS = 32 * (5 + 9 + 9)


@pytest.fixture(scope="module", name="artifact")
def made() -> Artifact:
    return executor_artifact.artifact()


def test_build__is_the_one_that_is_recorded(artifact: Artifact) -> None:
    assert artifact.record() == json.loads(RECORD.read_text())


def test_build__elsewhere_by_the_command_line__is_the_same(artifact: Artifact, tmp_path: Path) -> None:
    """Neither the folder nor the order of Python's sets, nor who calls the compiler, is in the code."""
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts")
    command = [str(Path(sys.executable).with_name("vyper")), "-f", "bytecode,bytecode_runtime", "contracts/Executor.vy"]
    environment = os.environ | {"PYTHONHASHSEED": "7"}

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)

    creation, runtime = done.stdout.split()
    assert bytes.fromhex(creation[2:]) == artifact.init_code
    assert bytes.fromhex(runtime[2:]) == artifact.runtime


def test_build__compiler__is_exactly_the_pinned_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vyper.__version__.split("+")[0] == "0.4.3"
    monkeypatch.setattr(vyper, "__version__", "0.4.4")

    with pytest.raises(BuildError, match=r"Vyper 0\.4\.4 is installed, the executor is compiled with 0\.4\.3"):
        compile_executor()


def test_build__other_than_recorded__is_refused(
    artifact: Artifact, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = tmp_path / "executor_build.json"
    monkeypatch.setattr(_build, "RECORD", record)
    record.write_text(json.dumps(artifact.record()))
    check_record(artifact)
    record.write_text(json.dumps(artifact.record() | {"creation_code_hash": "0x00"}))

    with pytest.raises(BuildError, match="the sources compile to creation code 0x[0-9a-f]{64}, .* says 0x00"):
        check_record(artifact)


def test_executor__cannot_become_other_code(artifact: Artifact) -> None:
    """Looked for before assembly: the table of selectors is data, in which any byte may occur."""
    assert {"CALL", "STATICCALL", "TSTORE"} <= artifact.opcodes
    assert not FORBIDDEN_OPCODES & artifact.opcodes


def test_executor__never_asks_for_decimals_or_prices(artifact: Artifact) -> None:
    """A call needs the selector in the code, and these are nowhere in it: no view's answer decides on anything."""
    asked = ["transfer(address,uint256)", "balanceOf(address)"]
    views = ["decimals()", "get_virtual_price()", "getRate()", "coins(uint256)", "get_dy(int128,int128,uint256)"]
    views += ["get_dy(uint256,uint256,uint256)", "totalSupply()", "symbol()", "factory()", "token0()"]

    assert all(keccak(text=name)[:4] in artifact.runtime for name in asked)
    assert [name for name in views if keccak(text=name)[:4] in artifact.runtime] == []


def test_executor__fits_the_size_limits(artifact: Artifact) -> None:
    immutables = sum(length for _, length in artifact.immutables.values())

    assert len(artifact.runtime) + immutables <= _LARGEST_CODE
    assert len(artifact.init_code) + _LARGEST_ARGUMENTS <= _LARGEST_INIT_CODE


def test_build__selectors__are_those_of_the_code(artifact: Artifact) -> None:
    """A selector that is in no push and in no table of the runtime code could not be called."""
    selectors = {name: selector for name, selector in artifact.selectors.items() if name != "__default__()"}

    assert len(set(selectors.values())) == len(selectors) > 20
    missing = [
        name
        for name, selector in selectors.items()
        if bytes.fromhex(selector[2:]).lstrip(b"\0") not in artifact.runtime
    ]
    assert missing == []


def test_build__variables__do_not_overlap(artifact: Artifact) -> None:
    for variables in artifact.layout.values():
        places = [place.split(", ") for place in variables.values()]
        slots = [
            int(first.removeprefix("slot ")) + i
            for first, count, *_ in places
            for i in range(int(count.removesuffix(" slots")))
        ]
        assert slots
        assert len(set(slots)) == len(slots)


def test_standard_json__has_every_source_as_it_is() -> None:
    """What explorers compile must be what is here, imported modules included."""
    found: dict[str, Any] = standard_json()

    assert found["compiler_version"].startswith("v0.4.3")
    assert (found["settings"]["evmVersion"], found["settings"]["optimize"]) == ("cancun", "gas")
    assert "contracts/Executor.vy" in found["sources"]
    assert len(found["sources"]) > 10
    for path, source in found["sources"].items():
        assert source["content"] == (ROOT / path).read_text()
        assert source["content"].isascii()
