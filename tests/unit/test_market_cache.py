"""
The cache's policies, fields, eviction and counts.
"""

import threading
import time

import pytest

from keeper.errors import StalePool
from keeper.events import Event, Sync, V2Swap
from keeper.market import CachePolicy, Market
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.types import Address, Block, Hash

TOKENS = (Address("0x" + "01" * 20), Address("0x" + "02" * 20))
PAIRS = [PoolInfo("uniswap_v2", "sushi_v2", Address(f"0x{n:040x}"), TOKENS, 3_000) for n in range(1, 6)]
FIRST, SECOND, THIRD = (info.address for info in PAIRS[:3])
CURVE = PoolInfo("curve_stableswap", "curve", Address("0x" + "c0" * 20), TOKENS, 0)


def block(number: int) -> Block:
    return Block(number, Hash(f"a{number}"), Hash(f"a{number - 1}"), number, 0)


def pair(info: PoolInfo, reserve: int = 1_000) -> UniswapV2Pool:
    return UniswapV2Pool(info, reserve, reserve)


def curve() -> CurveStableSwapPool:
    return CurveStableSwapPool(CURVE, (10**18, 10**18), (10**18, 10**18), 20_000, 4_000_000, 5 * 10**9)


def filled(policy: CachePolicy = CachePolicy.APPLY, capacity: int | None = None) -> Market:
    market = Market([*PAIRS, CURVE], 45.0, policy, capacity)
    market.start(block(0), now=0.0)
    market.refresh([*map(pair, PAIRS), curve()], now=0.0)
    return market


def moved(reserve: int) -> list[Event]:
    return [Sync(FIRST, reserve, reserve), V2Swap(FIRST, 1, 0, 0, 1)]


def test_none__block_without_events__forgets_all() -> None:
    market = filled(CachePolicy.NONE)

    market.advance(block(1), [], now=0.25)

    assert market.stale == {info.address for info in [*PAIRS, CURVE]}
    assert market.counts.invalidated == 0


def test_ttl__events__are_not_listened_to_until_its_time_is_over() -> None:
    market = filled(CachePolicy.TTL)

    market.advance(block(1), moved(2_000), now=45.0)
    assert market.pool(FIRST) == pair(PAIRS[0])
    market.advance(block(2), [], now=45.1)

    assert market.stale == {info.address for info in [*PAIRS, CURVE]}


def test_invalidate__events__drop_their_pool_alone() -> None:
    market = filled(CachePolicy.INVALIDATE)

    market.advance(block(1), moved(2_000), now=0.25)

    assert market.stale == {FIRST}
    assert market.counts.invalidated == 1


def test_invalidate__swap_event_alone__drops_its_pool() -> None:
    market = filled(CachePolicy.INVALIDATE)

    market.advance(block(1), [V2Swap(SECOND, 1, 0, 0, 1)], now=0.25)

    assert market.stale == {SECOND}


def test_invalidate__quiet_pool__ages_out_whatever_the_stream_proves() -> None:
    market = filled(CachePolicy.INVALIDATE)
    for number in range(1, 5):
        market.advance(block(number), [], now=12.0 * number)

    assert market.stale == {info.address for info in [*PAIRS, CURVE]}


def test_apply__proved_stream__renews_only_what_events_announce() -> None:
    market = filled()
    for number in range(1, 5):
        market.advance(block(number), [], now=12.0 * number)

    assert market.stale == {CURVE.address}


def test_apply__read_again__ages_from_its_last_read() -> None:
    market = filled()
    market.advance(block(1), [], now=40.0)
    market.refresh([curve()], now=40.0)

    market.advance(block(2), [], now=60.0)
    assert not market.stale
    market.advance(block(3), [], now=85.1)
    assert market.stale == {CURVE.address}


def test_unwound__aged_pool__ages_on() -> None:
    market = filled()
    market.advance(block(1), [], now=40.0)
    market.refresh([curve()], now=40.0)
    market.unwind(Hash("a0"))

    market.expire(now=45.1)

    assert CURVE.address in market.stale


