"""
From planned routes to a transaction in flight, or the reason why not.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from keeper.config import Settings, load_chain, load_settings
from keeper.errors import PolicyError, RpcError, SignerError
from keeper.execution.endpoints import RawEndpoint
from keeper.execution.nonces import NonceManager
from keeper.execution.operators import Caps, Operator, Operators
from keeper.execution.simulation import Simulator
from keeper.execution.submission import Broadcast
from keeper.execution.trader import Trader
from keeper.execution.wire import Unsigned, parse
from keeper.gas import UNITS_PER_BYTE, GasPrices, Outlay, gas_limit, l1_fee_wei
from keeper.journal import Journal, State
from keeper.types import Address, Hash
from tests.fake_node import FakeNode
from tests.operator_world import CHAIN_ID, SIGNERS, TRANSACTION, canonical, head, journal_at, node_at, transactions_on
from tests.unit.test_journal import EXECUTOR, TOKEN

PRICES = GasPrices(base_fee_wei=20_000_000, tip_wei=0, l1_wei_per_unit=0, brotli_level=1)


@dataclass(frozen=True)
class Bundle:
    """What the trader looks at of one."""

    calldata: bytes = b"\x01\x02"
    pools: tuple[Address, ...] = (Address("0x" + "bb" * 20),)
    profit_wei: int = 10**16
    gas: int = 200_000
    tip_wei: int = 0
    outlay: Outlay = field(default_factory=lambda: Outlay(0, 0, 0))
    deadline: int = 1_903
    gains: tuple[tuple[Address, int], ...] = ((TOKEN, 5),)
    legs: tuple[Any, ...] = ()

    def at(self, gas: int, l1_wei: int, _: GasPrices) -> "Bundle":
        return replace(self, gas=gas, outlay=replace(self.outlay, l1_wei=l1_wei))


class Watched:
    """Signs with the first key, and lets something happen before it has."""

    address = SIGNERS[0].address

    def __init__(self) -> None:
        self.happens: Callable[[], None] = lambda: None
        self.asked = 0

    async def sign(self, transaction: Unsigned) -> tuple[bytes, Hash]:
        self.asked += 1
        self.happens()
        return await SIGNERS[0].sign(transaction)


@pytest.fixture
def node() -> FakeNode:
    node = node_at(3)
    node.answers |= {"eth_call": "0x", "eth_estimateGas": hex(180_000)}
    return node


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return journal_at(tmp_path / "journal.sqlite")


@pytest.fixture
def signer() -> Watched:
    return Watched()


@pytest.fixture
def operators(node: FakeNode, journal: Journal, signer: Watched) -> Operators:
    nonces = NonceManager(signer.address, on_chain=3)
    operator = Operator(signer.address, signer, nonces, transactions_on(node, journal, nonces))
    return Operators(node, Broadcast([RawEndpoint("node", node)]), [operator], Caps(CHAIN_ID, 10**10))  # type: ignore[arg-type]


async def traded(
    node: FakeNode,
    operators: Operators,
    *bundles: Bundle,
    may_send: Callable[[], bool] = lambda: True,
    prices: GasPrices = PRICES,
    **changed: Any,
) -> str:
    settings: Settings = load_settings(rpc_url="http://x", **changed)
    facts = load_chain("arbitrum")
    simulator = Simulator(node, EXECUTOR, Address(facts.node_interface.lower()))  # type: ignore[arg-type]
    trader = Trader(simulator, settings, facts, EXECUTOR, operators, may_send)
    outcome, _ = await trader.trade(bundles, head(100), prices, lambda _: nullcontext())  # type: ignore[arg-type]
    return outcome


async def test_trade__simulation_bears_it_out__is_signed_and_sent(
    node: FakeNode, operators: Operators, journal: Journal
) -> None:
    assert await traded(node, operators, Bundle()) == "sent"

    (entry,) = journal.entries()
    assert entry.state is State.SENT
    says, _ = parse(entry.transaction.raw)
    assert (says.to, says.data, says.nonce) == (EXECUTOR, b"\x01\x02", 3)
    assert (says.gas_limit, says.max_fee_wei) == (225_000, 40_000_000)
    assert (entry.transaction.deadline, entry.transaction.sibling_of) == (1_903, None)


async def test_trade__l1_data__is_priced_by_the_bytes_that_are_signed(
    node: FakeNode, operators: Operators, journal: Journal
) -> None:
    prices = replace(PRICES, l1_wei_per_unit=10**9)

    assert await traded(node, operators, Bundle(calldata=bytes(range(150))), prices=prices) == "sent"

    (entry,) = journal.entries()
    # A signature may compress by a byte more or less than another.
    limit = gas_limit(180_000, l1_fee_wei(entry.transaction.raw, prices), prices)
    assert abs(entry.transaction.gas_limit - limit) <= 2 * gas_limit(0, UNITS_PER_BYTE * 10**9, prices)


async def test_trade__nonce_had_one_that_was_refused__is_its_sibling_with_other_bytes(
    node: FakeNode, operators: Operators, journal: Journal
) -> None:
    node.answers["eth_sendRawTransaction"] = RpcError("insufficient funds", -32000)
    assert await traded(node, operators, Bundle()) == "refused by the node"
    assert await traded(node, operators, Bundle()) == "refused by the node"

    first, second = journal.entries()
    assert (first.transaction.nonce, second.transaction.nonce) == (3, 3)
    assert second.transaction.sibling_of == first.id
    assert first.transaction.hash != second.transaction.hash


async def test_trade__node_holds_an_expired_sibling__offers_an_eighth_more(
    node: FakeNode, operators: Operators, journal: Journal
) -> None:
    assert await traded(node, operators, Bundle()) == "sent"
    node.answers["eth_getTransactionByHash"] = {"hash": "0x"}
    await operators.follow(head(111, timestamp=1_904), canonical)
    assert journal.entries()[0].state is State.DROPPED

    node.answers["eth_sendRawTransaction"] = RpcError("replacement transaction underpriced", -32000)
    assert await traded(node, operators, Bundle()) == "refused by the node"  # another node holds a dearer one
    node.answers["eth_sendRawTransaction"] = node_at().answers["eth_sendRawTransaction"]
    assert await traded(node, operators, Bundle()) == "sent"

    caps = [parse(entry.transaction.raw)[0].max_fee_wei for entry in journal.entries()]
    assert caps == [40_000_000, 45_000_001, 50_625_002]


async def test_trade__sibling_that_no_node_holds__costs_no_more(
    node: FakeNode, operators: Operators, journal: Journal
) -> None:
    assert await traded(node, operators, Bundle()) == "sent"
    await operators.follow(head(111, timestamp=1_904), canonical)

    assert await traded(node, operators, Bundle()) == "sent"

    assert [entry.transaction.max_fee_wei for entry in journal.entries()] == [40_000_000, 40_000_000]


async def test_trade__pools_of_another_key_in_flight__leaves_them_alone(node: FakeNode, operators: Operators) -> None:
    await operators.first.transactions.send(TRANSACTION)
    two = Operators(node, Broadcast([]), [operators.first], Caps(CHAIN_ID, 10**10, pipeline=2))  # type: ignore[arg-type]

    assert await traded(node, two, Bundle(pools=TRANSACTION.pools)) == "its pools are under way"
    assert await traded(node, two, Bundle()) == "sent"


async def test_trade__fate_of_the_last_one_unknown__signs_nothing(node: FakeNode, operators: Operators) -> None:
    node.broken = {"eth_sendRawTransaction"}
    assert await traded(node, operators, Bundle()) == "sent"  # or not: the chain will tell

    assert await traded(node, operators, Bundle()) == "no key is free"


async def test_trade__dry_run__signs_nothing(node: FakeNode, operators: Operators, journal: Journal) -> None:
    operators.silent = True

    assert await traded(node, operators, Bundle(), dry_run=True) == "dry run"

    assert journal.entries() == []


async def test_trade__told_to_stop_while_it_signs__sends_nothing(
    node: FakeNode, operators: Operators, signer: Watched, journal: Journal
) -> None:
    signer.happens = lambda: setattr(operators, "silent", True)

    assert await traded(node, operators, Bundle()) == "told to stop"

    assert node.sent == []
    assert journal.entries() == []


@pytest.mark.parametrize(
    ("error", "failures"),
    [
        (SignerError("the signer is out of reach"), 1),
        (PolicyError("the tip is above what gas may cost with it"), 0),  # by no fault of the signer
    ],
    ids=["signer", "policy"],
)
async def test_trade__signer_does_not_sign__says_so_and_is_counted_if_it_failed(
    node: FakeNode, operators: Operators, signer: Watched, journal: Journal, error: Exception, failures: int
) -> None:
    def fail() -> None:
        raise error

    signer.happens = fail

    assert await traded(node, operators, Bundle()) == f"not signed: {error}"

    assert operators.signer_failures == failures
    assert journal.entries() == []


async def test_trade__first_variant_fails__the_second_is_sent(node: FakeNode, operators: Operators) -> None:
    def refuse(request: dict[str, str], _: str) -> str:
        if request["data"] == "0x01":
            raise RpcError("execution reverted", 3)
        return "0x"

    node.answers["eth_call"] = refuse

    assert await traded(node, operators, Bundle(calldata=b"\x01"), Bundle()) == "sent"


@pytest.mark.parametrize(
    ("bundle", "changed", "outcome"),
    [
        (Bundle(), {"max_base_fee_wei": 19_999_999}, "base fee above cap"),
        (Bundle(profit_wei=1), {}, "not worth its gas"),
        (Bundle(profit_wei=0), {"min_profit_wei": 0}, "not worth its gas"),
    ],
)
async def test_trade__not_to_be_sent__says_why(
    node: FakeNode, operators: Operators, bundle: Bundle, changed: dict[str, int], outcome: str
) -> None:
    assert await traded(node, operators, bundle, **changed) == outcome
    assert node.sent == []


async def test_trade__halted_while_it_was_simulated__is_not_signed(
    node: FakeNode, operators: Operators, journal: Journal, signer: Watched
) -> None:
    live = [True]

    def simulate(*_: object) -> str:
        live[0] = False
        return "0x"

    node.answers["eth_call"] = simulate

    assert await traded(node, operators, Bundle(), may_send=lambda: live[0]) == "not live"

    assert node.sent == []
    assert journal.entries() == []
    assert signer.asked == 0
