import statistics
from itertools import islice

import pytest

from localnet import TraderSettings
from localnet.layout import Layout, PlacedToken, Pool
from localnet.traders import Noise, Trade

LAYOUT = Layout(
    tokens={
        "WETH": PlacedToken("0x" + "01" * 20, 18, 3_000_00),
        "USDC": PlacedToken("0x" + "02" * 20, 6, 1_00),
        "WBTC": PlacedToken("0x" + "03" * 20, 8, 60_000_00),
    },
    pools=(
        Pool("uniswap_v2", "uniswap_v2", "0x" + "a1" * 20, ("WETH", "USDC"), 3_000, 2_000_000),
        Pool("sushi_v2", "uniswap_v2", "0x" + "a2" * 20, ("WETH", "USDC"), 3_000, 1_000_000),
        Pool("balancer_v2", "balancer_weighted", "0x" + "a3" * 20, ("WETH", "USDC", "WBTC"), 2_500, 3_000_000),
    ),
    contracts={},
    traders={},
)


def decisions(blocks: int, **settings: float) -> list[list[Trade]]:
    noise = Noise(LAYOUT, TraderSettings(**{"seed": 5, **settings}))  # type: ignore[arg-type]
    return [noise.block() for _ in range(blocks)]


def dollars(trade: Trade) -> float:
    token = LAYOUT.tokens[trade.swap.pool.tokens[trade.swap.sold]]
    return float(trade.swap.amount * token.price_cents / 100 / 10**token.decimals)


def test_noise__same_seed__decides_the_same() -> None:
    assert decisions(200) == decisions(200)


def test_noise__other_seed__decides_otherwise() -> None:
    assert decisions(20) != decisions(20, seed=6)


def test_noise__trades_of_a_block__are_in_order_of_time_within_it() -> None:
    for trades in decisions(200):
        moments = [trade.moment for trade in trades]
        assert moments == sorted(moments)
        assert all(0 <= moment < 1 for moment in moments)


@pytest.mark.parametrize("mean", [0.5, 2, 8])
def test_noise__many_blocks__have_the_mean_number_of_trades(mean: float) -> None:
    counts = [len(trades) for trades in decisions(4_000, trades_per_block=mean)]

    assert statistics.mean(counts) == pytest.approx(mean, rel=0.06)
    assert statistics.variance(counts) == pytest.approx(mean, rel=0.12)


def test_noise__many_trades__have_the_median_size() -> None:
    sizes = [dollars(trade) for trades in decisions(4_000, median_usd=500) for trade in trades]

    assert statistics.median(sizes) == pytest.approx(500, rel=0.06)


def test_noise__huge_sizes__never_exceed_a_twentieth_of_the_pool() -> None:
    for trades in decisions(200, median_usd=10**9):
        for trade in trades:
            assert dollars(trade) <= 0.05 * trade.swap.pool.depth


def test_noise__long_run__keeps_pools_near_their_first_price() -> None:
    sold = {pool.address: dict.fromkeys(pool.tokens, 0.0) for pool in LAYOUT.pools}
    worst = 0.0
    for trades in decisions(20_000):
        for trade in trades:
            pool, taken = trade.swap.pool, sold[trade.swap.pool.address]
            taken[pool.tokens[trade.swap.sold]] += dollars(trade)
            taken[pool.tokens[trade.swap.bought]] -= dollars(trade)
            worst = max(worst, *(abs(amount) / pool.depth for amount in taken.values()))

    assert worst < 0.25


def test_noise__no_reversion__lets_prices_wander_further() -> None:
    def spread(reversion: float) -> float:
        taken = 0.0
        seen = []
        for trades in decisions(5_000, reversion=reversion):
            for trade in trades:
                if trade.swap.pool.dex == "sushi_v2":
                    taken += dollars(trade) if trade.swap.sold == 0 else -dollars(trade)
                    seen.append(taken)
        return statistics.pstdev(seen)

    assert spread(0) > 3 * spread(1)


def test_noise__fewer_blocks__are_the_beginning_of_more() -> None:
    assert list(islice(decisions(50), 10)) == decisions(10)
