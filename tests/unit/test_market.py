from dataclasses import replace

import pytest

from keeper.errors import ReorgError, StalePool
from keeper.events import Sync
from keeper.market import Market
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.types import Address, Block, Hash

WETH = Address("0x" + "01" * 20)
USDC = Address("0x" + "02" * 20)
PAIR = Address("0x" + "aa" * 20)
OTHER = Address("0x" + "bb" * 20)
STRANGER = Address("0x" + "cc" * 20)


def info(address: Address) -> PoolInfo:
    return PoolInfo("uniswap_v2", "sushi_v2", address, (WETH, USDC), 3_000)


def block(number: int, branch: str = "a") -> Block:
    parent = "a" if number <= 100 else branch
    return Block(number, Hash(f"{branch}{number}"), Hash(f"{parent}{number - 1}"), 1_000 + number, 20_000_000)


@pytest.fixture
def market() -> Market:
    market = Market([info(PAIR), info(OTHER)])
    market.start(block(99), now=0.0)
    market.refresh([UniswapV2Pool(info(PAIR), 1_000, 2_000), UniswapV2Pool(info(OTHER), 5_000, 9_000)])
    return market


def test_market__sync_event__pool_has_its_reserves(market: Market) -> None:
    changed = market.advance(block(100), [Sync(PAIR, 1_100, 1_900)], now=0.25)

    assert changed == {PAIR}
    assert market.pool(PAIR) == UniswapV2Pool(info(PAIR), 1_100, 1_900)
    assert market.pool(OTHER) == UniswapV2Pool(info(OTHER), 5_000, 9_000)
    assert (market.counts.applied, market.counts.hits, market.counts.invalidated) == (1, 2, 0)


def test_market__event_of_unknown_pool__is_ignored(market: Market) -> None:
    assert market.advance(block(100), [Sync(STRANGER, 1, 1)], now=0.25) == frozenset()


def test_market__block_that_does_not_extend_head__is_refused(market: Market) -> None:
    with pytest.raises(ReorgError, match="does not extend"):
        market.advance(replace(block(100), parent_hash=Hash("elsewhere")), [], now=0.25)


def test_market__invalidated_pool__refuses_until_read(market: Market) -> None:
    market.invalidate(PAIR)

    with pytest.raises(StalePool, match="stale at block 99"):
        market.pool(PAIR)
    assert market.stale == {PAIR}
    market.refresh([UniswapV2Pool(info(PAIR), 7, 8)])
    assert market.pool(PAIR).snapshot()["reserves"] == ["7", "8"]
    assert (market.counts.hits, market.counts.misses) == (0, 2)  # it was read in the block that it was wanted in


def test_market__unwound__is_what_it_was(market: Market) -> None:
    market.advance(block(100), [Sync(PAIR, 1_100, 1_900)], now=0.25)
    market.advance(block(101), [Sync(PAIR, 1_200, 1_800), Sync(OTHER, 1, 1)], now=0.5)

    changed = market.unwind(Hash("a100"))

    assert changed == {PAIR, OTHER}
    assert market.pool(PAIR) == UniswapV2Pool(info(PAIR), 1_100, 1_900)
    assert market.pool(OTHER) == UniswapV2Pool(info(OTHER), 5_000, 9_000)
    assert market.head == block(100)


def test_market__unwound_and_advanced_on_other_branch__follows_that_branch(market: Market) -> None:
    market.advance(block(100), [], now=0.25)
    market.advance(block(101, "a"), [Sync(PAIR, 1, 1)], now=0.5)
    market.unwind(Hash("a100"))

    market.advance(replace(block(101, "b"), parent_hash=Hash("a100")), [Sync(PAIR, 3, 4)], now=0.75)

    assert market.pool(PAIR) == UniswapV2Pool(info(PAIR), 3, 4)


def test_market__read_in_a_block_that_left_the_chain__is_forgotten(market: Market) -> None:
    market.advance(block(100), [], now=0.25)
    market.invalidate(PAIR)
    market.advance(block(101), [], now=0.5)
    market.refresh([UniswapV2Pool(info(PAIR), 7, 8)])

    market.unwind(Hash("a100"))

    assert market.stale == {PAIR}


def test_market__unwound_beyond_memory__is_refused(market: Market) -> None:
    with pytest.raises(ReorgError, match="not among the last"):
        market.unwind(Hash("a42"))


def test_market__log_stream_unproved_beyond_ttl__is_forgotten(market: Market) -> None:
    market.expire(now=45.0)
    assert not market.stale

    market.expire(now=45.1)
    assert market.stale == {PAIR, OTHER}


def test_market__log_stream_proved__renews_age(market: Market) -> None:
    market.advance(block(100), [], now=44.0)

    market.expire(now=60.0)

    assert not market.stale


def test_market__started_again__forgets_all(market: Market) -> None:
    market.start(block(500), now=9.0)

    assert market.stale == {PAIR, OTHER}
    assert market.head == block(500)
