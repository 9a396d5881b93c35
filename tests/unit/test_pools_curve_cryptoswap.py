from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from keeper.errors import PoolError, SwapReverts
from keeper.events import CurveChanged, CurveExchange
from keeper.math import tricrypto, twocrypto_ng
from keeper.math.cryptoswap import fee, solve_y
from keeper.math.cubic_root import cbrt
from keeper.math.vyper_int256 import div, int256, unsafe_div
from keeper.pools import FAMILIES
from keeper.pools.curve_cryptoswap import CurveCryptoSwapPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Answer, Call

POOL = Address("0x" + "cc" * 20)
TOKEN0, TOKEN1, TOKEN2, OTHER = (Address("0x" + f"{n:040x}") for n in (1, 2, 3, 4))
WHOLE = 10**18
TRI_INFO = PoolInfo("curve_cryptoswap", "curve", POOL, (TOKEN0, TOKEN1, TOKEN2), 0)
TWO_INFO = replace(TRI_INFO, tokens=(TOKEN0, TOKEN1))
#: A million dollars of each: one coin of six decimals, one of eight at 50,000, one of eighteen at 2,000.
TRI = CurveCryptoSwapPool(
    TRI_INFO,
    (10**12, 20 * 10**8, 500 * WHOLE),
    (10**12, 10**10, 1),
    (50_000 * WHOLE, 2_000 * WHOLE),
    1_707_629,
    11_809_167_828_997,
    3 * 10**6 * WHOLE,
    3_000_000,
    30_000_000,
    500 * 10**12,
    "2021",
)
TWO = CurveCryptoSwapPool(
    TWO_INFO, (10**12, 500 * WHOLE), (10**12, 1), (2_000 * WHOLE,), 400_000, 145 * 10**12, 2 * 10**6 * WHOLE,
    26_000_000, 45_000_000, 230 * 10**12, "ng",
)  # fmt: skip
SNAPSHOT = {
    "family": "curve_cryptoswap",
    "dex": "curve",
    "address": POOL,
    "tokens": [TOKEN0, TOKEN1],
    "balances": ["1000000000000", "500000000000000000000"],
    "precisions": ["1000000000000", "1"],
    "price_scale": ["2000000000000000000000"],
    "a": "400000",
    "gamma": "145000000000000",
    "d": "2000000000000000000000000",
    "mid_fee": "26000000",
    "out_fee": "45000000",
    "fee_gamma": "230000000000000",
    "generation": "ng",
}


def test_int256__quotient_of_the_negative__goes_towards_zero() -> None:
    assert (div(-7, 2), div(7, -2), div(-7, -2), unsafe_div(7, 2)) == (-3, -3, 3, 3)


def test_int256__division_by_zero__reverts_where_it_is_checked() -> None:
    assert unsafe_div(7, 0) == 0
    with pytest.raises(SwapReverts, match="division by zero"):
        div(7, 0)


@pytest.mark.parametrize("value", [1 << 255, -(1 << 255) - 1])
def test_int256__beyond_a_word__reverts(value: int) -> None:
    assert int256(value - (1 if value > 0 else -1)) == value - (1 if value > 0 else -1)
    with pytest.raises(SwapReverts, match="overflow"):
        int256(value)


@pytest.mark.parametrize(("x", "root"), [(27 * WHOLE, 3 * WHOLE), (WHOLE, WHOLE), (0, 0), (10**72, 10**36)])
def test_cubic_root__of_cubes__is_whole(x: int, root: int) -> None:
    assert cbrt(x) == root


def test_cubic_root__of_large_numbers__has_fewer_decimals() -> None:
    assert cbrt(8 * 10**45) == 2 * 10**27
    assert cbrt(8 * 10**57) == 2 * 10**31
    assert cbrt(10**60) == pytest.approx(10**32, rel=1e-12)


def test_fee__balanced__is_the_least() -> None:
    assert fee([WHOLE] * 3, 3, 30, 10**16) == 3
    assert fee([WHOLE] * 2, 3, 30, 10**16) == 3


def test_fee__of_two_coins__by_hand() -> None:
    # 4 * 3 * 1 / 4**2 = 3/4: as far from balance as fee_gamma, so the mean of both.
    assert fee([3 * WHOLE, WHOLE], 10, 20, 25 * 10**16) == 15


def test_fee__of_three_coins__by_hand() -> None:
    # 27 * 2 / 4**3 = 27/32, so that 5/32 is the distance from balance.
    assert fee([2 * WHOLE, WHOLE, WHOLE], 10, 20, 15_625 * 10**13) == 15


def test_fee__without_gamma__is_the_product_itself() -> None:
    assert fee([2 * WHOLE, WHOLE, WHOLE], 0, 32, 0) == 5


