"""
The rival: he gains by real swaps, bids where that counts, and does the same again with the same seed.
"""

from typing import Any

import localnet
from localnet import Localnet, RivalSettings, TraderSettings, accounts
from localnet.node import BASE_FEE_WEI
from localnet.rival import CONTRACT, Attempt

BLOCKS = 20


def started(seed: int = 1, order: Any = "fees") -> Localnet:
    return localnet.start(sequencer=False, traders=TraderSettings(seed=2), order=order, rival=RivalSettings(seed))


def competed(net: Localnet) -> list[Attempt]:
    assert net.rival is not None
    assert net.traders is not None
    for _ in range(BLOCKS):
        net.rival.step()
        net.traders.step()
        net.mine()
    return net.rival.attempts


def holdings(net: Localnet) -> dict[str, int]:
    request = "0x70a08231" + CONTRACT[2:].lower().rjust(64, "0")
    return {
        symbol: int(net.rpc("eth_call", {"to": token.address, "data": request}, "latest"), 16)
        for symbol, token in net.layout.tokens.items()
    }


def test_rival__market_with_noise__gains_and_loses_nothing() -> None:
    with started() as net:
        before = holdings(net)

        attempts = competed(net)

        receipts = [net.rpc("eth_getTransactionReceipt", attempt.hash) for attempt in attempts]
        after = holdings(net)
    assert len(attempts) >= 3
    assert {int(receipt["status"], 16) for receipt in receipts} == {1}
    assert all(after[symbol] >= before[symbol] for symbol in before)
    assert after != before
    assert {int(receipt["transactionIndex"], 16) for receipt in receipts} == {0}  # noise bids nothing
    for attempt, receipt in zip(attempts, receipts, strict=True):
        assert int(receipt["effectiveGasPrice"], 16) == BASE_FEE_WEI + attempt.tip_wei > BASE_FEE_WEI


def test_rival__same_seed__does_the_same_and_another_bids_otherwise() -> None:
    runs = []
    for seed in (1, 1, 2):
        with started(seed) as net:
            runs.append([(attempt.pools, attempt.gain_wei, attempt.tip_wei) for attempt in competed(net)])

    assert runs[0] == runs[1]
    assert [run[:2] for run in runs[0]] == [run[:2] for run in runs[2]]
    assert [run[2] for run in runs[0]] != [run[2] for run in runs[2]]


def test_rival__tips_buy_nothing__bids_nothing() -> None:
    with started(order="arrival") as net:
        attempts = competed(net)

    assert attempts
    assert {attempt.tip_wei for attempt in attempts} == {0}


def test_auction__rounds_of_a_running_sequencer__earlier_round_comes_first() -> None:
    with localnet.start(sequencer=False, order="fees") as net:
        senders = [accounts.public(number).address for number in range(3)]
        for tip, sender in zip((1, 5, 9), senders, strict=True):
            fees = {"maxFeePerGas": hex(10 * BASE_FEE_WEI), "maxPriorityFeePerGas": hex(tip)}
            net.rpc("eth_sendTransaction", {"from": sender, "to": sender, "gas": hex(21_000), **fees})
            if tip == 5:
                assert net._auction is not None
                net._auction.close_round()
        net.mine()

        mined = [found["from"] for found in net.rpc("eth_getBlockByNumber", "latest", True)["transactions"]]

    # The cap is the same for all: it is the tip that counts, and only within a round.
    assert mined == [senders[place].lower() for place in (1, 0, 2)]
