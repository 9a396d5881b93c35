"""
Asks degenbot for the answers that the model of Camelot's pairs is compared with, and writes them beside this file.

It is an implementation that nobody here wrote, and pins what the project does not, so it runs in an environment of its
own:

    python -m venv /tmp/degenbot && /tmp/degenbot/bin/pip install degenbot==0.3.0
    PYTHONPATH=. /tmp/degenbot/bin/python -m tests.vectors.record_camelot

Each answer is what ``getAmountOut`` would be.
"""

import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

from degenbot.camelot.pools import CamelotLiquidityPool

from tests.vectors.camelot_cases import PairSwap, pair_swaps


def _amount_out(case: PairSwap, stable: bool) -> int:
    """Of a pair that was never read from a chain."""
    tokens = [SimpleNamespace(decimals=decimals, address=str(n)) for n, decimals in enumerate(case.decimals)]
    pool = SimpleNamespace(
        token0=tokens[0],
        token1=tokens[1],
        reserves_token0=case.reserves[0],
        reserves_token1=case.reserves[1],
        fee_denominator=100_000,
        fee_token0=Fraction(case.fee_percents[0], 100_000),
        fee_token1=Fraction(case.fee_percents[1], 100_000),
        state=SimpleNamespace(reserves_token0=case.reserves[0], reserves_token1=case.reserves[1]),
    )
    if stable:
        calculate = CamelotLiquidityPool._calculate_tokens_out_from_tokens_in_stable_swap
    else:
        calculate = CamelotLiquidityPool.__mro__[1].calculate_tokens_out_from_tokens_in
    return int(calculate(pool, tokens[case.i], case.amount_in))


if __name__ == "__main__":
    for name, stable in (("volatile", False), ("stable", True)):
        lines = ",\n".join(json.dumps(_amount_out(case, stable)) for case in pair_swaps(stable))
        (Path(__file__).parent / f"camelot_{name}.json").write_text(f"[\n{lines}\n]\n")
