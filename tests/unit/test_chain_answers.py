"""
Results of another kind than the one that was asked for are the node's failure.
"""

import subprocess
import sys
from typing import Any

import pytest

from keeper.chain.answers import fields, octets, quantity, to_hash
from keeper.errors import ChainError

HASH = "0x" + "ab" * 32


def test_answers__of_the_kind_that_was_asked_for__are_taken() -> None:
    assert quantity("0x10", "nonce") == 16
    assert octets("0x0a0b", "code") == b"\n\x0b"
    assert octets("0x", "code") == b""
    assert to_hash(HASH, "block hash") == HASH
    assert fields({"a": 1}, "receipt") == {"a": 1}


@pytest.mark.parametrize("told", [None, 16, "16", "0x", "0xg", [], {}, True, b"0x10"])
def test_quantity__told_otherwise__is_refused(told: Any) -> None:
    with pytest.raises(ChainError, match="nonce is not a number"):
        quantity(told, "nonce")


@pytest.mark.parametrize("told", [None, 16, "0a", "0xa", "0xgg", [], {}])
def test_octets__told_otherwise__are_refused(told: Any) -> None:
    with pytest.raises(ChainError, match="code is not hex"):
        octets(told, "code")


@pytest.mark.parametrize("told", [None, "0x", HASH[:-2], HASH + "00", HASH[2:], 7, []])
def test_hash__told_otherwise__is_refused(told: Any) -> None:
    with pytest.raises(ChainError, match="block hash is not a hash"):
        to_hash(told, "block hash")


@pytest.mark.parametrize("told", [None, [], "0x", 7])
def test_fields__told_otherwise__are_refused(told: Any) -> None:
    with pytest.raises(ChainError, match="receipt is not an object"):
        fields(told, "receipt")


def test_parsed__nested_deep_where_python_may_nest_deep__is_no_answer_and_ends_nothing() -> None:
    # A process of its own: what this guards against is the end of the process.
    script = (
        "import sys; sys.setrecursionlimit(100_000)\n"
        "from keeper.chain.answers import parsed\n"
        "from keeper.errors import ChainError\n"
        "for text in (b'[' * 1_000_000, '{\"a\":' * 1_000_000):\n"
        "    try:\n"
        "        parsed(text)\n"
        "    except ChainError as error:\n"
        "        print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout == "the node's answer is not JSON\n" * 2
