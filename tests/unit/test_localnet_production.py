from typing import Any

import pytest
from eth_abi.abi import encode

from localnet import precompiles
from localnet.addresses import ARB_GAS_INFO, NODE_INTERFACE
from localnet.production import CLIENT_VERSION, L1_BLOCK_NUMBER, Message, Nitro

L1_GAS = 1_234


class FakeAnvil:
    """Remembers what it was asked, and answers from a table."""

    def __init__(self) -> None:
        self.asked: list[Message] = []
        self.results: dict[str, Any] = {}

    async def __call__(self, request: Message) -> Message:
        self.asked.append(request)
        return {"jsonrpc": "2.0", "id": request["id"], "result": self.results.get(request["method"])}


@pytest.fixture
def anvil() -> FakeAnvil:
    return FakeAnvil()


def request(method: str, *params: Any) -> Message:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}


@pytest.mark.parametrize("place", [ARB_GAS_INFO, ARB_GAS_INFO.lower(), ARB_GAS_INFO.upper().replace("X", "x", 1)])
async def test_nitro__call_to_a_precompile__is_led_to_its_stand_in(anvil: FakeAnvil, place: str) -> None:
    await Nitro(anvil).answer(request("eth_call", {"to": place, "data": "0x01"}, "latest"))

    assert anvil.asked[0]["params"] == [{"to": precompiles.HIDDEN["ArbGasInfo"], "data": "0x01"}, "latest"]


async def test_nitro__call_to_anything_else__is_passed_on(anvil: FakeAnvil) -> None:
    asked = request("eth_call", {"to": "0x" + "11" * 20}, "latest")

    await Nitro(anvil).answer(asked)

    assert anvil.asked == [asked]


async def test_nitro__creation__is_passed_on(anvil: FakeAnvil) -> None:
    asked = request("eth_call", {"to": None, "data": "0x60"}, "latest")

    await Nitro(anvil).answer(asked)

    assert anvil.asked == [asked]


@pytest.mark.parametrize("method", ["anvil_setCode", "evm_mine", "hardhat_setBalance"])
async def test_nitro__method_of_anvil__does_not_exist(anvil: FakeAnvil, method: str) -> None:
    answer = await Nitro(anvil).answer(request(method))

    assert answer["error"]["code"] == -32601
    assert not anvil.asked


async def test_nitro__estimate__includes_the_gas_for_l1_data(anvil: FakeAnvil) -> None:
    anvil.results = {
        "eth_estimateGas": hex(50_000),
        "eth_call": "0x" + encode(["uint64", "uint256", "uint256"], [L1_GAS, 20_000_000, 1]).hex(),
    }

    answer = await Nitro(anvil).answer(request("eth_estimateGas", {"to": NODE_INTERFACE, "data": "0x0102"}))

    assert int(answer["result"], 16) == 50_000 + L1_GAS


async def test_nitro__estimate_reverts__error_is_passed_on() -> None:
    async def reverting(asked: Message) -> Message:
        return {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": 3, "message": "execution reverted"}}

    answer = await Nitro(reverting).answer(request("eth_estimateGas", {"to": "0x" + "11" * 20}))

    assert answer["error"]["code"] == 3


async def test_nitro__receipt__carries_the_fields_of_arbitrum(anvil: FakeAnvil) -> None:
    anvil.results = {"eth_getTransactionReceipt": {"status": "0x1"}}

    answer = await Nitro(anvil).answer(request("eth_getTransactionReceipt", "0x00"))

    assert answer["result"] == {"status": "0x1", "gasUsedForL1": "0x0", "l1BlockNumber": L1_BLOCK_NUMBER}


async def test_nitro__receipt_not_there_yet__is_null(anvil: FakeAnvil) -> None:
    assert (await Nitro(anvil).answer(request("eth_getTransactionReceipt", "0x00")))["result"] is None


@pytest.mark.parametrize("method", ["eth_getTransactionCount", "eth_getBalance", "eth_call"])
async def test_nitro__pending_state__is_the_latest(anvil: FakeAnvil, method: str) -> None:
    await Nitro(anvil).answer(request(method, {"to": "0x" + "11" * 20}, "pending"))

    assert anvil.asked[0]["params"][1] == "latest"


async def test_nitro__fee_history__never_falls_below_the_floor(anvil: FakeAnvil) -> None:
    anvil.results = {"eth_feeHistory": {"baseFeePerGas": [hex(25_000_000), hex(17_500_000)], "oldestBlock": "0x1"}}

    answer = await Nitro(anvil).answer(request("eth_feeHistory", "0x1", "latest", []))

    assert answer["result"] == {"baseFeePerGas": [hex(25_000_000), hex(20_000_000)], "oldestBlock": "0x1"}


async def test_nitro__client_version__is_not_anvils(anvil: FakeAnvil) -> None:
    answer = await Nitro(anvil).answer(request("web3_clientVersion"))

    assert answer == {"jsonrpc": "2.0", "id": 7, "result": CLIENT_VERSION}
