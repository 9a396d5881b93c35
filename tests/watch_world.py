"""
A keeper that watches itself, on a node in memory.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from keeper.chain.arbitrum import ArbosParameters, Ordering
from keeper.config import load_settings
from keeper.execution.operation import Operation
from keeper.execution.transactions import Outcome
from keeper.journal import Journal, State
from keeper.monitor.alerts import Alert, received_by
from keeper.monitor.metrics import Metrics
from keeper.monitor.report import Report
from keeper.preflight import Deployment
from keeper.types import Address, Block, Hash
from keeper.watch import Subject, Watch
from tests.fake_node import FakeNode
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR, TOKEN, TRANSACTION

TREASURY = Address("0x" + "0c" * 20)
MULTICALL3 = Address("0x" + "ca" * 20)
CODE = b"\x60\x00"
ARBOS = ArbosParameters(
    l1_wei_per_unit=10**9,
    brotli_level=1,
    ordering=Ordering.ARRIVAL,
    version=60,
    min_base_fee_wei=20_000_000,
    estimates_l1=True,
)
ETH = 10**18
GAIN = TRANSACTION.predicted[0][1]


class Node(FakeNode):
    """
    An executor, and who holds what.
    """

    def __init__(self) -> None:
        super().__init__()
        self.health = [{"node": "http://fake", "paused": False}]
        self.paused, self.operators = False, [OPERATOR]
        self.holds = {(OPERATOR, ""): ETH, (TREASURY, TOKEN): 5, (EXECUTOR, TOKEN): 0}
        self.answers = {"eth_chainId": hex(42161), "eth_getCode": "0x" + CODE.hex(), "eth_call": self._multicall}

    def _multicall(self, request: dict[str, Any], _: object) -> str:
        (calls,) = decode(["(address,bool,bytes)[]"], bytes.fromhex(request["data"][10:]))
        answers = [(True, self._answer(Address(target), data)) for target, _, data in calls]
        return "0x" + encode(["(bool,bytes)[]"], [answers]).hex()

    def _answer(self, target: Address, data: bytes) -> bytes:
        if data == keccak(text="paused()")[:4]:
            return encode(["bool"], [self.paused])
        if data == keccak(text="operators()")[:4]:
            return encode(["address[]"], [self.operators])
        token = "" if target == MULTICALL3 else target
        return encode(["uint256"], [self.holds[Address("0x" + data[-20:].hex()), token]])


class Bench:
    """A watch over a keeper that has begun."""

    def __init__(self, directory: Path, **given: object) -> None:
        self.node = Node()
        self.journal_path = directory / "journal.sqlite"
        self.journal = Journal.open(self.journal_path, 42161, GENESIS)
        self.operation = Operation(directory)
        self.metrics, self.report = Metrics(), Report()
        code_hash = Hash("0x" + keccak(CODE).hex())
        deployment = Deployment(42161, GENESIS, EXECUTOR, code_hash, TREASURY, (TOKEN,))
        self.subject = Subject(deployment, (OPERATOR,), {TOKEN: "WETH"}, 42161, MULTICALL3)
        self.settings = load_settings(rpc_url="http://fake", state_dir=directory, **given)
        self.watch = self.another()
        self.operation.begin()
        self.number = 100

    def another(self) -> Watch:
        return Watch(
            self.node,  # type: ignore[arg-type]
            self.settings,
            self.subject,
            self.journal,
            self.operation,
            self.metrics,
            self.report,
        )

    async def look(self, arbos: ArbosParameters = ARBOS, quiet: bool = True) -> None:
        self.number += 20
        await self.watch.look(Block(self.number, Hash("0x01"), Hash("0x00"), 50, 10**7), arbos, quiet)

    def book(self, outcome: Outcome, worth_wei: int) -> None:
        self.watch.booked([self.report.book(outcome, {TOKEN: "WETH"}, worth_wei, touched=False)])

    @property
    def tripped(self) -> set[str]:
        return set(self.watch.breakers.tripped)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def heard() -> Iterator[list[Alert]]:
    heard: list[Alert] = []
    with received_by(heard.append):
        yield heard


def included(number: int, gas_wei: int = 10**12) -> Outcome:
    return Outcome(TRANSACTION, State.SOFT, ((TOKEN, GAIN),), gas_wei, (number, 0))