def test_refresh__read_at_another_block__is_not_taken() -> None:
    market = filled()
    market.invalidate(FIRST)
    market.advance(block(1), [], now=0.25)

    assert market.refresh([pair(PAIRS[0], 7)], at=Hash("a0")) == frozenset()
    assert market.stale == {FIRST}


def test_view__one_is_stale__is_refused_as_a_whole() -> None:
    market = filled()
    market.invalidate_many([SECOND])

    with pytest.raises(StalePool):
        market.view([FIRST, SECOND])
    assert market.view([FIRST])[0] == block(0)


def test_removed__pool_and_its_past__are_gone() -> None:
    market = filled()
    market.advance(block(1), moved(2_000), now=0.25)

    market.remove([FIRST])

    market.unwind(Hash("a0"))
    assert market.peek(FIRST) is None
    assert FIRST not in market.stale
    assert FIRST not in market.infos


def test_counts__tell_hits_waits_and_rates() -> None:
    market = filled()
    market.advance(block(1), moved(2_000), now=2.0)
    market.pool(FIRST)
    market.invalidate(SECOND, now=3.0)
    with pytest.raises(StalePool):
        market.pool(SECOND)
    market.refresh([pair(PAIRS[1])], now=3.5)

    counts = market.counts.as_json()

    assert counts["hits"] == counts["misses"] == 1
    assert counts["hit_rate"] == 0.5
    assert (counts["applied"], counts["invalidated"], counts["invalidated_per_second"]) == (1, 1, round(1 / 3.5, 3))
    assert counts["mean_wait_seconds"] == counts["longest_wait_seconds"] == 0.5


def test_capacity__more_pools__keeps_the_busiest() -> None:
    market = Market(PAIRS, capacity=2)
    market.note_activity([THIRD, THIRD, SECOND])
    market.start(block(0), now=0.0)

    assert market.stale == {SECOND, THIRD}
    assert market.cold == {info.address for info in PAIRS} - {SECOND, THIRD}


def test_warm__busier_pool__takes_the_place_of_a_quieter_one() -> None:
    market = Market(PAIRS, capacity=2)
    market.note_activity([SECOND, THIRD, THIRD])
    market.start(block(0), now=0.0)
    market.refresh([pair(PAIRS[1]), pair(PAIRS[2])])
    for number in range(1, 4):
        market.advance(block(number), moved(number), now=number / 4)

    warmed = market.warm(10)

    assert warmed == market.stale == {FIRST}
    assert SECOND in market.cold
    assert market.counts.evicted == 1
    assert market.warm(10) == frozenset()


def test_evicted__block_unwound__is_what_it_was() -> None:
    market = Market(PAIRS[:3], capacity=2)
    market.note_activity([FIRST, SECOND])
    market.start(block(0), now=0.0)
    market.refresh([pair(PAIRS[0]), pair(PAIRS[1])])
    market.advance(block(1), [], now=0.25)
    market.note_activity([THIRD] * 3)
    market.warm(1)
    assert len(market.cold) == 1

    market.unwind(Hash("a0"))

    assert {pool.address for pool in market} <= {FIRST, SECOND}
    assert len(market.cold) == 1


def test_readers__while_blocks_come_and_go__see_whole_blocks() -> None:
    """Every block moves all pairs to reserves of its own number: whoever sees two numbers saw half a block."""
    market = filled()
    addresses = [info.address for info in PAIRS]
    stop, torn, seen = threading.Event(), [], [0, 0, 0]

    def read(reader: int) -> None:
        while not stop.is_set():
            try:
                head, pools = market.view(addresses)
            except StalePool:
                continue
            reserves = {pool.reserve0 for pool in pools.values() if isinstance(pool, UniswapV2Pool)}
            seen[reader] += 1
            if reserves != {head.number + 1_000}:
                torn.append((head.number, reserves))

    readers = [threading.Thread(target=read, args=(number,)) for number in range(3)]
    for reader in readers:
        reader.start()
    began = time.monotonic()
    number = rounds = 0
    while time.monotonic() - began < 1.0 or min(seen) < 20:
        number += 1
        rounds += 1
        market.advance(block(number), [Sync(a, number + 1_000, number + 1_000) for a in addresses], now=0.0)
        if rounds % 3 == 0:
            market.invalidate_many(addresses[:2])
            market.refresh([pair(info, number + 1_000) for info in PAIRS[:2]])
        if rounds % 7 == 0:
            number -= 2
            market.unwind(Hash(f"a{number}"))
        assert time.monotonic() - began < 30
    stop.set()
    for reader in readers:
        reader.join()

    assert torn == []
    assert market.counts.hits + market.counts.misses >= sum(seen) * len(addresses)


