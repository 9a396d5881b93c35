"""
What the precompiles tell, by what the chain orders, what changes are news, and gas by the prices of the moment.
"""

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from keeper.abi import selector
from keeper.chain.arbitrum import ArbosParameters, Ordering, read_arbos
from keeper.chain.changes import Change, Changes, Parameter
from keeper.config import load_chain
from keeper.errors import ChainError, RpcError
from keeper.execution.simulation import Simulator
from keeper.gas import MOST_GAS, GasPrices, Outlay, gas_limit, l1_fee_wei, l1_gas, max_fee_wei
from keeper.types import Address, Block, Hash
from tests.fake_node import FakeNode

FACTS = load_chain("arbitrum")
NOW = ArbosParameters(10**9, 1, Ordering.ARRIVAL, 61, 20_000_000, estimates_l1=True)
PRICES = GasPrices(base_fee_wei=20_000_000, tip_wei=0, l1_wei_per_unit=10**9, brotli_level=1)
SIGNED = bytes((index * 167 + 13) % 256 for index in range(250))
NOBODY, LANE = "0x" + "00" * 20, "0x" + "11" * 20


class Nitro(FakeNode):
    """Answers as Arbitrum's precompiles do."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, bytes] = {
            "getL1BaseFeeEstimate()": encode(["uint256"], [10**9]),
            "getMinimumGasPrice()": encode(["uint256"], [20_000_000]),
            "getBrotliCompressionLevel()": encode(["uint64"], [1]),
            "getCollectTips()": encode(["bool"], [False]),
            "arbOSVersion()": encode(["uint256"], [55 + 61]),
            "currentRound()": encode(["uint64"], [1_000]),
        }
        self.answers = {
            "eth_call": lambda request, _: "0x" + self._answer(bytes.fromhex(request["data"][2:])).hex(),
            "eth_estimateGas": hex(23_000),
            "eth_getCode": "0x",
        }

    def express_lane(self, controller: str, resolved: int) -> None:
        self.answers["eth_getCode"] = "0x6001"
        kinds = ["address", "uint64", "address", "uint64"]
        self.told["resolvedRounds()"] = encode(kinds, [controller, resolved, controller, resolved - 1])

    def _answer(self, data: bytes) -> bytes:
        return next(answer for signature, answer in self.told.items() if selector(signature) == data[:4])


async def test_read_arbos__tells_every_parameter() -> None:
    assert await read_arbos(Nitro(), FACTS) == NOW  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("controller", "resolved", "expected"),
    [
        (LANE, 1_001, Ordering.TIMEBOOST),
        (LANE, 1_000, Ordering.TIMEBOOST),
        (LANE, 990, Ordering.TIMEBOOST),
        (LANE, 989, Ordering.ARRIVAL),
        (NOBODY, 1_000, Ordering.ARRIVAL),
    ],
    ids=["next round", "this round", "a few rounds went unsold", "long ago", "nobody"],
)
async def test_read_arbos__express_lane__is_timeboost_while_it_is_sold(
    controller: str, resolved: int, expected: Ordering
) -> None:
    node = Nitro()
    node.express_lane(controller, resolved)

    assert (await read_arbos(node, FACTS)).ordering is expected  # type: ignore[arg-type]


async def test_read_arbos__tips_collected__is_an_auction_whatever_the_express_lane_says() -> None:
    node = Nitro()
    node.express_lane(LANE, 1_000)
    node.told["getCollectTips()"] = encode(["bool"], [True])

    assert (await read_arbos(node, FACTS)).collects_tips  # type: ignore[arg-type]


async def test_read_arbos__estimate_of_a_transfer_is_the_transfer__has_no_l1_part() -> None:
    node = Nitro()
    node.answers["eth_estimateGas"] = hex(21_000)

    assert not (await read_arbos(node, FACTS)).estimates_l1  # type: ignore[arg-type]


async def test_read_arbos__precompile_does_not_answer__is_refused() -> None:
    node = Nitro()
    node.told["getCollectTips()"] = b""

    with pytest.raises(ChainError, match="ArbOwnerPublic"):
        await read_arbos(node, FACTS)  # type: ignore[arg-type]


# ---------------------------------------------------------------- changes


def told(*seen: ArbosParameters | tuple[int, int]) -> list[Change]:
    """What is told of parameters, and of blocks by their timestamp and base fee."""
    changes, news = Changes(), list[Change]()
    changes.listeners.append(news.append)
    for item in seen:
        if isinstance(item, ArbosParameters):
            changes.look(item)
        else:
            changes.advance(Block(1, Hash("0x01"), Hash("0x00"), *item))
    return news


def test_changes__nothing_changed__is_no_news() -> None:
    assert told(NOW, NOW, replace(NOW, l1_wei_per_unit=9 * 10**9)) == []


@pytest.mark.parametrize(
    ("after", "parameter"),
    [
        (replace(NOW, ordering=Ordering.PRIORITY_GAS), Parameter.ORDERING),
        (replace(NOW, ordering=Ordering.TIMEBOOST), Parameter.ORDERING),
        (replace(NOW, version=62), Parameter.ARBOS_VERSION),
        (replace(NOW, brotli_level=11), Parameter.BROTLI_LEVEL),
        (replace(NOW, min_base_fee_wei=10_000_000), Parameter.MIN_BASE_FEE),
        (replace(NOW, l1_wei_per_unit=20 * 10**9), Parameter.L1_PRICE),
    ],
)
def test_changes__parameter_is_another__is_told_once(after: ArbosParameters, parameter: Parameter) -> None:
    news = told(NOW, after, after)

    assert [change.parameter for change in news] == [parameter]
    assert str(news[0]).startswith(f"the chain's {parameter} was ")


@pytest.mark.parametrize("factor", [10, 100])
def test_changes__base_fee_leaps_within_seconds__is_told_once(factor: int) -> None:
    news = told((100, 10**7), (101, 2 * 10**7), (103, factor * 10**7), (103, factor * 10**7))

    assert news == [Change(Parameter.BASE_FEE, 10**7, factor * 10**7)]


def test_changes__base_fee_grows_slowly__is_no_news() -> None:
    assert told((100, 10**7), (102, 5 * 10**7), (104, 25 * 10**7), (106, 125 * 10**7)) == []


# ---------------------------------------------------------------- prices of the moment


@pytest.mark.parametrize("factor", [10, 100])
def test_outlay__base_fee_leaps__l2_follows_and_l1_does_not(factor: int) -> None:
    l1_wei, leapt = l1_fee_wei(SIGNED, PRICES), replace(PRICES, base_fee_wei=factor * PRICES.base_fee_wei)

    before, after = (Outlay.of(200_000, l1_wei, prices) for prices in (PRICES, leapt))

    assert after.l2_wei == factor * before.l2_wei
    assert after.l1_wei == before.l1_wei
    # The same fee is fewer units of dearer gas.
    assert l1_gas(l1_wei, leapt) == l1_gas(l1_wei, PRICES) // factor


def test_gas_limit__l1_price_leaps__has_room_for_it() -> None:
    leapt = replace(PRICES, l1_wei_per_unit=20 * PRICES.l1_wei_per_unit)
    before, after = (gas_limit(200_000, l1_fee_wei(SIGNED, prices), prices) for prices in (PRICES, leapt))

    assert before == 250_000 + l1_gas(l1_fee_wei(SIGNED, PRICES), PRICES) * 13 // 10
    assert after - 250_000 == pytest.approx(20 * (before - 250_000), abs=20)
    assert after - 200_000 > l1_gas(l1_fee_wei(SIGNED, leapt), leapt)


def test_gas_limit__more_than_a_transaction_may_have__is_what_it_may() -> None:
    assert gas_limit(MOST_GAS, 0, PRICES) == MOST_GAS


def test_l1_fee__brotli_level__is_that_of_the_chain() -> None:
    text = b"".join(number.to_bytes(2) + b"the same words again " for number in range(60))

    fees = {level: l1_fee_wei(text, replace(PRICES, brotli_level=level)) for level in (0, 1, 11)}

    assert fees[11] < fees[1] < fees[0]


def test_max_fee__has_room_below_the_cap_and_the_whole_bid() -> None:
    assert max_fee_wei(PRICES, 7, 10**10) == 2 * PRICES.base_fee_wei + 7
    assert max_fee_wei(PRICES, 7 * 10**10, 30_000_000) == 30_000_000 + 7 * 10**10


# ---------------------------------------------------------------- simulation

OPERATOR, EXECUTOR = Address("0x" + "0a" * 20), Address("0x" + "0e" * 20)


def simulator(node: FakeNode, estimates_l1: bool) -> Simulator:
    made = Simulator(node, EXECUTOR, Address(FACTS.node_interface.lower()))  # type: ignore[arg-type]
    made.estimates_l1 = estimates_l1
    return made


async def test_simulator__node_without_l1_part__takes_the_estimate() -> None:
    node = FakeNode()
    node.answers = {"eth_call": "0x", "eth_estimateGas": hex(180_000)}

    assert await simulator(node, False).run(b"\x01", OPERATOR) == (180_000, "")


async def test_simulator__node_with_l1_part__takes_it_out() -> None:
    node = FakeNode()
    interface = FACTS.node_interface.lower()
    components = encode(["uint64", "uint64", "uint256", "uint256"], [230_000, 50_000, 2 * 10**7, 10**9]).hex()
    node.answers = {"eth_call": lambda request, _: "0x" + (components if request["to"] == interface else "")}

    assert await simulator(node, True).run(b"\x01", OPERATOR) == (180_000, "")
    assert node.calls["eth_estimateGas"] == 0


async def test_simulator__call_reverts__says_why() -> None:
    node = FakeNode()
    node.answers = {"eth_call": RpcError("execution reverted: too late", 3, "0x"), "eth_estimateGas": "0x1"}

    assert await simulator(node, False).run(b"\x01", OPERATOR) == (0, "simulation failed: execution reverted: too late")


async def test_simulator__no_node_answers__is_no_verdict() -> None:
    node = FakeNode()
    node.broken = {"eth_call"}

    with pytest.raises(RpcError):
        await simulator(node, False).run(b"\x01", OPERATOR)
