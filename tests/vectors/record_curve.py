"""
Asks curvesim for the answers that Curve's models are compared with, and writes them beside this file.

It is an implementation that nobody here wrote, and pins what the project does not, so it runs in an environment of its
own:

    python -m venv /tmp/curvesim && /tmp/curvesim/bin/pip install curvesim==0.5.0
    PYTHONPATH=. /tmp/curvesim/bin/python -m tests.vectors.record_curve

Each answer is the invariant, what a tenth of a coin costs, and what the swap buys, of StableSwap also what remains of
the coin; null is what curvesim refuses or does not find.
"""

import json
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from curvesim.exceptions import CalculationError
from curvesim.pool import cryptoswap
from curvesim.pool.cryptoswap import CurveCryptoPool, calcs
from curvesim.pool.stableswap.pool import CurvePool

from tests.vectors.curve_cases import CryptoSwap, StableSwap, cryptoswaps, stableswaps

#: What does not converge by then never does: the contracts give up after 255 rounds, curvesim does not.
_PATIENCE_SECONDS = 0.5

_GetY = Callable[[int, int, list[int], int, int], list[int]]


def _stableswap(case: StableSwap) -> list[int | None]:
    D = dx = None
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_SECONDS)
    try:
        pool = CurvePool(
            case.A,
            list(case.balances),
            len(case.balances),
            rates=list(case.rates),
            fee=case.fee,
            fee_mul=case.offpeg_fee_multiplier,
            admin_fee=case.admin_fee,
        )
        D = int(pool.D())
        dx = _stableswap_dx(pool, case)
        dy, _ = pool.exchange(case.i, case.j, case.dx)
    except (AssertionError, ZeroDivisionError, TimeoutError):
        return [D, dx, None, None]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return [D, dx, int(dy), int(pool.balances[case.j])]


def _stableswap_dx(pool: CurvePool, case: StableSwap) -> int:
    """What ``get_dx`` asks for a tenth of the coin: curvesim has its parts only."""
    i, j, xp = case.i, case.j, pool._xp()
    dy_with_fee = (case.balances[j] // 10) * case.rates[j] // 10**18 + 1
    y = xp[j] - dy_with_fee * 10**10 // (10**10 - pool.dynamic_fee(xp[i], xp[j]))
    return int((pool.get_y(j, i, y, xp) - xp[i]) * 10**18 // case.rates[i])


def _cryptoswap(case: CryptoSwap, get_y: _GetY) -> list[int | None]:
    cryptoswap.pool.get_y = get_y
    try:
        pool = CurveCryptoPool(
            A=case.ANN,
            gamma=case.gamma,
            n=len(case.balances),
            precisions=list(case.precisions),
            mid_fee=case.mid_fee,
            out_fee=case.out_fee,
            allowed_extra_profit=0,
            fee_gamma=case.fee_gamma,
            adjustment_step=1,
            ma_half_time=600,
            price_scale=list(case.price_scale),
            balances=list(case.balances),
        )
    except (AssertionError, ZeroDivisionError, CalculationError, ValueError):
        return [0, None, None]
    dx = None
    try:
        dx = _cryptoswap_dx(pool, case, get_y)
        dy = int(pool.get_dy(case.i, case.j, case.dx))
        balances = list(case.balances)
        balances[case.i] += case.dx
        xp = pool._xp_mem(balances)
        y = int(get_y(case.ANN, case.gamma, xp, pool.D, case.j)[0])
    except (AssertionError, ZeroDivisionError, CalculationError, ValueError):
        return [int(pool.D), dx, None]
    # Below zero curvesim goes on where a contract cannot.
    return [int(pool.D), dx, dy if xp[case.j] - y - 1 >= 0 else None]


def _cryptoswap_dx(pool: CurveCryptoPool, case: CryptoSwap, get_y: _GetY) -> int:
    """What ``get_dx`` asks for a tenth of the coin: curvesim has its parts only."""
    i, j, wanted = case.i, case.j, case.balances[case.j] // 10 + 1
    dx, dy = 0, wanted
    for _ in range(5):
        balances = list(case.balances)
        balances[j] -= dy
        xp = pool._xp_mem(balances)
        x = int(get_y(case.ANN, case.gamma, xp, pool.D, i)[0])
        price = case.price_scale[i - 1] if i else 10**18
        dx = (x - xp[i]) * 10**18 // price // case.precisions[i]
        xp[i] = x
        dy = wanted + int(pool._fee(xp)) * dy // 10**10 + 1
    return dx


def _newton_y(ANN: int, gamma: int, x: list[int], D: int, i: int) -> list[int]:
    """As the pools of 2021 find it, and NG where its formula has no answer."""
    return [int(calcs.tricrypto_ng._newton_y(ANN, gamma, x, D, i)), 0]


def _give_up(_signal: int, _frame: object) -> None:
    raise TimeoutError


def _write(name: str, answers: Iterable[Any]) -> None:
    lines = ",\n".join(json.dumps(answer) for answer in answers)
    (Path(__file__).parent / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _give_up)
    _write("curve_stableswap_ng", map(_stableswap, stableswaps()))
    _write("curve_tricrypto_2021", (_cryptoswap(case, _newton_y) for case in cryptoswaps(3)))
    _write("curve_tricrypto_ng", (_cryptoswap(case, calcs.get_y) for case in cryptoswaps(3)))
    _write("curve_twocrypto", (_cryptoswap(case, calcs.get_y) for case in cryptoswaps(2)))