def test_fee__of_nothing__reverts() -> None:
    with pytest.raises(SwapReverts, match="division by zero"):
        fee([0, 0], 1, 2, 3)


@pytest.mark.parametrize("get_y", [tricrypto.get_y, tricrypto.get_y_of_2021])
def test_tricrypto__balance_of_a_coin__is_its_own(get_y: Any) -> None:
    for i in range(3):
        assert get_y(2_700_000, 10**13, [WHOLE * 10**6] * 3, 3 * WHOLE * 10**6, i) == pytest.approx(10**24, rel=1e-13)


def test_twocrypto__balance_of_a_coin__is_its_own() -> None:
    for i in range(2):
        y = twocrypto_ng.get_y(400_000, 145 * 10**12, [10**24, 10**24], 2 * 10**24, i)
        assert y == pytest.approx(10**24, rel=1e-13)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"ANN": 1}, "unsafe value of A"),
        ({"gamma": 1}, "unsafe value of gamma"),
        ({"D": 10**16}, "unsafe value of D"),
        ({"x": [10**24, 10**21, 10**24]}, "unsafe balance"),
        ({"x": [10**24, 10**28, 10**24]}, "unsafe balance"),
    ],
)
@pytest.mark.parametrize("get_y", [tricrypto.get_y, tricrypto.get_y_of_2021])
def test_tricrypto__what_the_contract_refuses__reverts(get_y: Any, changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SwapReverts, match=complaint):
        get_y(**{"ANN": 2_700_000, "gamma": 10**13, "x": [10**24] * 3, "D": 3 * 10**24, "i": 0} | changed)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"ANN": 1}, "unsafe value of A"),
        ({"gamma": 10**16}, "unsafe value of gamma"),
        ({"D": 10**34}, "unsafe value of D"),
        ({"x": [10**24, 10**21]}, "unsafe balance"),
    ],
)
def test_twocrypto__what_the_contract_refuses__reverts(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SwapReverts, match=complaint):
        twocrypto_ng.get_y(**{"ANN": 400_000, "gamma": 10**14, "x": [10**24] * 2, "D": 2 * 10**24, "i": 0} | changed)


def test_newton__that_starts_nowhere__reverts() -> None:
    with pytest.raises(SwapReverts, match="division by zero"):
        solve_y(400_000, 10**14, 10**24, 2 * 10**24, 0, WHOLE, 100, 2)


@pytest.mark.parametrize(
    ("pool", "token_in", "token_out", "amount", "worth"),
    [
        (TRI, TOKEN0, TOKEN1, 50_000_000, 10**5),
        (TRI, TOKEN1, TOKEN2, 10**8, 25 * WHOLE),
        (TRI, TOKEN2, TOKEN0, WHOLE, 2_000 * 10**6),
        (TWO, TOKEN0, TOKEN1, 2_000 * 10**6, WHOLE),
        (TWO, TOKEN1, TOKEN0, WHOLE, 2_000 * 10**6),
    ],
)
def test_pool__small_swap_at_balance__pays_the_price_less_the_fee(
    pool: CurveCryptoSwapPool, token_in: Address, token_out: Address, amount: int, worth: int
) -> None:
    share = pool.mid_fee / 10**10
    assert pool.rate(token_in, token_out) == pytest.approx(worth / amount * (1 - share), rel=1e-9)
    assert pool.amount_out(token_in, token_out, amount // 10**3) == pytest.approx(worth / 10**3 * (1 - share), rel=2e-2)


def test_pool__swap__moves_the_balances_alone() -> None:
    bought, after = TWO.swap(TOKEN0, TOKEN1, 10**9)

    assert after == replace(TWO, balances=(10**12 + 10**9, 500 * WHOLE - bought))


def test_pool__output_wanted__costs_what_get_dx_asks() -> None:
    asked = TWO.amount_in(TOKEN0, TOKEN1, WHOLE)

    assert TWO.amount_out(TOKEN0, TOKEN1, asked) == pytest.approx(WHOLE, rel=1e-6)


def test_pool__output_wanted_of_2021__is_an_error() -> None:
    with pytest.raises(PoolError, match="no exact-out"):
        TRI.amount_in(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize("amount", [-1, 0, 1 << 250, 10**15])
def test_pool__amount_that_is_none__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts, match="cryptoswap"):
        TWO.amount_out(TOKEN0, TOKEN1, amount)


@pytest.mark.parametrize("amount", [-1, 0, 501 * WHOLE, 499 * WHOLE])
def test_pool__output_that_it_has_not__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts, match="cryptoswap"):
        TWO.amount_in(TOKEN0, TOKEN1, amount)


