from dataclasses import replace
from typing import Any

import pytest

from keeper.errors import PoolError, SwapReverts
from keeper.events import CamelotFeePercentUpdated, CamelotSetStableSwap, CurveChanged, Sync, V2Swap
from keeper.math.camelot_pair import get_y, stable_k
from keeper.pools import FAMILIES
from keeper.pools.camelot_v2 import CamelotV2Pool
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Answer, Call

POOL = Address("0x" + "ca" * 20)
FACTORY = Address("0x" + "fa" * 20)
TOKEN0, TOKEN1, OTHER = (Address("0x" + f"{n:040x}") for n in (1, 2, 3))
INFO = PoolInfo("camelot_v2", "camelot_v2", POOL, (TOKEN0, TOKEN1), 0)
WHOLE = 10**18
#: A fifth of what comes in as token0, a tenth of token1: more than there are, but small numbers.
VOLATILE = CamelotV2Pool(INFO, (1_000, 1_000), (20_000, 10_000), (WHOLE, WHOLE), False)
STABLE = CamelotV2Pool(INFO, (10**12, 10**24), (40, 40), (10**6, WHOLE), True, 40_000)
SNAPSHOT = {
    "family": "camelot_v2",
    "dex": "camelot_v2",
    "address": POOL,
    "tokens": [TOKEN0, TOKEN1],
    "reserves": ["1000000000000", "1000000000000000000000000"],
    "fee_percents": ["40", "40"],
    "precision_multipliers": ["1000000", "1000000000000000000"],
    "stable_swap": True,
    "owner_fee_share": "40000",
}


def test_invariant__two_and_one__by_hand() -> None:
    # 2 * 1 * (4 + 1) = 10
    assert stable_k(2 * WHOLE, WHOLE, WHOLE, WHOLE) == 10 * WHOLE
    assert stable_k(2 * 10**6, WHOLE, 10**6, WHOLE) == 10 * WHOLE


def test_balance__of_two_and_the_invariant_ten__is_one() -> None:
    assert get_y(2 * WHOLE, 10 * WHOLE, 3 * WHOLE) == pytest.approx(WHOLE, abs=2)
    assert get_y(2 * WHOLE, 10 * WHOLE, WHOLE) == WHOLE


def test_invariant__beyond_a_word__reverts() -> None:
    with pytest.raises(SwapReverts, match="overflow"):
        stable_k(1 << 111, 1 << 111, 1, 1)


def test_balance__without_any__reverts() -> None:
    with pytest.raises(SwapReverts, match="division by zero"):
        get_y(0, 10, 0)


def test_pool__volatile_swap__by_hand_in_both_directions() -> None:
    # 250 less a fifth are 200: 200 * 1,000 / 1,200 = 166; 250 less a tenth are 225: 225 * 1,000 / 1,225 = 183.
    assert VOLATILE.amount_out(TOKEN0, TOKEN1, 250) == 166
    assert VOLATILE.amount_out(TOKEN1, TOKEN0, 250) == 183


def test_pool__volatile_output_wanted__by_hand() -> None:
    # 1,000 * 166 / 834 = 199.04; over four fifths 248.8, and the unit that the library adds: 249.
    assert VOLATILE.amount_in(TOKEN0, TOKEN1, 166) == 249


def test_pool__volatile_swap__keeps_the_whole_input() -> None:
    assert VOLATILE.swap(TOKEN0, TOKEN1, 250) == (166, replace(VOLATILE, reserves=(1_250, 834)))


def test_pool__stable_swap_at_balance__pays_one_for_one_less_the_fee() -> None:
    assert STABLE.amount_out(TOKEN0, TOKEN1, 10**6) == pytest.approx(9_996 * 10**14, rel=1e-6)
    assert STABLE.amount_out(TOKEN1, TOKEN0, WHOLE) == pytest.approx(999_600, abs=2)
    assert STABLE.rate(TOKEN0, TOKEN1) == pytest.approx(10**12 * 0.9996)


def test_pool__stable_swap__pays_the_owner_of_the_input() -> None:
    bought, after = STABLE.swap(TOKEN0, TOKEN1, 10**9)

    # Of the fee of 400,000 the owner takes two fifths.
    assert after == replace(STABLE, reserves=(10**12 + 10**9 - 160_000, 10**24 - bought))


def test_pool__stable_output_wanted__is_an_error() -> None:
    with pytest.raises(PoolError, match="no exact-out"):
        STABLE.amount_in(TOKEN0, TOKEN1, 1)


