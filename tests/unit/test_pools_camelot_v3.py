from dataclasses import replace
from typing import Any

import pytest

from keeper.errors import BeyondKnownTicks, PoolError, SwapReverts
from keeper.events import CamelotV3Fee, CurveChanged, V3Burn, V3Initialize, V3Mint, V3SetFeeProtocol, V3Swap
from keeper.math.tick import ALL_TICKS, Ticks
from keeper.math.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO, get_sqrt_ratio_at_tick
from keeper.pools import FAMILIES
from keeper.pools.camelot_v3 import CamelotV3Pool
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address, Answer, Call

POOL = Address("0x" + "ca" * 20)
OPERATOR = Address("0x" + "0f" * 20)
TOKEN0, TOKEN1, OTHER = (Address("0x" + f"{n:040x}") for n in (1, 2, 3))
INFO = PoolInfo("camelot_v3", "camelot_v3", POOL, (TOKEN0, TOKEN1), 0)
Q96 = 1 << 96
LIQUIDITY = 10**24
#: At a price of one, in one range; a tenth of token0 that comes in, a fifth of token1.
PAIR = CamelotV3Pool(INFO, Q96, 0, LIQUIDITY, Ticks().modified(-600, 600, LIQUIDITY), 100_000, 200_000)
SNAPSHOT = {
    "family": "camelot_v3",
    "dex": "camelot_v3",
    "address": POOL,
    "tokens": [TOKEN0, TOKEN1],
    "price": str(Q96),
    "tick": "0",
    "liquidity": str(LIQUIDITY),
    "fee_zto": "100000",
    "fee_otz": "200000",
    "ticks": {"-600": [str(LIQUIDITY)] * 2, "600": [str(LIQUIDITY), str(-LIQUIDITY)]},
}


def test_pool__small_swap__pays_the_fee_of_its_direction() -> None:
    assert PAIR.amount_out(TOKEN0, TOKEN1, 10**18) == pytest.approx(9 * 10**17, rel=1e-5)
    assert PAIR.amount_out(TOKEN1, TOKEN0, 10**18) == pytest.approx(8 * 10**17, rel=1e-5)
    assert PAIR.amount_in(TOKEN0, TOKEN1, 9 * 10**17) == pytest.approx(10**18, rel=1e-5)
    assert PAIR.amount_in(TOKEN1, TOKEN0, 8 * 10**17) == pytest.approx(10**18, rel=1e-5)


def test_pool__swap__by_hand() -> None:
    # Of 10**6 nine tenths are left, and a million million times less than the liquidity moves the price by a hair.
    bought, after = replace(PAIR, liquidity=10**9, ticks=Ticks().modified(-600, 600, 10**9)).swap(TOKEN0, TOKEN1, 10**6)

    # 10**9 * (1 - 1 / (1 + 9 * 10**5 / 10**9))
    assert bought == 899_190
    assert after.price == -(-(10**9 * Q96) * Q96 // (10**9 * Q96 + 900_000 * Q96))
    assert after.liquidity == 10**9


def test_pool__rate__is_the_price_less_the_fee_of_its_direction() -> None:
    assert PAIR.rate(TOKEN0, TOKEN1) == pytest.approx(0.9)
    assert PAIR.rate(TOKEN1, TOKEN0) == pytest.approx(0.8)
    assert PAIR.depth(TOKEN0, TOKEN1) == PAIR.depth(TOKEN1, TOKEN0) == pytest.approx(LIQUIDITY)


def test_pool__rate_beside_its_liquidity__is_where_that_begins() -> None:
    beside = replace(PAIR, price=get_sqrt_ratio_at_tick(700), tick=700, liquidity=0)

    assert beside.rate(TOKEN0, TOKEN1) == pytest.approx(1.0001**600 * 0.9)
    assert beside.rate(TOKEN1, TOKEN0) == 0.0


def test_pool__swap_over_words_of_the_table__rounds_at_each_where_a_spaced_table_has_none() -> None:
    # From 0 to 600 there are two ends of words of 256 ticks, but none of 256 * 60: each rounds against the trader.
    spaced = UniswapV3Pool(replace(INFO, fee_pips=200_000, tick_spacing=60), Q96, 0, LIQUIDITY, PAIR.ticks)
    differences = {
        PAIR.amount_in(TOKEN1, TOKEN0, wanted) - spaced.amount_in(TOKEN1, TOKEN0, wanted)
        for wanted in range(28 * 10**21, 28 * 10**21 + 20)
    }

    assert min(differences) >= 0
    assert max(differences) > 0


@pytest.mark.parametrize("amount", [-1, 0, 1 << 200])
def test_pool__amount_that_it_cannot_exchange__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts):
        PAIR.amount_out(TOKEN0, TOKEN1, amount)
    with pytest.raises(SwapReverts):
        PAIR.amount_in(TOKEN0, TOKEN1, amount)


