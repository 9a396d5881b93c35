import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import connect

import localnet
from localnet import Localnet, accounts
from localnet.abi import function
from localnet.addresses import ARB_OWNER_PUBLIC, SEQUENCER
from localnet.node import BASE_FEE_WEI

BLOCKS = 12


@pytest.fixture
def net() -> Iterator[Localnet]:
    with localnet.start() as started:
        yield started


def wait_for_blocks(net: Localnet, count: int) -> None:
    """Return when *count* further blocks were announced."""
    with connect(net.ws_url) as socket:
        socket.send('{"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}')
        for _ in range(count + 1):
            socket.recv(timeout=10)


def blocks(net: Localnet) -> list[dict[str, Any]]:
    head = int(net.rpc("eth_blockNumber"), 16)
    return [net.rpc("eth_getBlockByNumber", hex(number), False) for number in range(1, head + 1)]


def test_sequencer__every_block__has_arbitrums_shape(net: Localnet) -> None:
    wait_for_blocks(net, BLOCKS)

    for block in blocks(net):
        assert int(block["baseFeePerGas"], 16) == BASE_FEE_WEI
        assert int(block["gasLimit"], 16) == 1 << 50
        assert block["miner"] == SEQUENCER.lower()


def test_mine__by_hand__leaves_the_floor_for_the_next_block() -> None:
    with localnet.start(sequencer=False) as net:
        net.mine(3)

        # Not by eth_feeHistory: anvil adds the latest block to it a moment later.
        blocks = [net.rpc("eth_getBlockByNumber", which, False) for which in ("latest", "pending")]
    assert [int(block["baseFeePerGas"], 16) for block in blocks] == [BASE_FEE_WEI, BASE_FEE_WEI]


def test_sequencer__somebody_else_mines__keeps_the_fee_floor(net: Localnet) -> None:
    for _ in range(BLOCKS):
        net.rpc("evm_mine")
    wait_for_blocks(net, 2)

    own = blocks(net)[-2:]
    assert [int(block["baseFeePerGas"], 16) for block in own] == [BASE_FEE_WEI] * 2


def test_sequencer__time__is_the_wall_clocks(net: Localnet) -> None:
    wait_for_blocks(net, BLOCKS)

    seen = blocks(net)
    stamps = [int(block["timestamp"], 16) for block in seen]
    assert stamps == sorted(stamps)
    assert abs(stamps[-1] - time.time()) < 3
    # Several blocks share a second, as on Arbitrum.
    assert len(set(stamps)) < len(stamps) / 2


def test_sequencer__schedule__does_not_drift(net: Localnet) -> None:
    wait_for_blocks(net, 1)
    began, first = time.monotonic(), int(net.rpc("eth_blockNumber"), 16)
    wait_for_blocks(net, BLOCKS)

    elapsed, count = time.monotonic() - began, int(net.rpc("eth_blockNumber"), 16) - first
    # Never early; on a loaded machine moments may be missed, but not made up for.
    assert count <= elapsed / localnet.instance.BLOCK_SECONDS + 1


def test_automine__transaction_waits__is_mined_at_the_fee_floor() -> None:
    with localnet.start(automine=True) as net:
        sender = accounts.public(0).address
        for _ in range(10):
            receipt = net.rpc("eth_sendTransactionSync", {"from": sender, "to": sender, "value": "0x1"})
            assert int(receipt["effectiveGasPrice"], 16) >= BASE_FEE_WEI

        assert {int(block["baseFeePerGas"], 16) for block in blocks(net)} == {BASE_FEE_WEI}


def test_no_sequencer__nobody_mines__has_no_block_but_the_first() -> None:
    with localnet.start(sequencer=False) as net:
        sender = accounts.public(0).address
        net.rpc("eth_sendTransaction", {"from": sender, "to": sender, "gas": hex(21_000)})
        assert net.rpc("eth_blockNumber") == "0x1"

        net.mine()

        assert len(net.rpc("eth_getBlockByNumber", "0x2", False)["transactions"]) == 1


@pytest.mark.parametrize(("order", "first", "collected"), [("arrival", 0, 0), ("fees", 1, 1)])
def test_order__two_tips_in_a_block__is_as_chosen(order: Any, first: int, collected: int) -> None:
    with localnet.start(sequencer=False, order=order) as net:
        senders = [accounts.public(number).address for number in (0, 1)]
        for tip, sender in enumerate(senders, start=1):
            fees = {"maxFeePerGas": hex(BASE_FEE_WEI + tip), "maxPriorityFeePerGas": hex(tip)}
            net.rpc("eth_sendTransaction", {"from": sender, "to": sender, "gas": hex(21_000), **fees})
        net.mine()

        mined = net.rpc("eth_getBlockByNumber", "latest", True)["transactions"]
        selector = function("getCollectTips()").selector.hex()
        tips = net.rpc("eth_call", {"to": ARB_OWNER_PUBLIC, "data": "0x" + selector}, "latest")

    assert mined[0]["from"] == senders[first].lower()
    assert int(tips, 16) == collected


def test_deal__token_balance__is_there_at_once(net: Localnet) -> None:
    to = accounts.named("somebody").address
    for symbol in net.layout.tokens:
        net.deal(symbol, to, 12_345)

        balance_of = "0x70a08231" + to[2:].rjust(64, "0")
        call = {"to": net.layout.tokens[symbol].address, "data": balance_of}
        assert int(net.rpc("eth_call", call, "latest"), 16) == 12_345


def test_public_accounts__fresh_chain__hold_ether(net: Localnet) -> None:
    for number in range(10):
        assert int(net.rpc("eth_getBalance", accounts.public(number).address, "latest"), 16) == 10**22
