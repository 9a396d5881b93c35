"""
Pools of every family that the localnet has are found by the keeper itself and traded: an imbalance in one of them,
which no route without it can capture, becomes a gain that was predicted to the wei.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import localnet
from keeper.journal import Entry, Journal, State
from keeper.types import Address, Hash
from localnet import Localnet, pins, swaps
from localnet.layout import Pool
from tests.keeper_process import KeeperProcess, prepared

#: A pool of each family, what is sold to it first, and for how many dollars.
SEEDED = {
    "curve_stableswap": ("curve DAI/USDC/USDT 400", "DAI", 2_000_000),
    "balancer_weighted": ("balancer_v2 WETH/ARB 3000", "WETH", 60_000),
    "balancer_stable": ("balancer_v2 USDC/DAI/USDT 100", "USDC", 1_500_000),
    "uniswap_v4": ("uniswap_v4 WETH/USDC 500", "WETH", 100_000),
    "balancer_v3_weighted": ("balancer_v3 WETH/USDC 3000", "WETH", 60_000),
}
NEEDS = {"uniswap_v4": "v4", "balancer_v3_weighted": "balancer-v3"}
GROUPS = [group for group in NEEDS.values() if pins.provided(group)]
PRESENT = [family for family in SEEDED if NEEDS.get(family) in (None, *GROUPS)]

#: The last blocks of a run, in which it must have found nothing more.
QUIET_BLOCKS = 6


def placed(net: Localnet, family: str) -> Pool:
    return net.layout.pool(SEEDED[family][0])


def address(pool: Pool) -> Address:
    """How the keeper calls the pool."""
    return Address((str(pool.pool_id)[:42] if pool.family == "uniswap_v4" else pool.address).lower())


def unbalance(net: Localnet, family: str) -> None:
    """Sell so much to the pool that its price leaves the others'."""
    _, symbol, usd = SEEDED[family]
    pool, token = placed(net, family), net.layout.tokens[symbol]
    amount = usd * 100 * 10**token.decimals // token.price_cents
    trader = net.layout.traders[pool.dex][0]
    net.deal(symbol, trader, amount)
    sold = pool.tokens.index(symbol)
    to, data = swaps.call(swaps.Swap(pool, sold, 1 - min(sold, 1), amount), net.layout, trader)
    request = {"from": trader, "to": to, "data": "0x" + data.hex(), "gas": hex(1 << 22), "gasPrice": hex(10**9)}
    sent = net.rpc("eth_sendTransaction", request)
    while (receipt := net.rpc("eth_getTransactionReceipt", sent)) is None:
        pass
    assert receipt["status"] == "0x1"


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeeperProcess]:
    with localnet.start(block_seconds=0.1, groups=GROUPS) as net:
        net.rpc("anvil_autoImpersonateAccount", True)
        yield prepared(net, tmp_path_factory.mktemp("families"))


@pytest.fixture(scope="module")
def last_without(keeper: KeeperProcess) -> tuple[int, int]:
    """
    Unbalance the pools, let a keeper take all that can be taken without them, and return the last block in which it
    found anything, and the last that it saw.
    """
    for family in PRESENT:
        unbalance(keeper.net, family)
    others = [f'"{address(placed(keeper.net, family))}"' for family in PRESENT]
    code, _, errors = keeper.run("--blocks", "20", KEEPER_DENY_POOLS=f"[{','.join(others)}]")
    assert code == 0, errors
    with sqlite3.connect(keeper.state_dir / "journal.sqlite") as database:
        (last,) = database.execute("SELECT MAX(block_number) FROM decisions").fetchone()
    return last or 0, int(keeper.net.rpc("eth_blockNumber"), 16)


@pytest.fixture(scope="module")
def entries(keeper: KeeperProcess, last_without: tuple[int, int]) -> list[Entry]:
    """What a keeper does that may use every pool."""
    code, _, errors = keeper.run("--blocks", "20")
    assert code == 0, errors
    assert "execution_unlike_quote" not in errors
    journal = Journal.open(keeper.state_dir / "journal.sqlite", 42161, Hash(keeper.net.genesis_hash))
    found = journal.entries()
    journal.close()
    return found


def test_keeper__without_the_unbalanced_pools__finds_nothing_more(last_without: tuple[int, int]) -> None:
    last_found, last_seen = last_without

    assert last_seen - last_found >= QUIET_BLOCKS


@pytest.mark.parametrize("family", SEEDED)
def test_keeper__imbalance_of_one_pool__is_captured_over_it_as_predicted(
    keeper: KeeperProcess, entries: list[Entry], family: str
) -> None:
    if family not in PRESENT:
        pytest.skip(f"needs python -m localnet build --with {NEEDS[family]}")
    over_it = [entry for entry in entries if address(placed(keeper.net, family)) in entry.transaction.pools]

    assert over_it
    assert all(entry.state in (State.SOFT, State.FINAL) for entry in over_it)
    for entry in over_it:
        predicted = {token: str(gain) for token, gain in entry.transaction.predicted}
        assert entry.detail["gains"] == predicted
        assert predicted


def test_keeper__file_of_what_was_scanned__is_kept(keeper: KeeperProcess, entries: list[Entry]) -> None:
    kept: Path = keeper.state_dir / "pools.json"

    assert kept.is_file()
