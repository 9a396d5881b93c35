from typing import Any

import pytest

from keeper.errors import PoolError, SwapReverts
from keeper.events import CurveChanged, CurveExchange
from keeper.math.stableswap import get_D, get_y
from keeper.pools import FAMILIES
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Answer, Call

POOL = Address("0x" + "cc" * 20)
TOKEN0, TOKEN1, TOKEN2, OTHER = (Address("0x" + f"{n:040x}") for n in (1, 2, 3, 4))
INFO = PoolInfo("curve_stableswap", "curve", POOL, (TOKEN0, TOKEN1), 0)
WHOLE = 10**18
#: A is 1, so that with two coins Ann is 2: small enough for a pencil. The fee is a tenth, half of it the admin's.
PAIR = CurveStableSwapPool(INFO, (1_000, 1_000), (WHOLE, WHOLE), 100, 10**9, 5 * 10**9)
SNAPSHOT = {
    "family": "curve_stableswap",
    "dex": "curve",
    "address": POOL,
    "tokens": [TOKEN0, TOKEN1],
    "balances": ["1000", "1000"],
    "rates": [str(WHOLE), str(WHOLE)],
    "a": "100",
    "fee": "1000000000",
    "offpeg_fee_multiplier": "0",
    "admin_fee": "5000000000",
}


def test_invariant__balanced__is_the_sum() -> None:
    assert get_D([7 * WHOLE] * 3, 100 * 100) == 21 * WHOLE


def test_invariant__huge_amplification__is_almost_the_sum() -> None:
    assert get_D([3 * WHOLE, WHOLE], 10**8 * 100) == pytest.approx(4 * WHOLE, rel=1e-7)


def test_invariant__one_empty_balance__reverts() -> None:
    with pytest.raises(SwapReverts, match="division by zero"):
        get_D([WHOLE, 0], 100)


def test_invariant__balances_beyond_half_a_word__reverts() -> None:
    with pytest.raises(SwapReverts, match="overflow"):
        get_D([1 << 140, 1 << 140], 100)


def test_balance_of_a_coin__the_others_unchanged__is_its_own() -> None:
    xp = [3 * WHOLE, WHOLE, 5 * WHOLE]
    D = get_D(xp, 5_000)

    assert get_y(0, 2, xp[0], xp, 5_000, D) == pytest.approx(xp[2], abs=2)


def test_pool__small_swap__by_hand() -> None:
    # D = 2,000 and Ann = 2: c = 2,000**3 / (4 * 1,100) / 2 = 909,090; b - D = 1,100 + 1,000 - 2,000 = 100;
    # y**2 + 100 y = 909,090 has y = 904.8, rounded to 904: 1,000 - 904 - 1 = 95, less the tenth (9) 86.
    assert PAIR.amount_out(TOKEN0, TOKEN1, 100) == 86


def test_pool__swap__pays_and_gives_the_admin_a_part() -> None:
    # Of the fee of 9 the admin takes 4: 1,000 - 86 - 4.
    bought, after = PAIR.swap(TOKEN0, TOKEN1, 100)

    assert bought == 86
    assert after == CurveStableSwapPool(INFO, (1_100, 910), (WHOLE, WHOLE), 100, 10**9, 5 * 10**9)


def test_pool__decimals_that_differ__are_scaled() -> None:
    # A thousand times the unit of the second coin is worth one of the first.
    pool = CurveStableSwapPool(INFO, (10**6, 10**9), (10**21, WHOLE), 10**6, 0, 0)

    assert pool.amount_out(TOKEN0, TOKEN1, 10) == pytest.approx(10_000, abs=2)
    assert pool.amount_out(TOKEN1, TOKEN0, 10_000) == pytest.approx(10, abs=1)
    assert pool.rate(TOKEN0, TOKEN1) == pytest.approx(1_000)


def test_pool__without_liquidity__cannot_trade() -> None:
    empty = CurveStableSwapPool(INFO, (0, 0), (WHOLE, WHOLE), 100, 0, 0)

    assert empty.rate(TOKEN0, TOKEN1) == empty.depth(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts):
        empty.amount_out(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize("amount", [-1, 1 << 200])
def test_pool__amount_that_is_none__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts, match="overflow"):
        PAIR.amount_out(TOKEN0, TOKEN1, amount)


@pytest.mark.parametrize(("token_in", "token_out"), [(TOKEN0, OTHER), (OTHER, TOKEN1), (TOKEN0, TOKEN0)])
def test_pool__token_that_it_does_not_trade__is_an_error(token_in: Address, token_out: Address) -> None:
    with pytest.raises(PoolError, match="does not trade"):
        PAIR.amount_out(token_in, token_out, 1)


def test_pool__output_wanted__is_an_error() -> None:
    with pytest.raises(PoolError, match="no exact-out"):
        PAIR.amount_in(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize("event", [CurveExchange(POOL, 0, 100, 1, 86), CurveChanged(POOL)])
def test_pool__any_event__does_not_tell(event: CurveExchange | CurveChanged) -> None:
    assert PAIR.apply(event) is None


def test_pool__snapshot__there_and_back() -> None:
    assert PAIR.snapshot() == SNAPSHOT
    assert FAMILIES["curve_stableswap"].from_snapshot(SNAPSHOT) == PAIR


@pytest.mark.parametrize(
    "broken",
    [
        {"balances": ["1"]},
        {"rates": None},
        {"fee": "x"},
        {"a": None},
        {"address": None},
        {"offpeg_fee_multiplier": "20000000000"},
    ],
)
def test_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a curve_stableswap snapshot cannot be read"):
        CurveStableSwapPool.from_snapshot(SNAPSHOT | broken)


def words(*values: int | None) -> list[Answer]:
    return [None if value is None else value.to_bytes(32) for value in values]


def test_pool__read__one_round() -> None:
    reading = CurveStableSwapPool.read(INFO)
    calls = list(next(reading))
    assert calls[0] == Call(POOL, bytes.fromhex("76a2f0f0"))
    assert calls[6] == Call(TOKEN0, bytes.fromhex("313ce567"))
    with pytest.raises(StopIteration) as done:
        reading.send(words(100, 100, 10**9, 5 * 10**9, 1_000, 1_000, 18, 18, None))
    assert done.value.value == PAIR


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([None] * 9, "does not answer"),
        (words(100, 100, 1, 1, 1, 1, 18, 18, 2 * 10**10), "has a dynamic fee"),
        (words(100, 101, 1, 1, 1, 1, 18, 18, None), "moves its amplification"),
        (words(100, 100, 1, 1, 1, 1, 18, 37, None), "37 decimals"),
    ],
)
def test_pool__read_of_another_kind__is_an_error(answers: list[Answer], complaint: str) -> None:
    reading = CurveStableSwapPool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match=complaint):
        reading.send(answers)