# ---------------------------------------------------------------- from one life to the next


def successor(market: Market, at: int, now: float = 100.0, policy: CachePolicy = CachePolicy.APPLY) -> Market:
    """Another market that goes on from block *at* of this one; its clock is another, too."""
    memory = market.memory(now=10.0)
    after = Market([*PAIRS, CURVE], 45.0, policy)
    after.resume(memory, block(at), now)
    return after


def lived() -> Market:
    """Read at block 0; the first pair moved in block 2, the second in block 3, the third is forgotten."""
    market = filled()
    market.advance(block(1), [], now=1.0)
    market.advance(block(2), moved(2_000), now=2.0)
    market.advance(block(3), [Sync(SECOND, 7, 7)], now=3.0)
    market.invalidate(THIRD)
    return market


def test_resume__at_the_head__knows_what_was_readable() -> None:
    market = lived()

    after = successor(market, at=3)

    assert after.stale == {THIRD}
    assert {pool.address: pool for pool in after} == {pool.address: pool for pool in market}
    assert after.head.hash == market.head.hash
    assert after.pool(FIRST) == pair(PAIRS[0], 2_000)
    assert (after.counts.hits, after.counts.misses, after.counts.read) == (1, 0, 0)


def test_resume__head_left_the_chain__forgets_what_moved_since() -> None:
    assert successor(lived(), at=2).stale == {SECOND, THIRD}
    assert successor(lived(), at=1).stale == {FIRST, SECOND, THIRD}


def test_resume__block_before_its_memory__knows_nothing() -> None:
    assert len(list(successor(lived(), at=9))) == 0


def test_resume__goes_on__follows_events_and_unwinds_to_its_first_block() -> None:
    after = successor(lived(), at=3)

    after.advance(block(4), [Sync(FIRST, 9, 9)], now=101.0)
    assert after.pool(FIRST) == pair(PAIRS[0], 9)
    after.unwind(block(3).hash)
    assert after.pool(FIRST) == pair(PAIRS[0], 2_000)


def test_resume__state_that_moves_unannounced__ages_from_when_it_was_read() -> None:
    after = successor(lived(), at=3, now=100.0)  # it was ten seconds old when the other life ended

    after.expire(now=134.9)
    assert CURVE.address not in after.stale
    after.advance(block(4), [], now=134.95)
    after.expire(now=135.1)
    assert CURVE.address in after.stale
    assert FIRST not in after.stale


def test_resume__policy_under_which_all_age_and_none_tells_its_age__reads_all_anew() -> None:
    assert len(list(successor(lived(), at=3, policy=CachePolicy.INVALIDATE))) == 1  # whose age is known


def test_resume__pool_of_another_fee__is_not_taken() -> None:
    memory = lived().memory(now=10.0)
    other = PoolInfo("uniswap_v2", "sushi_v2", FIRST, TOKENS, 2_500)
    after = Market([other, *PAIRS[1:], CURVE])

    after.resume(memory, block(3), now=100.0)

    assert after.stale == {FIRST, THIRD}


def test_resume__fewer_places_than_pools__keeps_those_that_are_known() -> None:
    memory = lived().memory(now=10.0)
    after = Market([*PAIRS, CURVE], capacity=5)

    after.resume(memory, block(3), now=100.0)

    assert after.cold == {THIRD}
    assert not after.stale
