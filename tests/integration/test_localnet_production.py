import json
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

import localnet
from localnet import Localnet, precompiles, production
from localnet.abi import function
from localnet.addresses import ARB_GAS_INFO, ARB_OWNER_PUBLIC, ARB_SYS, NODE_INTERFACE
from localnet.errors import RpcError
from localnet.production import CLIENT_VERSION
from localnet.rpc import Rpc

L1_PRICE = function("getL1BaseFeeEstimate()", ["uint256"])


@pytest.fixture(scope="module")
def net() -> Iterator[Localnet]:
    with localnet.start(like_production=True) as started:
        yield started


@pytest.fixture
def rpc(net: Localnet) -> Iterator[Rpc]:
    opened = Rpc(net.url)
    yield opened
    opened.close()


def l1_price(rpc: Rpc) -> int:
    return int(rpc("eth_call", {"to": ARB_GAS_INFO, "data": "0x" + L1_PRICE.selector.hex()}, "latest"), 16)


@pytest.mark.parametrize(
    ("address", "code"),
    [(ARB_SYS, "0xfe"), (ARB_OWNER_PUBLIC, "0xfe"), (ARB_GAS_INFO, "0xfe"), (NODE_INTERFACE, "0x")],
)
def test_like_production__precompile__shows_the_code_of_a_nitro_node(rpc: Rpc, address: str, code: str) -> None:
    assert rpc("eth_getCode", address, "latest") == code


def test_like_production__precompiles__answer_all_the_same(net: Localnet, rpc: Rpc) -> None:
    net.set_l1_price(123_456_789)

    assert l1_price(rpc) == 123_456_789
    chain_id = {"to": ARB_SYS, "data": "0xd127f54a"}
    assert int(rpc("eth_call", chain_id, "latest"), 16) == 42161


def test_like_production__node_interface__answers_with_the_l1_price(net: Localnet, rpc: Rpc) -> None:
    net.set_l1_price(10**9)
    estimate = function("gasEstimateL1Component(address,bool,bytes)", ["uint64", "uint256", "uint256"])
    call = {"to": NODE_INTERFACE, "data": "0x" + estimate.calldata("0x" + "11" * 20, False, bytes(60)).hex()}

    gas, base_fee, price = estimate.decode(bytes.fromhex(rpc("eth_call", call, "latest")[2:]))

    assert (base_fee, price) == (20_000_000, 10**9)
    assert gas == (60 + 140) * 16 * 10**9 // 20_000_000


def test_like_production__estimate__is_higher_by_the_l1_part(net: Localnet, rpc: Rpc) -> None:
    transfer = {"to": "0x" + "11" * 20, "value": "0x0"}
    net.set_l1_price(0)
    without = int(rpc("eth_estimateGas", transfer), 16)

    net.set_l1_price(10**9)

    assert int(rpc("eth_estimateGas", transfer), 16) - without == 140 * 16 * 10**9 // 20_000_000


def test_like_production__anvils_methods__are_absent(rpc: Rpc) -> None:
    with pytest.raises(RpcError, match="does not exist") as refused:
        rpc("anvil_setBalance", "0x" + "11" * 20, "0x1")

    assert refused.value.code == -32601


def test_like_production__gas_price__is_the_base_fee_without_a_tip(rpc: Rpc) -> None:
    assert int(rpc("eth_gasPrice"), 16) == 20_000_000
    assert int(rpc("eth_maxPriorityFeePerGas"), 16) == 0


def test_like_production__client__is_nitro(rpc: Rpc) -> None:
    assert rpc("web3_clientVersion") == CLIENT_VERSION


def test_like_production__web_socket__carries_heads_and_answers(net: Localnet) -> None:
    with connect(net.ws_url) as socket:
        for number, (method, params) in enumerate([("eth_subscribe", ["newHeads"]), ("eth_chainId", [])]):
            socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        messages = [json.loads(socket.recv(timeout=10)) for _ in range(6)]

    answers = {message["id"]: message["result"] for message in messages if "id" in message}
    heads = [message["params"]["result"]["number"] for message in messages if "params" in message]
    assert answers[1] == "0xa4b1"
    assert len(heads) == 4


def test_like_production__batch__is_answered_in_order(net: Localnet) -> None:
    with connect(net.ws_url) as socket:
        batch = [{"jsonrpc": "2.0", "id": n, "method": "eth_chainId", "params": []} for n in (3, 1, 2)]
        socket.send(json.dumps(batch))

        assert [answer["id"] for answer in json.loads(socket.recv(timeout=10))] == [3, 1, 2]


def test_overlay__chain_without_stand_ins__answers_afterwards() -> None:
    with localnet.start(sequencer=False) as net:
        # As on a fork of Arbitrum One.
        production.disguise(net.rpc)

        precompiles.apply(net.url)

        assert l1_price(net.rpc) == precompiles.PRICE_PER_UNIT_WEI


def test_ordinary_mode__precompiles__have_the_stand_ins_code() -> None:
    with localnet.start(sequencer=False) as net:
        net.set_l1_price(77)

        assert l1_price(net.rpc) == 77
        assert len(net.rpc("eth_getCode", NODE_INTERFACE, "latest")) > 100
