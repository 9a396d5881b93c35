"""
Gas for operators: never twice, never to strangers, never beyond the cap.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from keeper.config import load_settings
from keeper.errors import ConfigError, JournalError, RpcError
from keeper.execution.funder import Funder, TopUp
from keeper.types import Address
from tests.fake_node import FakeNode

ETH = 10**18
ACCOUNT = Account.from_key("0x" + "51" * 32)
OPERATOR, STRANGER = Address("0x" + "0a" * 20), Address("0x" + "0d" * 20)
BASE_FEE_WEI = 10**7


class Chain(FakeNode):
    """Takes what is sent, and tells the funder's nonce and balance."""

    def __init__(self) -> None:
        super().__init__()
        self.nonce, self.balance = 7, ETH
        self.answers: dict[str, Any] = {
            "eth_getTransactionCount": lambda *_: hex(self.nonce),
            "eth_getBalance": lambda *_: hex(self.balance),
            "eth_estimateGas": hex(30_000),
            "eth_sendRawTransaction": "0x00",
        }


class Bench:
    def __init__(self, directory: Path) -> None:
        self.chain, self.now, self.directory = Chain(), 1_000.0, directory
        self.funder = self.another()

    def another(self, **given: object) -> Funder:
        """The funder as its next life finds it."""
        settings = load_settings(
            rpc_url="http://fake", state_dir=self.directory, topup_wei=10**16, topup_daily_wei=25 * 10**15, **given
        )
        operators = frozenset({OPERATOR})
        return Funder(self.chain, ACCOUNT, 42161, operators, settings, lambda: self.now)  # type: ignore[arg-type]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_top_up__operator__is_on_disk_before_it_leaves(bench: Bench) -> None:
    seen: list[str] = []
    path = bench.directory / "topups.jsonl"
    bench.chain.answers["eth_sendRawTransaction"] = lambda raw: seen.append(json.loads(path.read_text())["raw"])

    assert await bench.funder.top_up(OPERATOR, BASE_FEE_WEI) is TopUp.SENT

    assert seen == bench.chain.sent
    transaction = Account.recover_transaction(bench.chain.sent[0])
    assert transaction == ACCOUNT.address
    assert json.loads(path.read_text()).keys() >= {"at", "operator", "wei", "nonce", "hash"}


async def test_top_up__stranger__is_never_signed_for(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="is none of the operators"):
        await bench.funder.top_up(STRANGER, BASE_FEE_WEI)

    assert bench.chain.sent == []


async def test_top_up__not_in_a_block_yet__is_sent_again_as_it_was(bench: Bench) -> None:
    await bench.funder.top_up(OPERATOR, BASE_FEE_WEI)

    assert await bench.another().top_up(OPERATOR, 9 * BASE_FEE_WEI) is TopUp.WAITS

    first, second = bench.chain.sent
    assert first == second


async def test_top_up__node_refused__is_tried_again_and_counted_once(bench: Bench) -> None:
    bench.chain.answers["eth_sendRawTransaction"] = RpcError("busy", -32000)
    assert await bench.funder.top_up(OPERATOR, BASE_FEE_WEI) is TopUp.SENT
    bench.chain.answers["eth_sendRawTransaction"] = "0x00"
    assert await bench.funder.top_up(OPERATOR, BASE_FEE_WEI) is TopUp.WAITS

    assert len(set(bench.chain.sent)) == 1
    assert bench.funder.spent_today_wei == 10**16


async def test_top_up__beyond_the_day__is_capped_over_restarts(bench: Bench) -> None:
    for _ in range(2):
        assert await bench.another().top_up(OPERATOR, BASE_FEE_WEI) is TopUp.SENT
        bench.chain.nonce += 1

    assert await bench.another().top_up(OPERATOR, BASE_FEE_WEI) is TopUp.CAPPED
    bench.now += 86_401
    assert await bench.another().top_up(OPERATOR, BASE_FEE_WEI) is TopUp.SENT
    assert len(bench.chain.sent) == 3


@pytest.mark.parametrize("balance", [0, 10**16, 10**16 + 10**10])
async def test_top_up__funder_has_too_little__is_empty(bench: Bench, balance: int) -> None:
    bench.chain.balance = balance

    assert await bench.funder.top_up(OPERATOR, BASE_FEE_WEI) is TopUp.EMPTY
    assert bench.chain.sent == []


async def test_top_up__gas_takes_too_much__waits_for_better_prices(bench: Bench) -> None:
    bench.chain.answers["eth_estimateGas"] = hex(10**8)

    assert await bench.funder.top_up(OPERATOR, BASE_FEE_WEI) is TopUp.DEAR
    assert bench.chain.sent == []


async def test_top_up__record_cannot_be_written__sends_nothing(bench: Bench) -> None:
    (bench.directory / "topups.jsonl").mkdir()  # its being no file stands for a disk that takes nothing

    with pytest.raises(JournalError, match="cannot be written"):
        await bench.funder.top_up(OPERATOR, BASE_FEE_WEI)

    assert bench.chain.sent == []


async def test_record__half_a_line_at_its_end__was_never_sent(bench: Bench) -> None:
    await bench.funder.top_up(OPERATOR, BASE_FEE_WEI)
    bench.chain.nonce += 1
    with (bench.directory / "topups.jsonl").open("a") as file:
        file.write('{"at": 1, "oper')

    funder = bench.another()
    assert funder.spent_today_wei == 10**16
    await funder.top_up(OPERATOR, BASE_FEE_WEI)
    assert bench.another().spent_today_wei == 2 * 10**16


def test_record__cannot_be_understood__is_refused(bench: Bench) -> None:
    (bench.directory / "topups.jsonl").write_text("nonsense\nnonsense\n")

    with pytest.raises(ConfigError, match="line 1, is not a record of a top-up"):
        bench.another()


def test_record__is_no_text__is_refused(bench: Bench) -> None:
    (bench.directory / "topups.jsonl").write_bytes(b"\xff\xd0\n")

    with pytest.raises(ConfigError, match="is not a record of top-ups"):
        bench.another()


def test_funder__is_an_operator__is_refused(bench: Bench) -> None:
    operators = frozenset({Address(ACCOUNT.address.lower())})
    settings = load_settings(rpc_url="http://fake", state_dir=bench.directory)

    with pytest.raises(ConfigError, match="is an operator"):
        Funder(bench.chain, ACCOUNT, 42161, operators, settings)  # type: ignore[arg-type]