def test_pool__without_liquidity__cannot_trade() -> None:
    empty = replace(TWO, balances=(0, 0), D=0)

    assert empty.rate(TOKEN0, TOKEN1) == empty.depth(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts):
        empty.amount_out(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize(("token_in", "token_out"), [(TOKEN0, OTHER), (OTHER, TOKEN1), (TOKEN0, TOKEN0)])
def test_pool__token_that_it_does_not_trade__is_an_error(token_in: Address, token_out: Address) -> None:
    with pytest.raises(PoolError, match="does not trade"):
        TWO.amount_out(token_in, token_out, 1)


@pytest.mark.parametrize("event", [CurveExchange(POOL, 0, 100, 1, 86), CurveChanged(POOL)])
def test_pool__any_event__does_not_tell(event: CurveExchange | CurveChanged) -> None:
    assert TWO.apply(event) is None


def test_pool__snapshot__there_and_back() -> None:
    assert TWO.snapshot() == SNAPSHOT
    assert FAMILIES["curve_cryptoswap"].from_snapshot(SNAPSHOT) == TWO
    assert CurveCryptoSwapPool.from_snapshot(TRI.snapshot()) == TRI


@pytest.mark.parametrize(
    "broken",
    [
        {"balances": ["1"]},
        {"price_scale": ["0"]},
        {"precisions": ["0", "1"]},
        {"d": "x"},
        {"a": None},
        {"address": None},
    ],
)
def test_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a curve_cryptoswap snapshot cannot be read"):
        CurveCryptoSwapPool.from_snapshot(SNAPSHOT | broken)


def test_pool__snapshot_of_a_kind_that_is_not_modelled__is_an_error() -> None:
    with pytest.raises(PoolError, match="neither tricrypto of 2021 nor NG"):
        CurveCryptoSwapPool.from_snapshot(SNAPSHOT | {"generation": "2021"})


def words(*values: int | None) -> list[Answer]:
    return [None if value is None else value.to_bytes(32) for value in values]


TWO_WORDS = (400_000, 145 * 10**12, 2 * 10**6 * WHOLE, 26_000_000, 45_000_000, 230 * 10**12)
TRI_WORDS = (1_707_629, 11_809_167_828_997, 3 * 10**6 * WHOLE, 3_000_000, 30_000_000, 500 * 10**12)
MATH = int.from_bytes(b"\xaa" * 20)


def two(*, ramp_end: int = 0, price: int = 2_000 * WHOLE, decimals: int = 6, math: int | None = MATH) -> list[Answer]:
    state = (*TWO_WORDS, ramp_end, 10**12, 500 * WHOLE, price, decimals, 18, 1_000, None, math, None)
    return words(*state)


def test_pool__read_of_2021__one_round() -> None:
    reading = CurveCryptoSwapPool.read(TRI_INFO)
    calls = list(next(reading))
    assert calls[0] == Call(POOL, bytes.fromhex("f446c1d0"))
    with pytest.raises(StopIteration) as done:
        reading.send(
            words(*TRI_WORDS, 0, *TRI.balances, *TRI.price_scale, 6, 8, 18, 1_000, 0, None, None),
        )
    assert done.value.value == TRI


def test_pool__read_of_ng__two_rounds() -> None:
    reading = CurveCryptoSwapPool.read(TWO_INFO)
    next(reading)
    assert list(reading.send(two())) == [Call(Address("0x" + "aa" * 20), bytes.fromhex("54fd4d50"))]
    with pytest.raises(StopIteration) as done:
        reading.send([encode(["string"], ["v2.0.0"])])
    assert done.value.value == TWO


@pytest.mark.parametrize(
    "version",
    [
        encode(["string"], ["v2.1.0"]),
        None,
        encode(["bytes"], [b"\xff\xd0"]),
        (32).to_bytes(32) + b"\xff" * 32 + bytes(64),
    ],
)
def test_pool__read_of_other_mathematics__is_an_error(version: Answer) -> None:
    reading = CurveCryptoSwapPool.read(TWO_INFO)
    next(reading)
    reading.send(two())
    with pytest.raises(PoolError, match="mathematics"):
        reading.send([version])


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        (words(*[None] * 16), "does not answer"),
        (two(ramp_end=1_001), "moves its amplification"),
        (two(ramp_end=1, math=None), "moves its amplification"),
        ([*two()[:-3], (1).to_bytes(32), *two()[-2:]], "is killed"),
        ([*two()[:-1], (1).to_bytes(32)], "first cryptoswap pools"),
        (two(price=0, math=None), "cannot have"),
        (two(decimals=19, math=None), "cannot have"),
        (two(math=None), "neither tricrypto of 2021 nor NG"),
    ],
)
def test_pool__read_of_another_kind__is_an_error(told: list[Answer], complaint: str) -> None:
    reading = CurveCryptoSwapPool.read(TWO_INFO)
    next(reading)
    with pytest.raises(PoolError, match=complaint):
        reading.send(told)
