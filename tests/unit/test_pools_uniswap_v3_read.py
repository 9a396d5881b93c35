"""
A Uniswap V3 pool as it is read, wholly or around its price, and as a snapshot.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from keeper.errors import BeyondKnownTicks, PoolError
from keeper.events import V3Mint, V3Swap
from keeper.math.tick import Ticks
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address, Answer, Call

POOL = Address("0x" + "cc" * 20)
TOKEN0, TOKEN1 = (Address("0x" + f"{n:040x}") for n in (1, 2))
INFO = PoolInfo("uniswap_v3", "sushi_v3", POOL, (TOKEN0, TOKEN1), 3_000, 60)
Q96 = 1 << 96
NARROW = UniswapV3Pool(INFO, Q96, 0, 1_000_000, Ticks().modified(-60, 60, 1_000_000))

SNAPSHOT = {
    "family": "uniswap_v3",
    "dex": "sushi_v3",
    "address": POOL,
    "tokens": [TOKEN0, TOKEN1],
    "fee_pips": "3000",
    "tick_spacing": "60",
    "sqrt_price_x96": str(Q96),
    "tick": "0",
    "liquidity": "1000000",
    "ticks": {"-60": ["1000000", "1000000"], "60": ["1000000", "-1000000"]},
}


def test_pool__snapshot__there_and_back() -> None:
    assert NARROW.snapshot() == SNAPSHOT
    assert UniswapV3Pool.from_snapshot(SNAPSHOT) == NARROW


def test_pool__snapshot_without_gross__takes_the_nets_magnitude() -> None:
    partial = SNAPSHOT | {"ticks": {"-60": [None, "1000000"], "60": [None, "-1000000"]}}

    assert UniswapV3Pool.from_snapshot(partial) == NARROW


@pytest.mark.parametrize("broken", [{"ticks": {"-60": ["1"]}}, {"ticks": []}, {"tick": None}, {"tick_spacing": "x"}])
def test_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a uniswap_v3 snapshot cannot be read"):
        UniswapV3Pool.from_snapshot(SNAPSHOT | broken)


def words(*values: int) -> bytes:
    return b"".join((value % 2**256).to_bytes(32) for value in values)


def state_answers(liquidity: int = 1_000_000, tick: int = 0) -> list[Answer]:
    return [words(Q96, tick, 0, 1, 1, 0, 1), words(liquidity)]


def bitmap_answers(calls: Sequence[Call]) -> list[Answer]:
    """The ticks -60 and 60 are set: the last bit of word -1, the second of 0."""
    bitmap = {words(-1): 1 << 255, words(0): 1 << 1}
    return [words(bitmap.get(call.data[4:], 0)) for call in calls]


def ticks_answers(gross: int = 1_000_000) -> list[Answer]:
    return [words(gross, net, 0, 0, 0, 0, 0, 1) for net in (1_000_000, -1_000_000)]


def read(radius: int | None) -> tuple[UniswapV3Pool, list[list[Call]]]:
    """The pool that is read, and the calls of each round."""
    reading = UniswapV3Pool.read(INFO, radius)
    state = list(next(reading))
    bitmap = list(reading.send(state_answers()))
    ticks = list(reading.send(bitmap_answers(bitmap)))
    with pytest.raises(StopIteration) as done:
        reading.send(ticks_answers())
    return done.value.value, [state, bitmap, ticks]


def test_pool__read__state_then_bitmap_then_ticks() -> None:
    whole, (state, bitmap, ticks) = read(radius=None)

    assert [call.data.hex() for call in state] == ["3850c7bd", "1a686502"]
    assert [call.data[:4].hex() for call in bitmap] == ["5339c296"] * 116
    assert (bitmap[0].data[4:], bitmap[-1].data[4:]) == (words(-58), words(57))
    assert ticks == [Call(POOL, bytes.fromhex("f30dba93") + words(tick)) for tick in (-60, 60)]
    assert whole == NARROW


def test_pool__read_around_its_price__asks_for_those_words_only() -> None:
    partial, (_, bitmap, _) = read(radius=16_384)

    assert [call.data[4:] for call in bitmap] == [words(word) for word in (-2, -1, 0, 1)]
    assert partial.ticks.known == (-2 * 256 * 60, (2 * 256 - 1) * 60)
    assert partial.amount_out(TOKEN0, TOKEN1, 1_000) == 996


def test_pool__swap_beyond_the_ticks_that_were_read__has_no_quote() -> None:
    partial, _ = read(radius=100)
    reserve = 10_000_000  # more than the pool holds: the swap would go on to ticks that nobody read

    with pytest.raises(BeyondKnownTicks, match="leaves the ticks that were read"):
        partial.amount_out(TOKEN0, TOKEN1, reserve)
    with pytest.raises(BeyondKnownTicks, match="leaves the ticks that were read"):
        partial.amount_out(TOKEN1, TOKEN0, reserve)
    assert partial.amount_out(TOKEN1, TOKEN0, 2_900) == NARROW.amount_out(TOKEN1, TOKEN0, 2_900)


def test_pool__known_in_part__follows_liquidity_where_it_knows_the_ticks() -> None:
    partial, _ = read(radius=100)

    after = partial.apply(V3Mint(POOL, -887_220, 120, 500, 0, 0))

    assert after is not None
    assert after.liquidity == 1_000_500
    assert after.ticks.indices == [-60, 60, 120]
    assert after.ticks.known == partial.ticks.known


def test_pool__price_nears_the_end_of_what_was_read__is_forgotten() -> None:
    partial, _ = read(radius=100)
    first, last = partial.ticks.known

    assert partial.apply(V3Swap(POOL, 1, -1, Q96, 1, (first + last) // 2)) is not None
    assert partial.apply(V3Swap(POOL, 1, -1, Q96, 1, last - 60)) is None
    assert partial.apply(V3Swap(POOL, 1, -1, Q96, 1, first + 60)) is None


def test_pool__known_in_part__survives_its_snapshot() -> None:
    partial, _ = read(radius=100)

    assert UniswapV3Pool.from_snapshot(partial.snapshot()).ticks.known == partial.ticks.known


@pytest.mark.parametrize("answer", [None, b"", bytes(32 * 6)])
def test_pool__read_unanswered__is_an_error(answer: Answer) -> None:
    reading = UniswapV3Pool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match="does not answer as a Uniswap V3 pool"):
        reading.send([answer, *state_answers()[1:]])


@pytest.mark.parametrize(("liquidity", "gross"), [(1_000_001, 1_000_000), (1_000_000, 0)])
def test_pool__read_of_two_moments__is_an_error(liquidity: int, gross: int) -> None:
    reading = UniswapV3Pool.read(INFO)
    next(reading)
    reading.send(bitmap_answers(list(reading.send(state_answers(liquidity)))))
    with pytest.raises(PoolError, match="changed while it was read"):
        reading.send(ticks_answers(gross))