def test_pool__before_its_price__cannot_trade() -> None:
    empty = CamelotV3Pool(INFO, 0, 0, 0, Ticks(), 1, 1)

    assert empty.rate(TOKEN0, TOKEN1) == empty.depth(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts, match="LOK"):
        empty.amount_out(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize(("price", "tokens"), [(MIN_SQRT_RATIO + 1, (0, 1)), (MAX_SQRT_RATIO - 1, (1, 0))])
def test_pool__at_the_end_of_all_prices__has_no_rate_onwards(price: int, tokens: tuple[int, int]) -> None:
    token_in, token_out = (INFO.tokens[n] for n in tokens)

    assert replace(PAIR, price=price).rate(token_in, token_out) == 0.0


def test_pool__token_that_it_does_not_trade__is_an_error() -> None:
    with pytest.raises(PoolError, match="does not trade"):
        PAIR.amount_out(TOKEN0, OTHER, 1)


def test_pool__events_that_tell__are_applied() -> None:
    minted = PAIR.ticks.modified(-120, 60, 7)

    assert PAIR.apply(V3Swap(POOL, 1, -1, Q96 + 5, 9, 0)) == replace(PAIR, price=Q96 + 5, liquidity=9)
    assert PAIR.apply(V3Mint(POOL, -120, 60, 7, 0, 0)) == replace(PAIR, liquidity=LIQUIDITY + 7, ticks=minted)
    assert PAIR.apply(V3Mint(POOL, 60, 120, 7, 0, 0)) == replace(PAIR, ticks=PAIR.ticks.modified(60, 120, 7))
    assert PAIR.apply(V3Burn(POOL, -600, 600, LIQUIDITY, 0, 0)) == replace(PAIR, liquidity=0, ticks=Ticks())
    assert PAIR.apply(V3Burn(POOL, -600, 600, 0, 0, 0)) == PAIR
    assert PAIR.apply(CamelotV3Fee(POOL, 100_000, 200_000)) == PAIR
    assert PAIR.apply(V3Initialize(POOL, 2 * Q96, 13_863)) == replace(
        PAIR, price=2 * Q96, tick=13_863, liquidity=0, ticks=Ticks()
    )


@pytest.mark.parametrize(
    "event",
    [
        CamelotV3Fee(POOL, 100_000, 200_001),
        V3Burn(POOL, -600, 600, LIQUIDITY + 1, 0, 0),
        V3Mint(POOL, 60, 60, 1, 0, 0),
        V3SetFeeProtocol(POOL, 4, 4),
        CurveChanged(POOL),
    ],
)
def test_pool__events_that_do_not_tell__invalidate(event: Any) -> None:
    assert PAIR.apply(event) is None


def test_pool__swap_out_of_what_is_known__invalidates() -> None:
    partial = replace(PAIR, ticks=Ticks.of(dict(PAIR.ticks), (-1_024, 1_023)))

    assert partial.apply(V3Swap(POOL, 1, -1, Q96, LIQUIDITY, 1_000)) is None
    with pytest.raises(BeyondKnownTicks):
        partial.amount_out(TOKEN0, TOKEN1, 1 << 120)


@pytest.mark.parametrize(
    "event", [V3Swap(POOL, 1, -1, Q96, 1, 0), V3Mint(POOL, -60, 60, 1, 0, 0), V3Burn(POOL, -60, 60, 1, 0, 0)]
)
def test_pool__events_before_its_price__invalidate(event: Any) -> None:
    assert CamelotV3Pool(INFO, 0, 0, 0, Ticks(), 1, 1).apply(event) is None


def test_pool__snapshot__there_and_back() -> None:
    assert PAIR.snapshot() == SNAPSHOT
    assert FAMILIES["camelot_v3"].from_snapshot(SNAPSHOT) == PAIR
    partial = replace(PAIR, ticks=Ticks.of(dict(PAIR.ticks), (-1_024, 1_023)))
    assert CamelotV3Pool.from_snapshot(partial.snapshot()) == partial
    assert (
        CamelotV3Pool.from_snapshot(
            SNAPSHOT | {"ticks": {"-600": [None, str(LIQUIDITY)], "600": [None, str(-LIQUIDITY)]}}
        )
        == PAIR
    )


@pytest.mark.parametrize(
    "broken", [{"ticks": {"-60": ["1"]}}, {"price": None}, {"fee_zto": "x"}, {"known_ticks": ["1"]}]
)
def test_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a camelot_v3 snapshot cannot be read"):
        CamelotV3Pool.from_snapshot(SNAPSHOT | broken)


def words(*values: int) -> bytes:
    return b"".join((value % 2**256).to_bytes(32) for value in values)


CONSTANT = tuple(words(0, 0, 360, 60_000, 59, 8_500, 0, 10, fee) for fee in (100_000, 200_000))
#: The tick -600 is the 168th of word -3, 600 the 88th of word 2.
TABLE = {words(-3): 1 << 168, words(2): 1 << 88}


def read(
    radius: int | None,
    state: bytes | None = words(Q96, 0, 1, 1, 5, 0, 0, 1),
    configs: tuple[bytes, bytes] = CONSTANT,
    total: int = LIQUIDITY,
) -> tuple[CamelotV3Pool, list[list[Call]]]:
    """The pool that is read, and the calls of each round."""
    reading = CamelotV3Pool.read(INFO, radius)
    first = list(next(reading))
    second = list(reading.send([state, words(LIQUIDITY), words(int(OPERATOR, 16))]))
    rows: list[Answer] = [words(TABLE.get(call.data[4:], 0)) for call in second[2:]]
    third = list(reading.send([*configs, *rows]))
    with pytest.raises(StopIteration) as done:
        reading.send([words(total, delta, 0, 0, 0, 0, 0, 1) for delta in (LIQUIDITY, -LIQUIDITY)])
    return done.value.value, [first, second, third]


def test_pool__read__state_then_fees_and_table_then_ticks() -> None:
    whole, (state, table, ticks) = read(radius=None)

    assert [call.data.hex() for call in state] == ["e76c01e4", "1a686502", "29047dfa"]
    assert table[:2] == [Call(OPERATOR, bytes.fromhex(selector)) for selector in ("824e8e87", "90577ef6")]
    assert len(table) == 2 + 6_932
    assert ticks == [Call(POOL, bytes.fromhex("f30dba93") + words(tick)) for tick in (-600, 600)]
    assert whole == PAIR


def test_pool__read_around_its_price__knows_so_much() -> None:
    partial, (_, table, _) = read(radius=700)

    assert [call.data[4:] for call in table[2:]] == [words(word) for word in range(-3, 3)]
    assert partial.ticks.known == (-768, 767) != ALL_TICKS


@pytest.mark.parametrize("adapting", [words(1, 0, *[1] * 6, 100), words(0, 1, *[1] * 6, 100)])
def test_pool__read_of_an_adapting_fee__is_an_error(adapting: bytes) -> None:
    with pytest.raises(PoolError, match="adapts its fee"):
        read(700, configs=(CONSTANT[0], adapting))


def test_pool__read_of_two_moments__is_an_error() -> None:
    with pytest.raises(PoolError, match="changed while it was read"):
        read(700, total=0)


@pytest.mark.parametrize("state", [None, words(Q96, 0, 0, 1, 1, 0, 1)])
def test_pool__read_of_another_kind__is_an_error(state: bytes | None) -> None:
    with pytest.raises(PoolError, match="does not answer as a Camelot V3 pool"):
        read(700, state=state)
