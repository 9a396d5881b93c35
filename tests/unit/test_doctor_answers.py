"""
A node that answers nonsense is what the doctor is there to name.
"""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from keeper.commands.doctor.executor import Examiner as ExecutorExaminer
from keeper.commands.doctor.facts import Examiner as FactsExaminer
from keeper.commands.doctor.finding import Finding, Verdict, fail, gathered, show
from keeper.commands.doctor.machine import look_at_keystore
from keeper.config import load_chain, load_settings
from keeper.types import Block, Hash
from tests.fake_node import FakeNode, block_hash, header

FACTS = load_chain("arbitrum")
HEAD = Block(3, Hash(block_hash(3)), Hash(block_hash(2)), 3, 0)

NONSENSE = [None, 7, ["0x"], {}, "hello", "0xzz", "0x123"]


def the_failure(findings: list[Finding]) -> Finding:
    (failure,) = (finding for finding in findings if finding.verdict is Verdict.FAIL)
    return failure


@pytest.fixture
def node() -> FakeNode:
    node = FakeNode()
    node.chain = [header(number) for number in range(4)]
    return node


@pytest.mark.parametrize("told", NONSENSE)
async def test_facts__code_is_none__is_named(node: FakeNode, told: Any) -> None:
    node.answers["eth_getCode"] = told

    found = await gathered("facts", FactsExaminer(node, FACTS, "arbitrum", (), HEAD.hash).look())  # type: ignore[arg-type]

    assert "is not hex" in the_failure(found).found


@pytest.mark.parametrize("told", NONSENSE)
async def test_executor__code_is_none__is_named(node: FakeNode, told: Any, tmp_path: Path) -> None:
    record = {"chain_id": FACTS.chain_id, "genesis_hash": block_hash(0), "executor": "0x" + "0e" * 20}
    record |= {"treasury": "0x" + "7e" * 20, "code_hash": "0x" + "11" * 32, "profit_tokens": []}
    (tmp_path / "deployment.json").write_text(json.dumps(record))
    node.answers["eth_getCode"] = told
    settings = load_settings(rpc_url="http://x", state_dir=tmp_path)

    found = await gathered("executor", ExecutorExaminer(node, settings, FACTS, HEAD, ()).look())  # type: ignore[arg-type]

    assert "is not hex" in the_failure(found).found


@pytest.mark.parametrize("content", [b"\x7fELF\xd0", b"[" * 5_000, b"3", b"{}"])
def test_keystore__is_none__is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "hot.json"
    file.write_bytes(content)

    finding, address = look_at_keystore(file, "keystore hot.json")

    assert (finding.verdict, address) == (Verdict.FAIL, None)
    assert "hot.json is not a keystore file" in finding.found


def test_show__brackets__are_no_markup() -> None:
    told = StringIO()

    show([fail("keystore [/x].json", r"reverted: \[/bold]", "chmod 600 [/y]")], Console(file=told, width=120))

    for words in ("keystore [/x].json", r"reverted: \[/bold]", "chmod 600 [/y]"):
        assert words in told.getvalue()