def test_pool__input_too_small_to_buy_anything__reverts_when_swapped() -> None:
    assert VOLATILE.amount_out(TOKEN0, TOKEN1, 1) == 0
    with pytest.raises(SwapReverts, match="INSUFFICIENT_OUTPUT"):
        VOLATILE.swap(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize("pool", [VOLATILE, STABLE])
@pytest.mark.parametrize("amount", [-1, 0, 1 << 112])
def test_pool__amount_that_is_none__reverts(pool: CamelotV2Pool, amount: int) -> None:
    with pytest.raises(SwapReverts):
        pool.amount_out(TOKEN0, TOKEN1, amount)


@pytest.mark.parametrize("amount", [0, 1_000])
def test_pool__output_that_it_has_not__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts):
        VOLATILE.amount_in(TOKEN0, TOKEN1, amount)


def test_pool__output_that_overflows_the_reserve__reverts() -> None:
    with pytest.raises(SwapReverts, match="OVERFLOW"):
        replace(VOLATILE, reserves=((1 << 112) - 10, 1_000)).amount_in(TOKEN0, TOKEN1, 500)


@pytest.mark.parametrize("pool", [VOLATILE, STABLE])
def test_pool__without_liquidity__cannot_trade(pool: CamelotV2Pool) -> None:
    empty = replace(pool, reserves=(0, 0))

    assert empty.rate(TOKEN0, TOKEN1) == empty.depth(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts):
        empty.amount_out(TOKEN0, TOKEN1, 1)


def test_pool__token_that_it_does_not_trade__is_an_error() -> None:
    with pytest.raises(PoolError, match="does not trade"):
        VOLATILE.amount_out(TOKEN0, OTHER, 1)


def test_pool__events_that_tell__are_applied() -> None:
    assert VOLATILE.apply(Sync(POOL, 3, 4)) == replace(VOLATILE, reserves=(3, 4))
    assert VOLATILE.apply(V2Swap(POOL, 1, 0, 0, 1)) == VOLATILE
    assert VOLATILE.apply(CamelotFeePercentUpdated(POOL, 7, 8)) == replace(VOLATILE, fee_percents=(7, 8))
    assert STABLE.apply(CamelotSetStableSwap(POOL, False)) == replace(STABLE, stable_swap=False)


@pytest.mark.parametrize("event", [CamelotSetStableSwap(POOL, True), CurveChanged(POOL)])
def test_pool__events_that_do_not_tell__invalidate(event: CamelotSetStableSwap | CurveChanged) -> None:
    assert VOLATILE.apply(event) is None


def test_pool__snapshot__there_and_back() -> None:
    assert STABLE.snapshot() == SNAPSHOT
    assert FAMILIES["camelot_v2"].from_snapshot(SNAPSHOT) == STABLE


@pytest.mark.parametrize(
    "broken",
    [{"reserves": ["1"]}, {"fee_percents": None}, {"precision_multipliers": ["0", "1"]}, {"owner_fee_share": "x"}],
)
def test_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a camelot_v2 snapshot cannot be read"):
        CamelotV2Pool.from_snapshot(SNAPSHOT | broken)


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(32) for value in values)


def told(reserves: tuple[int, ...], stable: bool, denominator: int = 100_000, unit0: int = 10**6) -> list[Answer]:
    return [words(*reserves), *map(words, (stable, unit0, WHOLE, denominator, int(FACTORY, 16)))]


def test_pool__read_of_a_volatile_pair__one_round() -> None:
    reading = CamelotV2Pool.read(INFO)
    assert next(iter(next(reading))) == Call(POOL, bytes.fromhex("0902f1ac"))
    with pytest.raises(StopIteration) as done:
        reading.send(told((1_000, 1_000, 20_000, 10_000), False, unit0=WHOLE))
    assert done.value.value == VOLATILE


@pytest.mark.parametrize(("receiver", "share"), [(7, 40_000), (0, 0)])
def test_pool__read_of_a_stable_pair__asks_what_the_owner_takes(receiver: int, share: int) -> None:
    reading = CamelotV2Pool.read(INFO)
    next(reading)
    calls = reading.send(told((10**12, 10**24, 40, 40), True))
    assert list(calls) == [Call(FACTORY, bytes.fromhex("995b5aae"))]
    with pytest.raises(StopIteration) as done:
        reading.send([words(40_000, receiver)])
    assert done.value.value == replace(STABLE, owner_fee_share=share)


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([None] * 6, "does not answer"),
        (told((1, 1, 1), False), "does not answer"),
        (told((1, 1, 1, 1), False, denominator=10_000), "another unit"),
        (told((1, 1, 1, 1), False, unit0=0), "not initialised"),
    ],
)
def test_pool__read_of_another_kind__is_an_error(answers: list[Answer], complaint: str) -> None:
    reading = CamelotV2Pool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match=complaint):
        reading.send(answers)
