import pytest

from keeper.errors import SwapReverts
from keeper.math.full_math import mul_div, mul_div_rounding_up
from keeper.math.liquidity_math import add_delta
from keeper.math.sqrt_price_math import (
    get_amount0_delta,
    get_amount1_delta,
    get_next_sqrt_price_from_amount0_rounding_up,
    get_next_sqrt_price_from_amount1_rounding_down,
    get_next_sqrt_price_from_input,
    get_next_sqrt_price_from_output,
)
from keeper.math.swap_math import compute_swap_step
from keeper.math.tick import Ticks
from keeper.math.tick_bitmap import next_tick_above, next_tick_below
from keeper.math.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    get_sqrt_ratio_at_tick,
    get_tick_at_sqrt_ratio,
)
from keeper.math.uniswap_v2_library import get_amount_in, get_amount_out

Q96 = 1 << 96


def test_mul_div__remainder__is_dropped_or_rounded_up() -> None:
    assert (mul_div(7, 3, 2), mul_div_rounding_up(7, 3, 2)) == (10, 11)
    assert (mul_div(6, 3, 2), mul_div_rounding_up(6, 3, 2)) == (9, 9)


def test_mul_div__product_beyond_uint256__is_exact() -> None:
    assert mul_div(2**255, 2**255, 2**255) == 2**255


@pytest.mark.parametrize("function", [mul_div, mul_div_rounding_up])
def test_mul_div__zero_denominator_or_overflow__reverts(function: object) -> None:
    assert callable(function)
    with pytest.raises(SwapReverts, match="division by zero"):
        function(1, 1, 0)
    with pytest.raises(SwapReverts, match="overflow"):
        function(2**255, 2, 1)


def test_mul_div_rounding_up__just_above_uint256__reverts() -> None:
    # The quotient fits, its rounding does not.
    a, b, denominator = 535006138814359, 432862656469423142931042426214547535783388063929571229938474969, 2
    assert mul_div(a, b, denominator) == 2**256 - 1
    with pytest.raises(SwapReverts, match="overflow"):
        mul_div_rounding_up(a, b, denominator)


def test_add_delta__beyond_uint128_or_below_zero__reverts() -> None:
    assert add_delta(2**128 - 1, -1) == 2**128 - 2
    with pytest.raises(SwapReverts, match="LA"):
        add_delta(2**128 - 1, 1)
    with pytest.raises(SwapReverts, match="LS"):
        add_delta(0, -1)


def test_tick_math__ends_of_the_range__are_the_constants() -> None:
    assert get_sqrt_ratio_at_tick(MIN_TICK) == MIN_SQRT_RATIO
    assert get_sqrt_ratio_at_tick(MAX_TICK) == MAX_SQRT_RATIO
    assert get_sqrt_ratio_at_tick(0) == Q96
    assert get_tick_at_sqrt_ratio(MIN_SQRT_RATIO) == MIN_TICK
    assert get_tick_at_sqrt_ratio(MAX_SQRT_RATIO - 1) == MAX_TICK - 1


def test_tick_math__beyond_the_range__reverts() -> None:
    for tick in (MIN_TICK - 1, MAX_TICK + 1):
        with pytest.raises(SwapReverts, match="T$"):
            get_sqrt_ratio_at_tick(tick)
    for price in (MIN_SQRT_RATIO - 1, MAX_SQRT_RATIO):
        with pytest.raises(SwapReverts, match="R$"):
            get_tick_at_sqrt_ratio(price)


