"""
Nothing is signed in a state other than live, whenever that state began.
"""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from keeper.config import load_chain, load_settings
from keeper.execution.trader import Trader
from keeper.gas import GasPrices
from keeper.types import Block, Hash
from tests.fake_node import FakeNode
from tests.unit.test_journal import EXECUTOR, OPERATOR

HEAD = Block(1, Hash("0x01"), Hash("0x00"), 50, 10**7)
PRICES = GasPrices(10**7, 0, 10**9, 1)


class Signer:
    """Must not be asked."""

    address = OPERATOR

    def sign(self, _: object) -> None:
        raise AssertionError("something was signed")


class Bundle(SimpleNamespace):
    """It pays, whatever its gas."""

    calldata, profit_wei = b"\x01", 10**18

    def at(self, gas: int, prices: GasPrices) -> "Bundle":
        assert (gas, prices) == (100_000, PRICES)
        return self


async def test_trade__halted_while_it_was_simulated__is_not_signed() -> None:
    live = [True]

    def simulate(*_: object) -> str:
        live[0] = False
        return "0x"

    node = FakeNode()
    node.answers = {"eth_call": simulate, "eth_estimateGas": hex(100_000)}
    untouched: Any = None
    trader = Trader(
        node,  # type: ignore[arg-type]
        load_settings(rpc_url="http://fake"),
        load_chain("arbitrum"),
        EXECUTOR,
        Signer(),  # type: ignore[arg-type]
        untouched,
        untouched,
        lambda: live[0],
    )

    outcome, tried = await trader.trade([Bundle()], HEAD, PRICES, lambda _: nullcontext())  # type: ignore[list-item]

    assert outcome == "not live"
    assert isinstance(tried, Bundle)
    assert node.sent == []
