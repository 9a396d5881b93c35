from typing import Any

import pytest
from eth_abi.abi import encode

from keeper.errors import PoolError, SwapReverts
from keeper.events import CurveChanged, CurveExchange
from keeper.math import stableswap
from keeper.math.stableswap_ng import dynamic_fee, get_D
from keeper.pools import FAMILIES
from keeper.pools.curve_stableswap_ng import CurveStableSwapNGPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Answer, Call

POOL = Address("0x" + "cc" * 20)
TOKEN0, TOKEN1, OTHER = (Address("0x" + f"{n:040x}") for n in (1, 2, 3))
INFO = PoolInfo("curve_stableswap_ng", "curve", POOL, (TOKEN0, TOKEN1), 0)
WHOLE = 10**18
#: A is 1, so that with two coins Ann is 2: small enough for a pencil. The fee is a tenth, half of it the admin's.
PAIR = CurveStableSwapNGPool(INFO, (1_000, 1_000), (WHOLE, WHOLE), 100, 10**9, 0, 5 * 10**9)
SNAPSHOT = {
    "family": "curve_stableswap_ng",
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
    assert get_D([7 * WHOLE] * 8, 100 * 100) == 56 * WHOLE


def test_invariant__rounded_once_a_round__by_hand() -> None:
    # From D = 4: 4 * 4 // 3 * 4 // 1 // 4 = 5, (2 * 4 + 2 * 5) * 4 // (4 + 3 * 5) = 3. Plain pools round for each coin:
    # 4 * 4 // (2 * 3) * 4 // (2 * 1) = 4, (2 * 4 + 2 * 4) * 4 // (4 + 3 * 4) = 4.
    assert get_D([3, 1], 100) == 3
    assert stableswap.get_D([3, 1], 100) == 4


def test_invariant__one_empty_balance__reverts() -> None:
    with pytest.raises(SwapReverts, match="division by zero"):
        get_D([WHOLE, 0], 100)


def test_invariant__balances_beyond_half_a_word__reverts() -> None:
    with pytest.raises(SwapReverts, match="overflow"):
        get_D([1 << 140, 1 << 140], 100)


def test_invariant__amplification_below_one__reverts() -> None:
    with pytest.raises(SwapReverts, match="A is below one"):
        get_D([WHOLE, WHOLE], 49)


def test_dynamic_fee__balanced__is_the_fee() -> None:
    assert dynamic_fee(1_000, 1_000, 4_000_000, 5 * 10**10) == 4_000_000


def test_dynamic_fee__three_to_one__by_hand() -> None:
    # 4 * 3 * 1 / (3 + 1)**2 = 3/4; two fees over 1 + 3/4 are 8/7 of one.
    assert dynamic_fee(3, 1, 7_000_000, 2 * 10**10) == 8_000_000


def test_dynamic_fee__all_in_one_coin__is_as_many_times_more() -> None:
    assert dynamic_fee(1_000, 0, 7_000_000, 3 * 10**10) == 21_000_000


def test_pool__small_swap__by_hand() -> None:
    # D = 2,000 and Ann = 2: c = 2,000**3 / (4 * 1,100) / 2 = 909,090; b - D = 1,100 + 1,000 - 2,000 = 100;
    # y**2 + 100 y = 909,090 has y = 904.8, rounded to 904: 1,000 - 904 - 1 = 95, less the tenth (9) 86.
    assert PAIR.amount_out(TOKEN0, TOKEN1, 100) == 86


def test_pool__swap__pays_and_gives_the_admin_a_part() -> None:
    # Of the fee of 9 the admin takes 4: 1,000 - 86 - 4.
    bought, after = PAIR.swap(TOKEN0, TOKEN1, 100)

    assert bought == 86
    assert after == CurveStableSwapNGPool(INFO, (1_100, 910), (WHOLE, WHOLE), 100, 10**9, 0, 5 * 10**9)


def test_pool__output_wanted__by_hand() -> None:
    # 86 and one are 87; over nine tenths 96: y = 904, at which the other is 1,100.8.
    assert PAIR.amount_in(TOKEN0, TOKEN1, 86) in (100, 101)


def test_pool__rate_of_a_coin__is_what_it_is_worth() -> None:
    pool = CurveStableSwapNGPool(INFO, (10**24, 12 * 10**23), (12 * WHOLE // 10, WHOLE), 10**6, 0, 0, 0)

    assert pool.amount_out(TOKEN0, TOKEN1, 10**18) == pytest.approx(12 * 10**17, rel=1e-6)
    assert pool.rate(TOKEN0, TOKEN1) == pytest.approx(1.2)


def test_pool__without_liquidity__cannot_trade() -> None:
    empty = CurveStableSwapNGPool(INFO, (0, 0), (WHOLE, WHOLE), 100, 0, 0, 0)

    assert empty.rate(TOKEN0, TOKEN1) == empty.depth(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts):
        empty.amount_out(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize("amount", [-1, 0, 1 << 200])
def test_pool__amount_that_is_none__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts, match="StableSwap"):
        PAIR.amount_out(TOKEN0, TOKEN1, amount)


@pytest.mark.parametrize("amount", [-1, 900, 1 << 200])
def test_pool__output_that_it_has_not__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts, match="StableSwap"):
        PAIR.amount_in(TOKEN0, TOKEN1, amount)


def test_pool__fee_that_takes_it_all__reverts() -> None:
    dear = CurveStableSwapNGPool(INFO, (1_000, 1_000), (WHOLE, WHOLE), 100, 10**10, 0, 0)
    with pytest.raises(SwapReverts, match="takes it all"):
        dear.amount_in(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize(("token_in", "token_out"), [(TOKEN0, OTHER), (OTHER, TOKEN1), (TOKEN0, TOKEN0)])
def test_pool__token_that_it_does_not_trade__is_an_error(token_in: Address, token_out: Address) -> None:
    with pytest.raises(PoolError, match="does not trade"):
        PAIR.amount_out(token_in, token_out, 1)


@pytest.mark.parametrize("event", [CurveExchange(POOL, 0, 100, 1, 86), CurveChanged(POOL)])
def test_pool__any_event__does_not_tell(event: CurveExchange | CurveChanged) -> None:
    assert PAIR.apply(event) is None


def test_pool__snapshot__there_and_back() -> None:
    assert PAIR.snapshot() == SNAPSHOT
    assert FAMILIES["curve_stableswap_ng"].from_snapshot(SNAPSHOT) == PAIR


@pytest.mark.parametrize(
    "broken",
    [{"balances": ["1"]}, {"rates": None}, {"rates": ["0", "1"]}, {"fee": "x"}, {"a": None}, {"address": None}],
)
def test_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a curve_stableswap_ng snapshot cannot be read"):
        CurveStableSwapNGPool.from_snapshot(SNAPSHOT | broken)


def answers(balances: list[int], rates: list[int], *words: int) -> list[Answer]:
    return [encode(["uint256[]"], [values]) for values in (balances, rates)] + [word.to_bytes(32) for word in words]


def test_pool__read__one_round() -> None:
    reading = CurveStableSwapNGPool.read(INFO)
    calls = list(next(reading))
    assert calls[0] == Call(POOL, bytes.fromhex("14f05979"))
    with pytest.raises(StopIteration) as done:
        reading.send(answers([1_000, 1_000], [WHOLE, WHOLE], 100, 100, 10**9, 0, 5 * 10**9))
    assert done.value.value == PAIR


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ([None] * 7, "does not answer"),
        (answers([1, 1, 1], [1, 1, 1], 1, 1, 1, 1, 1), "has 3 coins"),
        (answers([1, 1], [1, 1], 100, 101, 1, 1, 1), "moves its amplification"),
        (answers([1, 1], [1, 0], 100, 100, 1, 1, 1), "rate is zero"),
    ],
)
def test_pool__read_of_another_kind__is_an_error(told: list[Answer], complaint: str) -> None:
    reading = CurveStableSwapNGPool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match=complaint):
        reading.send(told)
