import os
import signal
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import permutations

import pytest

import localnet
from localnet import Localnet, TraderSettings
from localnet.abi import function
from localnet.layout import Pool

BLOCKS = 60
RESERVES = function("getReserves()", ["uint112", "uint112", "uint32"])
SLOT_0 = function("slot0()", ["uint160", "int24"])
WORD = 32


def run(net: Localnet, blocks: int) -> list[str]:
    """Let the traders act and mine, block by block; return the hashes of their transactions in order."""
    hashes: list[str] = []
    assert net.traders is not None
    for _ in range(blocks):
        net.traders.step()
        net.mine()
        hashes += net.rpc("eth_getBlockByNumber", "latest", False)["transactions"]
    return hashes


def price(net: Localnet, pool: Pool) -> float:
    asked = RESERVES if pool.family == "uniswap_v2" else SLOT_0
    answer = bytes.fromhex(
        net.rpc("eth_call", {"to": pool.address, "data": "0x" + asked.calldata().hex()}, "latest")[2:]
    )
    first, second = int.from_bytes(answer[:WORD]), int.from_bytes(answer[WORD : 2 * WORD])
    return second / first if pool.family == "uniswap_v2" else (first / 2**96) ** 2


def gains(net: Localnet) -> Mapping[tuple[str, str], float]:
    """Return what buying at one pool and selling at another gains at the margin, after both fees."""
    siblings: dict[tuple[str, ...], list[tuple[Pool, float]]] = defaultdict(list)
    for pool in net.layout.pools:
        if pool.family in ("uniswap_v2", "uniswap_v3"):
            siblings[pool.tokens].append((pool, price(net, pool)))
    return {
        (one.name, other.name): high / low * (1 - one.fee_pips / 10**6) * (1 - other.fee_pips / 10**6) - 1
        for pools in siblings.values()
        for (one, low), (other, high) in permutations(pools, 2)
    }


@pytest.fixture
def net() -> Iterator[Localnet]:
    with localnet.start(sequencer=False, traders=TraderSettings()) as started:
        yield started


def test_traders__fresh_chain__leave_no_arbitrage_before_they_act(net: Localnet) -> None:
    assert max(gains(net).values()) < 0.001


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_traders__15_seconds__open_arbitrages_of_03_percent_several_times(seed: int) -> None:
    opened = set()
    with localnet.start(sequencer=False, traders=TraderSettings(seed=seed)) as net:
        for _ in range(BLOCKS):
            run(net, 1)
            opened |= {pools for pools, gain in gains(net).items() if gain >= 0.003}

    assert len(opened) >= 3


def test_traders__every_trade__succeeds(net: Localnet) -> None:
    hashes = run(net, 2 * BLOCKS)

    assert net.traders is not None
    assert net.traders.counts.failed == 0
    assert net.traders.counts.sent == len(hashes)
    assert {net.rpc("eth_getTransactionReceipt", sent)["status"] for sent in hashes} == {"0x1"}


def test_traders__enough_blocks__trade_on_every_dex(net: Localnet) -> None:
    assert net.traders is not None
    traded = {trade.swap.pool.dex for _ in range(4 * BLOCKS) for trade in net.traders.step()}

    assert traded == set(net.layout.traders)


def test_traders__same_seed__send_the_same_transactions() -> None:
    def transactions(seed: int) -> list[str]:
        with localnet.start(sequencer=False, traders=TraderSettings(seed=seed)) as net:
            return run(net, 20)

    assert transactions(11) == transactions(11) != transactions(12)


def test_traders__nonce_used_by_somebody_else__recover() -> None:
    with localnet.start(sequencer=False, traders=TraderSettings(trades_per_block=20)) as net:
        run(net, 1)
        for accounts in net.layout.traders.values():
            for account in accounts:
                nonce = int(net.rpc("eth_getTransactionCount", account, "latest"), 16)
                net.rpc("anvil_setNonce", account, hex(nonce + 5))
        run(net, 2)

        assert net.traders is not None
        assert net.traders.counts.failed > 0
        assert run(net, 1)


def test_traders__node_gone__are_counted_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    with localnet.start(sequencer=False, traders=TraderSettings(trades_per_block=5)) as net:
        os.kill(net.pid, signal.SIGKILL)
        assert net.traders is not None

        sent = net.traders.step()

        assert net.traders.counts.failed == len(sent) > 0
        assert "was not accepted" in caplog.text


def test_traders__in_their_thread__trade_while_blocks_are_mined() -> None:
    with localnet.start(traders=TraderSettings(trades_per_block=10)) as net:
        head = net.rpc("eth_newBlockFilter")
        mined = 0
        while mined < 5:
            mined += len(net.rpc("eth_getFilterChanges", head))

        assert net.traders is not None
        assert net.traders.counts.sent > 0
        assert net.traders.counts.failed == 0
