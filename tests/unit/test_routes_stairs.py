"""
What floats say of rounding near an amount.
"""

import numpy as np
import pytest

from keeper.routes.kernels import stairs

KEEP = 0.997


def fee_first(start_kept: int) -> np.ndarray:
    """A range that begins where a fee of 0.3 % leaves so much, and pays what the fee leaves."""
    rows = np.zeros((1, 1, 8))
    rows[0, 0] = start_kept / KEEP, start_kept, 2e5, 2e5 * KEEP, 1.0, 1e30, KEEP, 1.0
    return rows


@pytest.mark.parametrize("start_kept", range(50_350, 50_360))
@pytest.mark.parametrize(("units", "paid"), [(55_000, 54_835), (54_999, 54_834)])
def test_gain__fee_that_leaves_a_whole_number_or_not__takes_no_unit_from_it(
    start_kept: int, units: int, paid: int
) -> None:
    assert stairs.gain(fee_first(start_kept), 0, float(units)) == paid - units


@pytest.mark.parametrize("start_kept", range(50_350, 50_360))
def test_gain__output_that_a_whole_input_pays_exactly__takes_no_more(start_kept: int) -> None:
    both = np.concatenate((fee_first(start_kept), fee_first(start_kept)))

    assert stairs.gain(both, 1, 54_835.0) == 54_670 - 55_000