def test_next_sqrt_price__token0_in__price_falls_and_is_rounded_up() -> None:
    # 2 / (2 + 1) of the price.
    assert get_next_sqrt_price_from_amount0_rounding_up(Q96, 2, 1, add=True) == -(-2 * Q96 // 3)
    assert get_next_sqrt_price_from_amount0_rounding_up(Q96, 2, 0, add=True) == Q96


def test_next_sqrt_price__token0_out__price_rises_and_is_rounded_up() -> None:
    assert get_next_sqrt_price_from_amount0_rounding_up(Q96, 4, 1, add=False) == -(-4 * Q96 // 3)


def test_next_sqrt_price__token0_product_beyond_uint256__is_less_precise() -> None:
    liquidity, price, amount = 1 << 120, 3 << 157, 1 << 98
    imprecise = -(-(liquidity << 96) // ((liquidity << 96) // price + amount))
    precise = -(-(liquidity << 96) * price // ((liquidity << 96) + amount * price))

    assert get_next_sqrt_price_from_amount0_rounding_up(price, liquidity, amount, add=True) == imprecise > precise


def test_next_sqrt_price__token1__price_moves_by_amount_over_liquidity() -> None:
    assert get_next_sqrt_price_from_amount1_rounding_down(Q96, 3, 1, add=True) == Q96 + Q96 // 3
    assert get_next_sqrt_price_from_amount1_rounding_down(Q96, 3, 1, add=False) == Q96 - (Q96 // 3 + 1)


def test_next_sqrt_price__price_beyond_uint160__reverts() -> None:
    with pytest.raises(SwapReverts, match="uint160"):
        get_next_sqrt_price_from_amount1_rounding_down(Q96, 1, 1 << 64, add=True)
    with pytest.raises(SwapReverts, match="uint160"):
        get_next_sqrt_price_from_amount0_rounding_up((1 << 160) - 1, 1 << 100, (1 << 36) - 1, add=False)


def test_next_sqrt_price__output_beyond_the_reserve__reverts() -> None:
    with pytest.raises(SwapReverts, match="token0"):
        get_next_sqrt_price_from_output(Q96, 5, 5, zero_for_one=False)
    with pytest.raises(SwapReverts, match="token1"):
        get_next_sqrt_price_from_output(Q96, 5, 5, zero_for_one=True)
    with pytest.raises(SwapReverts, match="token0"):
        get_next_sqrt_price_from_output(Q96, 5, 1 << 200, zero_for_one=False)


@pytest.mark.parametrize(("price", "liquidity"), [(0, 1), (1, 0)])
def test_next_sqrt_price__no_price_or_liquidity__reverts(price: int, liquidity: int) -> None:
    for function in (get_next_sqrt_price_from_input, get_next_sqrt_price_from_output):
        with pytest.raises(SwapReverts, match="zero"):
            function(price, liquidity, 1, True)


def test_amount_deltas__either_order__rounded_as_asked() -> None:
    double = 2 * Q96
    assert [get_amount0_delta(Q96, double, 3, up) for up in (True, False)] == [2, 1]
    assert [get_amount0_delta(double, Q96, 3, up) for up in (True, False)] == [2, 1]
    half = Q96 // 2
    assert [get_amount1_delta(half, Q96, 3, up) for up in (True, False)] == [2, 1]
    assert [get_amount1_delta(Q96, half, 3, up) for up in (True, False)] == [2, 1]


def test_amount0_delta__zero_price__reverts() -> None:
    with pytest.raises(SwapReverts, match="zero"):
        get_amount0_delta(0, Q96, 1, True)


def test_swap_step__input_short_of_the_target__is_used_up() -> None:
    # 1,000 less 0.3 % moves a liquidity of 1,000,000 from 1 to 1,000,000 / 1,000,997.
    price, amount_in, amount_out, fee = compute_swap_step(Q96, Q96 // 2, 1_000_000, 1_000, 3_000)

    assert price == -(-1_000_000 * Q96 // 1_000_997)
    assert (amount_in, amount_out, fee) == (997, 996, 3)


def test_swap_step__input_beyond_the_target__stops_there() -> None:
    price, amount_in, amount_out, fee = compute_swap_step(Q96, Q96 // 2, 1_000_000, 10**9, 3_000)

    # 1,000,000 of token0 halve the root of the price; the fee is 3 of 997 parts, rounded up.
    assert (price, amount_in, amount_out, fee) == (Q96 // 2, 1_000_000, 500_000, 3_010)


def test_swap_step__output__is_delivered_and_its_input_rounded_up() -> None:
    price, amount_in, amount_out, fee = compute_swap_step(Q96, Q96 // 2, 1_000_000, -996, 3_000)

    assert price == Q96 - -(-996 * Q96 // 1_000_000)
    assert (amount_in, amount_out, fee) == (997, 996, 3)


def test_swap_step__output_beyond_the_target__stops_there() -> None:
    assert compute_swap_step(Q96, Q96 * 2, 1_000, -(10**9), 0) == (Q96 * 2, 1_000, 500, 0)


def test_swap_step__price_coarser_than_a_unit__output_is_capped() -> None:
    # One unit of the root of the price is 2**4 units of token1.
    liquidity = 1 << 100
    price, amount_in, amount_out, _ = compute_swap_step(Q96, Q96 - 10, liquidity, -1, 0)

    assert (price, amount_out) == (Q96 - 1, 1)
    assert amount_in == get_amount0_delta(Q96 - 1, Q96, liquidity, True)


@pytest.mark.parametrize(
    ("tick", "initialized", "below"),
    [(255, -900, 0), (256, -900, 256), (257, -900, 256), (-1, -900, -256), (-256, -900, -256), (300, 290, 290)],
)
def test_next_tick_below__empty_word__stops_at_its_start(tick: int, initialized: int, below: int) -> None:
    assert next_tick_below(tick, 1, initialized) == below


@pytest.mark.parametrize(
    ("tick", "initialized", "above"),
    [(254, 900, 255), (255, 900, 511), (256, 900, 511), (-1, 900, 255), (-2, 900, -1), (300, 310, 310)],
)
def test_next_tick_above__empty_word__stops_at_its_end(tick: int, initialized: int, above: int) -> None:
    assert next_tick_above(tick, 1, initialized) == above


def test_next_tick__spacing__counts_words_in_spacings() -> None:
    # -61 lies in the spacing [-120, -60), which is the last but one of the word that begins at -256 * 60.
    assert next_tick_below(-61, 60, MIN_TICK) == -256 * 60
    assert next_tick_above(-61, 60, MAX_TICK) == -60


def test_ticks__position_added_and_removed__leaves_nothing() -> None:
    ticks = Ticks().modified(-60, 60, 100)
    assert dict(ticks) == {-60: (100, 100), 60: (100, -100)}
    assert dict(ticks.modified(-60, 60, -100)) == {}
    assert dict(ticks) == {-60: (100, 100), 60: (100, -100)}


def test_ticks__positions_that_share_a_tick__gross_adds_and_net_cancels() -> None:
    ticks = Ticks().modified(-60, 0, 100).modified(0, 60, 100)

    assert dict(ticks) == {-60: (100, 100), 0: (200, 0), 60: (100, -100)}
    assert dict(ticks.modified(0, 60, -100)) == {-60: (100, 100), 0: (100, -100)}


def test_ticks__lookup__is_a_mapping_in_order() -> None:
    ticks = Ticks.of({60: (1, -1), -60: (1, 1)})

    assert (list(ticks), len(ticks), ticks[60]) == ([-60, 60], 2, (1, -1))
    assert [ticks.position(tick) for tick in (-61, -60, 59, 60)] == [0, 1, 1, 2]
    assert 0 not in ticks
    assert 61 not in ticks


def test_ticks__gross_known_in_part__is_never_below_the_net() -> None:
    # The net of 100 is all that is known of -60, where 40 end and 140 begin.
    ticks = Ticks.of({-60: (100, 100)}).modified(-120, -60, -40)

    assert dict(ticks) == {-60: (140, 140)}


def test_v2_library__fee_in_pips__equals_its_thousandths() -> None:
    for amount in (1, 2, 999, 1_000, 123_456_789, 10**24):
        with_fee = amount * 997
        assert get_amount_out(amount, 10**20, 10**12, 3_000) == with_fee * 10**12 // (10**20 * 1_000 + with_fee)
        if amount < 10**12:
            numerator, denominator = 10**20 * amount * 1_000, (10**12 - amount) * 997
            assert get_amount_in(amount, 10**20, 10**12, 3_000) == numerator // denominator + 1


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        (get_amount_out, (0, 1, 1), "INSUFFICIENT_INPUT_AMOUNT"),
        (get_amount_out, (1, 0, 1), "INSUFFICIENT_LIQUIDITY"),
        (get_amount_out, (1, 1, 0), "INSUFFICIENT_LIQUIDITY"),
        (get_amount_in, (0, 1, 1), "INSUFFICIENT_OUTPUT_AMOUNT"),
        (get_amount_in, (1, 0, 2), "INSUFFICIENT_LIQUIDITY"),
        (get_amount_in, (1, 1, 1), "INSUFFICIENT_LIQUIDITY"),
        (get_amount_in, (2, 1, 1), "INSUFFICIENT_LIQUIDITY"),
    ],
)
def test_v2_library__nothing_to_trade__reverts(function: object, arguments: tuple[int, ...], reason: str) -> None:
    assert callable(function)
    with pytest.raises(SwapReverts, match=reason):
        function(*arguments, 3_000)
