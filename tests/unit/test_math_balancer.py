from decimal import Decimal, localcontext

import pytest

from keeper.errors import SwapReverts
from keeper.math import fixed_point, log_exp_math
from keeper.math.fixed_point import ONE, complement, div_down, div_up, mul_down, mul_up, pow_up
from keeper.math.log_exp_math import exp, ln, pow_
from keeper.math.weighted_math import calc_in_given_out, calc_out_given_in


def test_fixed_point__rounding__is_in_the_name() -> None:
    assert (mul_down(1, 1), mul_up(1, 1)) == (0, 1)
    assert (div_down(1, 3 * ONE), div_up(1, 3 * ONE)) == (0, 1)
    assert (mul_up(0, ONE), div_up(0, ONE)) == (0, 0)
    assert (complement(ONE // 4), complement(2 * ONE)) == (3 * ONE // 4, 0)


def test_fixed_point__beyond_the_word__reverts() -> None:
    with pytest.raises(SwapReverts, match="MUL_OVERFLOW"):
        mul_down(1 << 128, 1 << 128)
    with pytest.raises(SwapReverts, match="ZERO_DIVISION"):
        div_down(1, 0)
    with pytest.raises(SwapReverts, match="ZERO_DIVISION"):
        div_up(1, 0)
    with pytest.raises(SwapReverts, match="SUB_OVERFLOW"):
        fixed_point.sub(1, 2)


@pytest.mark.parametrize("entry", [*log_exp_math._COARSE, *log_exp_math._FINE])
def test_table_of_powers__every_row__is_e_to_the_x(entry: tuple[int, int]) -> None:
    x, power = entry
    decimals = 20 if entry in log_exp_math._FINE else 18
    with localcontext() as context:
        context.prec = 80
        exact = (Decimal(x) / 10**decimals).exp() * (10**20 if decimals == 20 else 1)

    assert abs(power / exact - 1) < Decimal("1e-20")


def test_exp_and_ln__small_numbers__by_hand() -> None:
    assert exp(0) == ONE
    assert exp(ONE) == 2_718281828459045235
    assert exp(-ONE) == 367879441171442321
    assert ln(ONE) == 0
    assert ln(2 * ONE) == 693147180559945309
    assert ln(ONE // 2) == -693147180559945309


def test_exp_and_ln__large_numbers__use_the_coarse_table() -> None:
    assert exp(130 * ONE) == pytest.approx(2.871e56 * ONE, rel=1e-3)
    assert ln(exp(70 * ONE)) == pytest.approx(70 * ONE, rel=1e-15)


def test_pow__corners__by_hand() -> None:
    assert pow_(5 * ONE, 0) == pow_(0, 0) == ONE
    assert pow_(0, 1) == 0
    assert pow_(2 * ONE, 10 * ONE) == pytest.approx(1024 * ONE, rel=1e-15)
    assert pow_(ONE // 2, ONE // 2) == pytest.approx(707106781186547524, abs=10)


def test_pow__around_one__keeps_its_precision() -> None:
    # 1.05 ** 3 = 1.157625 and 0.95 ** 3 = 0.857375, exactly.
    assert pow_(105 * ONE // 100, 3 * ONE) == pytest.approx(1_157625 * 10**12, abs=2)
    assert pow_(95 * ONE // 100, 3 * ONE) == pytest.approx(857375 * 10**12, abs=2)


@pytest.mark.parametrize("x", [9 * ONE // 10 + 1, ONE - 1, ONE + 1, 11 * ONE // 10 - 1])
def test_ln_around_one__every_term_of_the_series__is_there(x: int) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = (Decimal(x) / ONE).ln()

        assert abs(Decimal(log_exp_math._ln_36(x)) / 10**36 - exact) < Decimal("1e-22")


@pytest.mark.parametrize(
    ("x", "y", "complaint"),
    [
        (1 << 255, ONE, "X_OUT_OF_BOUNDS"),
        (ONE, (1 << 254) // 10**20, "Y_OUT_OF_BOUNDS"),
        (2 * ONE, 200 * ONE, "PRODUCT_OUT_OF_BOUNDS"),
        (1, 2 * ONE, "PRODUCT_OUT_OF_BOUNDS"),
    ],
)
def test_pow__out_of_bounds__reverts(x: int, y: int, complaint: str) -> None:
    with pytest.raises(SwapReverts, match=complaint):
        pow_(x, y)


@pytest.mark.parametrize("x", [131 * ONE, -42 * ONE])
def test_exp__out_of_bounds__reverts(x: int) -> None:
    with pytest.raises(SwapReverts, match="INVALID_EXPONENT"):
        exp(x)


def test_pow_up__whole_powers__are_products_only_with_shortcuts() -> None:
    x = ONE // 3
    for y, product in ((ONE, x), (2 * ONE, mul_up(x, x)), (4 * ONE, mul_up(mul_up(x, x), mul_up(x, x)))):
        assert pow_up(x, y, shortcuts=True) == product
        assert product < pow_up(x, y, shortcuts=False) == pytest.approx(product, rel=2e-14)


def test_weighted_math__equal_weights__is_the_constant_product() -> None:
    # 100 * 30 / (100 + 30), rounded against the trader in the power: base 0.769230769230769231 up.
    assert calc_out_given_in(100 * ONE, ONE // 2, 100 * ONE, ONE // 2, 30 * ONE, shortcuts=True) == 23076923076923076900
    assert calc_in_given_out(100 * ONE, ONE // 2, 100 * ONE, ONE // 2, 20 * ONE, shortcuts=True) == 25 * ONE


def test_weighted_math__more_than_three_tenths__reverts() -> None:
    with pytest.raises(SwapReverts, match="MAX_IN_RATIO"):
        calc_out_given_in(100, ONE // 2, 100, ONE // 2, 31, shortcuts=True)
    with pytest.raises(SwapReverts, match="MAX_OUT_RATIO"):
        calc_in_given_out(100, ONE // 2, 100, ONE // 2, 31, shortcuts=True)
